"""Chosen text blocks to a page's text: what a reader sees of paragraphs, lists, tables and code."""

from __future__ import annotations

from collections import Counter

import numpy as np

from pipeline.kernels.html_attributes import ARIA_HIDDEN
from pipeline.kernels.html_blocks import Blocks
from pipeline.kernels.html_columns import (
    BYTES,
    CELL,
    CONCEALS,
    END,
    ITEM,
    NAME,
    NO_ORDINAL,
    NODE,
    ORDINAL,
    PARENT,
    REVERSED,
    ROW,
    START,
)
from pipeline.kernels.html_tags import TAG

_OL, _PRE, _DT, _DD, _LI = (TAG[name] for name in ("ol", "pre", "dt", "dd", "li"))
_TERMS = {_DT, _DD}
_LISTS = {_OL, TAG["ul"], TAG["menu"]}
_MAX_ROW_BYTES = 2_000  # a table row of more is layout, and its cells are paragraphs
_MAX_CELL_BLOCKS = 3
_INDENT = "  "


def render_blocks(blocks: Blocks, kept: np.ndarray) -> str:
    """The text of the blocks that are kept (bool[blocks]).

    Paragraphs, headings and code are parted by an empty line. An item of a list begins with "- " or, where a browser
    shows one, its number and a dot, two spaces deeper for each list around it. A row of a table is one line, its cells
    parted by " | ".
    """
    if not kept.any():
        return ""
    page = _Page(blocks, kept)
    text = blocks.text.tobytes()
    parts: list[str] = []
    before: list[int] | None = None
    for row in blocks.counts[kept].tolist():
        words = text[row[START] : row[END]].decode("utf-8", "replace")
        element = page.elements[row[NODE]]
        if before is not None:
            parts.append(page.separator(before, element))
        parts.append(page.marker(element))
        parts.append(_shape(words, element, page.in_line(element)))
        before = element
    return "".join(parts).strip("\n")


def _shape(words: str, element: list[int], in_line: bool) -> str:
    if element[NAME] == _PRE:
        return words.lstrip("\n")
    return words.replace("\n", " ") if in_line else words


class _Page:
    """What of a page's elements its text depends on."""

    def __init__(self, blocks: Blocks, kept: np.ndarray) -> None:
        self.elements: list[list[int]] = blocks.elements[:, :ORDINAL].tolist()
        self._lines = self._data_rows(blocks)
        self._numbers = self._number_items(blocks, kept)
        self._marked: set[int] = set()

    def _data_rows(self, blocks: Blocks) -> set[int]:
        """Rows of tables that hold data, rather than a page's layout."""
        sizes: Counter[int] = Counter()
        cells: dict[int, Counter[int]] = {}
        for row in blocks.counts[:, [NODE, BYTES]].tolist():
            element = self.elements[row[0]]
            if element[ROW] >= 0:
                sizes[element[ROW]] += row[1]
                cells.setdefault(element[ROW], Counter())[element[CELL]] += 1
        return {
            row
            for row, size in sizes.items()
            if size <= _MAX_ROW_BYTES and max(cells[row].values()) <= _MAX_CELL_BLOCKS
        }

    def _number_items(self, blocks: Blocks, kept: np.ndarray) -> dict[int, int]:
        """The ordinal value of each item of a numbered list. One that is not displayed has none, unless its text is
        kept all the same.

        Source: WHATWG HTML, the li element, https://html.spec.whatwg.org/#ordinal-value
        """
        owned = self._owned_items(blocks, kept)
        numbers = {}
        for owner, items in owned.items():
            first, down = blocks.elements[owner, [ORDINAL, REVERSED]].tolist()
            number = first if first != NO_ORDINAL else len(items) if down else 1
            given = blocks.elements[items, ORDINAL].tolist()
            for item, own in zip(items, given, strict=True):
                numbers[item] = number if own == NO_ORDINAL else own
                number = numbers[item] + (-1 if down else 1)
        return numbers

    def _owned_items(self, blocks: Blocks, kept: np.ndarray) -> dict[int, list[int]]:
        """Numbered lists, each with the items whose nearest list it is."""
        names = blocks.elements[:, NAME]
        if not (names == _OL).any():
            return {}
        shown = set(blocks.elements[blocks.counts[kept, NODE], ITEM].tolist())
        lists = {-1: -1}  # of elements that were looked at, the nearest list
        owned: dict[int, list[int]] = {}
        for item in np.flatnonzero(names == _LI).tolist():
            around, passed = self.elements[item][PARENT], []
            while around not in lists and self.elements[around][NAME] not in _LISTS:
                passed.append(around)
                around = self.elements[around][PARENT]
            owner = lists.setdefault(around, around)
            lists.update(dict.fromkeys(passed, owner))
            hidden = self.elements[item][CONCEALS] & ~ARIA_HIDDEN and item not in shown
            if owner >= 0 and names[owner] == _OL and not hidden:
                owned.setdefault(owner, []).append(item)
        return owned

    def in_line(self, element: list[int]) -> bool:
        return element[ROW] in self._lines

    def separator(self, before: list[int], after: list[int]) -> str:
        """What stands between two blocks that follow one another."""
        if self.in_line(after) and self.in_line(before):
            if before[ROW] != after[ROW]:
                return "\n"
            return " " if before[CELL] == after[CELL] else " | "
        listed = before[ITEM] >= 0 and after[ITEM] >= 0
        terms = before[NAME] in _TERMS and after[NAME] in _TERMS
        return "\n" if (listed or terms) and _PRE not in (before[NAME], after[NAME]) else "\n\n"

    def marker(self, element: list[int]) -> str:
        """The marker of the list item that begins with this block; empty elsewhere, and in table rows."""
        item = element[ITEM]
        if item < 0 or item in self._marked or self.in_line(element):
            return ""
        self._marked.add(item)
        depth, outer = 0, self._around(item)
        while outer >= 0:
            depth, outer = depth + 1, self._around(outer)
        number = self._numbers.get(item)
        return _INDENT * depth + ("- " if number is None else f"{number}. ")

    def _around(self, item: int) -> int:
        """The list item that holds this one; -1 for none."""
        return self.elements[self.elements[item][PARENT]][ITEM]
