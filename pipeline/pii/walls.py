"""A text with walls in it: what has been taken out, and nothing is found across.

Walls are `<` over every byte of theirs, so that one search of the whole text is a search of each part between them: no
pattern reaches across two of these in a row. What judges a candidate is shown its own part alone.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from pipeline.pii.kind import Candidate


class Walled:
    """A text, its UTF-8 with the walls in it, and where they are.

    Attributes:
        data: The text's UTF-8, `<` where a wall is.
    """

    def __init__(self, text: str) -> None:
        self.data: bytes | bytearray = text.encode("utf-8", "surrogatepass")
        self._text = text
        self._begun: np.ndarray | None = None  # characters begun before each byte; None where they are as many
        self._edges = [0, len(text)]  # first and last character of each part, in order
        self._part, self._shown = (0, len(text)), text
        if len(self.data) > len(text):
            leads = (np.frombuffer(self.data, np.uint8) & 0xC0) != 0x80
            self._begun = np.concatenate(([0], np.cumsum(leads)))

    def character(self, byte: int) -> int:
        """The character that begins at a byte."""
        return byte if self._begun is None else int(self._begun[byte])

    def candidate(self, start: int, end: int, regions: tuple[str, ...]) -> tuple[Candidate, int]:
        """The bytes' characters as a candidate within their part, and where the part begins."""
        first, last = self.character(start), self.character(end)
        if not self._part[0] <= first < self._part[1]:
            self._part = self._part_of(first)
            self._shown = self._text[slice(*self._part)]
        offset = self._part[0]
        return Candidate(self._shown, first - offset, last - offset, regions), offset

    def build(self, walls: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Put walls of characters up, in order and apart, each within one part.

        Returns:
            The bytes of the parts, as they were, that have got one: they look different now.
        """
        parts = dict.fromkeys(self._part_of(start) for start, _ in walls)
        self.data = bytearray(self.data)
        for start, end in walls:
            low, high = self._byte(start), self._byte(end)
            self.data[low:high] = b"<" * (high - low)
        self._edges = sorted([*self._edges, *(edge for wall in walls for edge in wall)])
        self._part = (0, 0)
        return [(self._byte(start), self._byte(end)) for start, end in parts]

    def _part_of(self, character: int) -> tuple[int, int]:
        place = bisect_right(self._edges, character)
        return self._edges[place - 1], self._edges[place]

    def _byte(self, character: int) -> int:
        return character if self._begun is None else int(np.searchsorted(self._begun, character, "right")) - 1
