"""Tables on a screen that is narrower than they are: nothing cut, no number or word broken where that can be helped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len, chop_cells
from rich.text import Text

_BREAKS = re.compile(r"(?<=[\s_/?&=-])|(?<=[.,:;])(?!\d)")
"""Where a text may go on in the next line: never within a number, within a name only behind a sign."""

_LONGEST_PIECE = 24
"""A piece of a text that is longer may be broken anywhere."""

_GAP = "  "
"""Between two columns."""

_NOTHING = "-"
"""Holds the place of a text that a row has not, where no column does."""


@dataclass(frozen=True)
class Column:
    """A column as it is to be shown: its name, its cells, and whether these are numbers."""

    name: str
    cells: Sequence[str]
    is_number: bool

    @property
    def natural(self) -> int:
        """Width in which nothing is wrapped."""
        return max(map(cell_len, (self.name, *self._lines())))

    @property
    def least(self) -> int:
        """Width under which a number, or a piece of a name or text, would be broken."""
        if self.is_number:
            return max(_longest_piece(self.name), *map(cell_len, self.cells), 1)
        return max(map(_longest_piece, (self.name, *self.cells)))

    def _lines(self) -> Iterator[str]:
        for cell in self.cells:
            yield from cell.split("\n")


def framed_width(columns: Sequence[Column]) -> int:
    """Width of a table in a full frame."""
    return sum(column.natural + 3 for column in columns) + 1


def narrow_table(columns: Sequence[Column], width: int) -> Text:
    """The table without a frame and without columns of nothing, names and texts wrapped. Where even that does not fit,
    every row's texts on a line above its numbers; where that does not, a line a value."""
    columns = [column for column in columns if any(column.cells)] or columns
    numbers = [column for column in columns if column.is_number]
    if (room := _room(columns, width)) >= 0:
        return _side_by_side(columns, _widths(columns, room))
    if 0 < len(numbers) < len(columns) and (room := _room(numbers, width - len(_GAP))) >= 0:
        return _stacked([c for c in columns if not c.is_number], numbers, _widths(numbers, room), width)
    return _records(columns, width)


def _room(columns: Sequence[Column], width: int) -> int:
    """What a screen has beside what the columns need."""
    return width - sum(column.least for column in columns) - len(_GAP) * (len(columns) - 1)


def _side_by_side(columns: Sequence[Column], widths: Sequence[int]) -> Text:
    shown = Text()
    for line in _row([column.name for column in columns], columns, widths):
        shown.append(f"{line}\n", style="bold")
    shown.append(_GAP.join("\u2500" * space for space in widths))
    for row in zip(*(column.cells for column in columns), strict=True):
        shown.append("".join(f"\n{line}" for line in _row(row, columns, widths)))
    return shown


def _stacked(texts: Sequence[Column], numbers: Sequence[Column], widths: Sequence[int], width: int) -> Text:
    shown = Text()
    heads = [[column.name for column in texts], [column.name for column in numbers]]
    rows = zip(zip(*(c.cells for c in texts), strict=True), zip(*(c.cells for c in numbers), strict=True), strict=True)
    for place, (said, counted) in enumerate([tuple(heads), *rows]):
        lines = wrapped(_GAP.join(text or _NOTHING for text in said), width)
        lines += [_GAP + line for line in _row(counted, numbers, widths)]
        shown.append("\n".join(lines) + "\n", style="" if place else "bold")
        if not place:
            shown.append(_GAP + _GAP.join("\u2500" * space for space in widths) + "\n")
    shown.rstrip()
    return shown


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> Iterator[str]:
    """The lines of one row, its cells side by side."""
    parts = [wrapped(cell, space) for cell, space in zip(cells, widths, strict=True)]
    for line in zip_longest(*parts, fillvalue=""):
        padded = (
            f"{' ' * (space - cell_len(part))}{part}" if column.is_number else f"{part}{' ' * (space - cell_len(part))}"
            for part, column, space in zip(line, columns, widths, strict=True)
        )
        yield _GAP.join(padded).rstrip()


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most that many cells, broken between its pieces where they are not longer than a line."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for piece in _pieces(paragraph):
            if cell_len(line + piece.rstrip()) <= width:
                line += piece
                continue
            lines += [line.rstrip()] if line else []
            *whole, line = chop_cells(piece, width) if cell_len(piece.rstrip()) > width else [piece]
            lines += whole
        lines.append(line.rstrip())
    return lines


def _pieces(text: str) -> list[str]:
    return [piece for piece in _BREAKS.split(text) if piece]


def _longest_piece(text: str) -> int:
    return min(max((cell_len(piece.rstrip()) for piece in _pieces(text)), default=1), _LONGEST_PIECE)


def _widths(columns: Sequence[Column], room: int) -> list[int]:
    """Every column's width: what it needs at least, and of the room that is left what would keep it from being wrapped.
    Texts come first and share, those that want little before others; then names of numbers that fit whole."""
    widths = [column.least for column in columns]
    wanted = sorted((column.is_number, column.natural - column.least, place) for place, column in enumerate(columns))
    texts = sum(not is_number for is_number, _, _ in wanted)
    for number, (is_number, want, place) in enumerate(wanted):
        given = min(want, room // (texts - number)) if not is_number else want if want <= room else 0
        widths[place] += given
        room -= given
    return widths


def _records(columns: Sequence[Column], width: int) -> Text:
    """Every row as lines of a name and a value, as psql's expanded display has them."""
    names = max(cell_len(column.name) for column in columns)
    space = max(width - names - len(_GAP), 2)
    shown = Text()
    for number, row in enumerate(zip(*(column.cells for column in columns), strict=True), 1):
        shown.append(f"row {number:,} ".ljust(width, "\u2500"), style="bold")
        for column, cell in zip(columns, row, strict=True):
            for place, line in enumerate(wrapped(cell, space)):
                shown.append(f"\n{'' if place else column.name:{names}}{_GAP}{line}".rstrip(" "))
        shown.append("\n")
    shown.rstrip()
    return shown
