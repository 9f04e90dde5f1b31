"""What a report is made of: sections of figures, each with its caption, its numbers and their origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from flows.report.interactive import Widget
from flows.report.words import cell

NUMBERS = (int, float)


@dataclass(frozen=True)
class Column:
    """A column of a figure's table.

    Attributes:
        key: Key of the rows' value.
        label: Heading.
        kind: How values are written, see `flows.report.words.cell`.
        bar: Whether a bar before the number shows its share of the column's largest.
    """

    key: str
    label: str
    kind: str = "text"
    bar: bool = False

    @property
    def cls(self) -> str:
        """Class of the heading."""
        return "" if self.kind in ("text", "prose") else "n"


def with_interval(value: Column, low: str = "low", high: str = "high", level: str = "") -> tuple[Column, ...]:
    """A column of estimates and those of their interval's ends, written as they are.

    Args:
        value: The estimates.
        low, high: Keys of the ends.
        level: Which interval it is, where the caption does not say: "90%".
    """
    return value, Column(low, f"{level} from".strip(), value.kind), Column(high, "to", value.kind)


@dataclass(frozen=True)
class Table:
    """Rows for reading."""

    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]

    def cells(self) -> list[list[Cell]]:
        """What to print, row by row."""
        largest = {column.key: self._largest(column.key) for column in self.columns if column.bar}
        return [[_cell(column, row, largest) for column in self.columns] for row in self.rows]

    def _largest(self, key: str) -> float:
        return max((abs(row[key]) for row in self.rows if isinstance(row.get(key), NUMBERS)), default=0.0)


@dataclass(frozen=True)
class Cell:
    """One value as text; `share` of the bar before it, per cent, where there is one."""

    text: str
    kind: str
    share: float | None = None

    @property
    def cls(self) -> str:
        """Class of the table cell: n for numbers, p for sentences, which need width."""
        return {"text": "", "prose": "p"}.get(self.kind, "n")


@dataclass(frozen=True)
class Figure:
    """A picture or table that answers one question.

    Attributes:
        id: Anchor in the page.
        title: The question or the finding, a few words.
        caption: What is drawn, in which unit, and how to read it.
        table: Its numbers; shown at once where there is no drawing, else on demand.
        svg: The drawing, already safe.
        legend: Series by name and the class of their colour.
        sql: The query that gives the numbers.
        source: Where they come from, when not from one query: published tables, files of the lake.
        notes: Sentences to read with it: warnings, conventions.
        widget: Its interactive form, which takes the place of drawing or table where scripts run.
    """

    id: str
    title: str
    caption: str
    table: Table
    svg: Markup | None = None
    legend: tuple[tuple[str, str], ...] = ()
    sql: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    widget: Widget | None = None


def tabled(
    id: str, title: str, caption: str, columns: tuple[Column, ...], rows: Sequence[Mapping[str, Any]], **more: Any
) -> tuple[Figure, ...]:
    """A figure of a table, with whatever else of `Figure`; none where there is no row."""
    return (Figure(id, title, caption, Table(columns, rows), **more),) if rows else ()


@dataclass(frozen=True)
class Section:
    """A chapter of the report; without figures it says in `lead` why there are none."""

    id: str
    title: str
    lead: str
    figures: tuple[Figure, ...] = field(default=())


def _cell(column: Column, row: Mapping[str, Any], largest: Mapping[str, float]) -> Cell:
    value = row.get(column.key)
    if not column.bar or not isinstance(value, NUMBERS) or not largest[column.key]:
        return Cell(cell(value, column.kind), column.kind)
    return Cell(cell(value, column.kind), column.kind, round(100 * abs(value) / largest[column.key], 2))
