"""HTML to text blocks in one pass over its bytes: the blocks' text, what was counted in each, and the elements around.

This is no full HTML parser. Elements end where the standard's tree construction would end them, for the elements that
separate text; inline formatting is not repaired, because it does not move text. Work is linear in the size of the
page: open elements are looked for at most `MAX_DEPTH` deep, and only where one of that name is open.

Source: WHATWG HTML, tree construction, https://html.spec.whatwg.org/#tree-construction
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.html_attributes import CLOSED, FOUND, START_AT, VALUE_AT, read_attributes, read_number
from pipeline.kernels.html_columns import (
    A_AT,
    BITS,
    BLOCKS,
    COLUMNS,
    CONCEALS,
    ELEMENTS,
    FIELDS,
    MAX_DEPTH,
    NAME,
    NO_ORDINAL,
    ORDINAL,
    REVERSED,
    SCALARS,
    SHAPE,
    SIZE,
    STEPS,
    UNSEEN_AT,
)
from pipeline.kernels.html_stack import break_line, close_element, flush, open_element
from pipeline.kernels.html_tags import KINDS, RAW, TAG, TAGS, find_tag
from pipeline.kernels.html_text import read_text


class Blocks(NamedTuple):
    """A page's text blocks in order.

    Attributes:
        text: uint8[bytes], UTF-8, the texts of all blocks.
        counts: int32[blocks, 15], see START and those behind it.
        elements: int32[elements, 10], elements that separate text, each behind the one around it; see PARENT and those
            behind it.
        steps: How often an open element was passed while another was looked for.
    """

    text: np.ndarray
    counts: np.ndarray
    elements: np.ndarray
    steps: int


def find_blocks(html: bytes) -> Blocks:
    """Cut a page (UTF-8) into its text blocks; any bytes will do."""
    return Blocks(*_scan(np.frombuffer(html, np.uint8)))


_BR, _SVG, _OL, _LI = (TAG[name] for name in ["br", "svg", "ol", "li"])
_CUSTOM = TAG["custom"]


@compiled
def _scan(data):
    tags = 2
    for i in range(len(data) - 1):
        tags += data[i] == 60 and data[i + 1] >= 47
    text = np.empty(len(data) + len(data) // 4 + 64, np.uint8)
    counts = np.zeros((tags, COLUMNS), np.int32)
    elements = np.empty((tags, FIELDS), np.int32)
    state = np.zeros(SCALARS, np.int64)
    state[UNSEEN_AT] = state[A_AT] = -1
    stack = np.zeros((MAX_DEPTH, 4), np.int64)
    opened, beyond = np.zeros(len(TAGS), np.int64), np.zeros(len(TAGS), np.int64)
    found = np.zeros(FOUND, np.int64)
    elements[0, :] = -1
    elements[0, BITS] = elements[0, SHAPE] = elements[0, CONCEALS] = elements[0, NAME] = elements[0, REVERSED] = 0
    elements[0, ORDINAL] = NO_ORDINAL
    state[ELEMENTS] = 1  # the page itself
    at, size = 0, len(data)
    while at < size:
        if data[at] == 60 and at + 1 < size and _opens_markup(data[at + 1]):
            at = _read_markup(data, at, text, counts, elements, state, stack, opened, beyond, found)
        elif state[UNSEEN_AT] >= 0:
            at += 1
            while at < size and data[at] != 60:
                at += 1
        else:
            at = read_text(data, at, text, counts, state)
    flush(text, counts, state, stack)
    blocks = state[BLOCKS]
    return text[: state[SIZE]].copy(), counts[:blocks].copy(), elements[: state[ELEMENTS]].copy(), state[STEPS]


@inlined
def _opens_markup(byte):
    return 97 <= (byte | 32) <= 122 or byte == 47 or byte == 33 or byte == 63


@called
def _read_markup(data, at, text, counts, elements, state, stack, opened, beyond, found):
    """Read a tag, comment or declaration; gives where it ends."""
    size = len(data)
    second = data[at + 1]
    if second == 33 or second == 63:
        return _skip_comment(data, at)
    closes = second == 47
    at += 2 if closes else 1
    if at >= size or not 97 <= (data[at] | 32) <= 122:
        while at < size and data[at] != 62:
            at += 1
        return min(at + 1, size)
    name, dashed, at = _read_name(data, at)
    tag = find_tag(name)
    if tag == 0 and dashed:
        tag = _CUSTOM
    if closes:
        while at < size and data[at] != 62:
            at += 1
        if tag == _BR:
            break_line(text, counts, state, stack)
        else:
            close_element(tag, text, counts, state, stack, opened, beyond)
        return min(at + 1, size)
    at = read_attributes(data, at, found)
    if tag == _OL and found[START_AT]:
        read_number(data, found[START_AT], found)
    elif tag == _LI and found[VALUE_AT]:
        read_number(data, found[VALUE_AT], found)
    if KINDS[tag] == RAW:
        return _skip_raw(data, at, name)
    if state[UNSEEN_AT] < 0 or opened[_SVG] == 0 or not found[CLOSED]:
        open_element(tag, text, counts, elements, state, stack, opened, beyond, found)
    return at


@inlined
def _read_name(data, at):
    """A tag's name: its first eight bytes in lower case, whether it has a dash, where it ends."""
    name, shift, dashed = np.uint64(0), np.uint64(0), False
    while at < len(data):
        byte = data[at]
        if byte <= 32 or byte == 62 or byte == 47:
            break
        if shift < 64:
            name |= np.uint64(byte | 32 if 65 <= byte <= 90 else byte) << shift
            shift += np.uint64(8)
        dashed = dashed or byte == 45
        at += 1
    return name, dashed, at


@inlined
def _skip_comment(data, at):
    """Where a comment, declaration or processing instruction ends."""
    size = len(data)
    comment = at + 3 < size and data[at + 1] == 33 and data[at + 2] == 45 and data[at + 3] == 45
    at += 4 if comment else 2
    first = at
    while at < size:
        if data[at] == 62:
            if not comment or at == first or (at == first + 1 and data[first] == 45):
                return at + 1
            if at >= first + 2 and data[at - 1] == 45 and data[at - 2] == 45:
                return at + 1
            if at >= first + 3 and data[at - 1] == 33 and data[at - 2] == 45 and data[at - 3] == 45:
                return at + 1
        at += 1
    return size


@inlined
def _skip_raw(data, at, name):
    """Behind the end tag of an element that holds no tags."""
    size = len(data)
    while at < size - 1:
        if data[at] == 60 and data[at + 1] == 47:
            other, _, end = _read_name(data, at + 2)
            if other == name:
                while end < size and data[end] != 62:
                    end += 1
                return min(end + 1, size)
            at += 1
        at += 1
    return size
