"""Labels on a drawing, each beside its point and where it hides least: no line, no dot, no other label.

In pixels, y downwards. A label tries places around its point, the near ones first, and takes the first that is free;
where none is, the one that the fewest lines cross.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Spot = tuple[float, float]

_LETTER, _ASCENT, _DESCENT = 0.6, 0.8, 0.22
"""Of a font's size: how wide a letter is at most on average, how high, and how deep below the line."""

_BESIDE = tuple((9.0 * side, down) for down in (0.0, -7.0, 7.0) for side in (1, -1))
_BEYOND = tuple(
    (4.0 * side, away * way) for away in (16.0, 22.0, 30.0, 40.0, 56.0, 76.0) for way in (-1, 1) for side in (1, -1)
)
"""Where words begin (or end, to a point's left), from it: right of it first, then left, then above and below."""

_OFF_LINES, _OFF_DOTS = 2.0, 4.0
"""Room between words and what is not theirs: beside another's dot, a name would be taken for its."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the drawing."""

    left: float
    top: float
    right: float
    bottom: float

    def grown(self, by: float) -> Box:
        """The same with so much room on every side."""
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def meets(self, other: Box) -> bool:
        """Whether the two have a point in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: Box) -> bool:
        """Whether the other lies within this one."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom

    def crossed(self, start: Spot, end: Spot) -> bool:
        """Whether a straight line passes through (Liang and Barsky 1984)."""
        first, last = 0.0, 1.0
        ways = (end[0] - start[0], end[1] - start[1])
        for axis, (low, high) in enumerate(((self.left, self.right), (self.top, self.bottom))):
            way, begin = ways[axis], start[axis]
            if way == 0:
                if not low < begin < high:
                    return False
                continue
            enter, leave = sorted(((low - begin) / way, (high - begin) / way))
            first, last = max(first, enter), min(last, leave)
        return first < last


@dataclass(frozen=True, slots=True)
class Label:
    """Words for the point at `at`, in a font of `size`."""

    at: Spot
    words: str
    size: float


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a label's words begin, or with `end` where they end: the line they stand on."""

    x: float
    y: float
    end: bool
    box: Box


def place_labels(
    labels: Sequence[Label], lines: Sequence[Sequence[Spot]], dots: Sequence[Box], frame: Box
) -> list[Placed]:
    """A place for each label, in their order: the first ones have the first choice."""
    taken, placed = [dot.grown(_OFF_DOTS) for dot in dots], []
    for label in labels:
        best = min(_places(label, frame), key=lambda place: _hidden(place.box, lines, taken))
        taken.append(best.box)
        placed.append(best)
    return placed


def _places(label: Label, frame: Box) -> list[Placed]:
    """Places within the frame around a label's point, the most wanted first; the very first whatever else, if none."""
    (x, y), half = label.at, 0.35 * label.size
    places = [_placed(label, x + across, y + half + down, across < 0) for across, down in (*_BESIDE, *_BEYOND)]
    return [place for place in places if frame.holds(place.box)] or places[:1]


def _placed(label: Label, x: float, y: float, end: bool) -> Placed:
    width = _LETTER * label.size * len(label.words)
    left = x - width if end else x
    return Placed(x, y, end, Box(left, y - _ASCENT * label.size, left + width, y + _DESCENT * label.size))


def _hidden(box: Box, lines: Sequence[Sequence[Spot]], taken: Sequence[Box]) -> tuple[int, int]:
    """What words there would hide: how many dots and labels, and how many pieces of lines."""
    pieces = sum(box.grown(_OFF_LINES).crossed(*piece) for line in lines for piece in pairwise(line))
    return sum(box.meets(other) for other in taken), pieces
