"""How many pages are judged together.

A batch costs the same few milliseconds however few pages it has, and every character of its texts is known by some
seven bytes at once. How long a page's text is shows when it is extracted: until then it is reckoned from how much of
the archive's markup has been text so far. Where batches end changes no value that is written.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.compute as pc

from pipeline.archive.records import Page
from pipeline.judging import Verdicts

MOST_PAGES = 128
MOST_MARKUP = 4 << 20  # bytes
MOST_TEXT = 256 << 10  # characters
FIRST_SHARE = 16
"""The first batch is so many times smaller: what judging loads into a process is loaded while pages take little."""


@dataclass
class Batching:
    """Says when a batch is full, over the pages of one archive."""

    _any_judged: bool = False
    _markup: int = 0
    _text: int = 0  # of pages that have no markup
    _markup_seen: int = 1 << 20  # as if so much had been read before, a quarter of it text
    _text_seen: int = 256 << 10  # characters

    def add(self, page: Page) -> None:
        """One more page in the batch."""
        if page.text is None:
            self._markup += len(page.body)
        else:
            self._text += len(page.text)

    def is_full(self, rows: int) -> bool:
        """Whether to judge what there is.

        Args:
            rows: Pages in the batch, and whatever else is kept with them.
        """
        text = self._text + self._markup * self._text_seen // self._markup_seen
        share = 1 if self._any_judged else FIRST_SHARE
        return rows * share >= MOST_PAGES or self._markup * share >= MOST_MARKUP or text * share >= MOST_TEXT

    def judged(self, verdicts: Verdicts) -> None:
        """The batch is done with: these are its pages."""
        self._any_judged = True
        text = pc.sum(pc.utf8_length(verdicts.table["text"])).as_py() or 0
        self._text_seen += max(text - self._text, 0)
        self._markup_seen += self._markup
        self._markup = self._text = 0
