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
from pipeline.kernels.html_attributes import ARIA_HIDDEN, CLASS, CLOSED, EVIDENCE, HIDDEN, HREF, read_attributes
from pipeline.kernels.html_references import read_reference
from pipeline.kernels.html_tags import BLOCK, INLINE, KINDS, RAW, ROOT, TAG, TAGS, UNSEEN, VOID, find_tag, tags_table

MAX_DEPTH = 512
"""Open elements that are told apart, as in browsers; text below them belongs to the innermost."""

START, END, NODE, BYTES, LINK_BYTES, WORDS, STOPS, COMMAS = range(8)
DIGITS, UPPERS, LINKS, BREAKS, BOLD_BYTES, INLINE_BITS, HIDES = range(8, 15)
"""Columns of `Blocks.counts`: first and last byte of its text, its element, bytes that are no white space, those of
them in links and in bold, words between white space, sentence ends, commas, digits, capital letters A-Z, links,
line breaks, evidence of inline elements in it, ways in which it is hidden."""
_COLUMNS = 15

PARENT, NAME, BITS, SHAPE, CONCEALS, CELL, ROW, ITEM = range(8)
"""Columns of `Blocks.elements`: index of the element around (-1 for the page), number of its name, its own evidence, a
hash of its name and class, bits of how it is hidden, the nearest table cell, row and list item (-1 without)."""
_FIELDS = 8


class Blocks(NamedTuple):
    """A page's text blocks in order.

    Attributes:
        text: uint8[bytes], UTF-8, the texts of all blocks.
        counts: int32[blocks, 15], see START and those behind it.
        elements: int32[elements, 8], elements that separate text, each behind the one around it; see PARENT and those
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


_A, _B, _STRONG, _BR, _HR, _P, _LI, _DD, _DT, _TD, _TH, _TR, _TABLE, _PRE, _SVG, _BODY, _BUTTON, _LISTING = (
    TAG[name] for name in "a b strong br hr p li dd dt td th tr table pre svg body button listing".split()
)
_CUSTOM = TAG["custom"]
_HEADINGS = tags_table("h1", "h2", "h3", "h4", "h5", "h6")
_CELLS = tags_table("td", "th")
_SCOPES = tags_table("td", "th", "table", "caption", "button")
_SECTIONS = tags_table("thead", "tbody", "tfoot")
_TABULAR = tags_table("td", "th", "tr", "thead", "tbody", "tfoot", "table", "caption")
_LISTS = tags_table("ul", "ol", "menu", "dl", "dir")
_ROWS = tags_table("tr")

_ORDINARY, _SPACE, _LT, _AMP, _DIGIT, _UPPER, _STOP, _COMMA, _HIGH = range(9)


def _classes() -> np.ndarray:
    table = np.zeros(256, np.uint8)
    table[:33] = _SPACE
    table[[ord(char) for char in "0123456789"]] = _DIGIT
    table[65:91] = _UPPER
    table[[ord(char) for char in ".!?"]] = _STOP
    table[[ord(char) for char in ",;:"]] = _COMMA
    table[ord("<")], table[ord("&")] = _LT, _AMP
    table[128:] = _HIGH
    return table


_CLASSES = _classes()

# the scan's scalars, in one array that its parts share
_SIZE, _BLOCKS, _ELEMENTS, _DEPTH, _STEPS, _UNSEEN_AT, _PRES, _A_AT, _BOLDS, _FIRST, _IN_WORD = range(11)
_SCALARS = 11
# columns of the stack
_S_NAME, _S_ELEMENT, _S_BLOCK, _S_HIDES = range(4)


@compiled
def _scan(data):
    tags = 2
    for i in range(len(data) - 1):
        tags += data[i] == 60 and data[i + 1] >= 47
    text = np.empty(len(data) + len(data) // 4 + 64, np.uint8)
    counts = np.zeros((tags, _COLUMNS), np.int32)
    elements = np.empty((tags, _FIELDS), np.int32)
    state = np.zeros(_SCALARS, np.int64)
    state[_UNSEEN_AT] = state[_A_AT] = -1
    stack = np.zeros((MAX_DEPTH, 4), np.int64)
    opened, beyond = np.zeros(len(TAGS), np.int64), np.zeros(len(TAGS), np.int64)
    found = np.zeros(5, np.int64)
    elements[0, :] = -1
    elements[0, BITS] = elements[0, SHAPE] = elements[0, CONCEALS] = elements[0, NAME] = 0
    state[_ELEMENTS] = 1  # the page itself
    at, size = 0, len(data)
    while at < size:
        if data[at] == 60 and at + 1 < size and _opens_markup(data[at + 1]):
            at = _read_markup(data, at, text, counts, elements, state, stack, opened, beyond, found)
        elif state[_UNSEEN_AT] >= 0:
            at += 1
            while at < size and data[at] != 60:
                at += 1
        else:
            at = _read_text(data, at, text, counts, state)
    _flush(text, counts, state, stack)
    blocks = state[_BLOCKS]
    return text[: state[_SIZE]].copy(), counts[:blocks].copy(), elements[: state[_ELEMENTS]].copy(), state[_STEPS]


@inlined
def _opens_markup(byte):
    return 97 <= (byte | 32) <= 122 or byte == 47 or byte == 33 or byte == 63


@called
def _read_text(data, at, text, counts, state):
    """Copy text up to the next markup, white space run together, and count what it is made of."""
    size, block = state[_SIZE], state[_BLOCKS]
    row = counts[block]
    start, in_word = state[_FIRST], state[_IN_WORD]
    link, bold, pre = state[_A_AT] >= 0, state[_BOLDS] > 0, state[_PRES] > 0
    first = at
    while at < len(data):
        byte = data[at]
        kind = _CLASSES[byte]
        if kind == _LT and at > first:
            break
        if kind == _SPACE or (byte == 0xC2 and at + 1 < len(data) and data[at + 1] == 0xA0):
            at += 1 if kind == _SPACE else 2
            in_word = 0
            if pre:
                text[size] = byte if byte == 10 or byte == 9 else 32
                size += byte != 13
            elif size > start and text[size - 1] > 32:
                text[size] = 32
                size += 1
            continue
        written = size
        if kind == _AMP:
            at, size = read_reference(data, at, text, size)
            if size == written and data[at - 1] == 38:
                text[size] = 38
                size += 1
            elif size == written:
                continue
            elif size - written == 2 and text[written] == 0xC2 and text[written + 1] == 0xA0 or text[written] <= 32:
                size = written
                in_word = 0
                if size > start and (pre or text[size - 1] > 32):
                    text[size] = 32
                    size += 1
                continue
        elif kind == _HIGH and _is_void(data, at):
            at += 2 if byte == 0xC2 else 3
            continue
        else:
            text[size] = byte
            size += 1
            at += 1
        if not in_word:
            row[WORDS] += 1
            in_word = 1
        added = size - written
        row[BYTES] += added
        row[LINK_BYTES] += added if link else 0
        row[BOLD_BYTES] += added if bold else 0
        if kind == _DIGIT:
            row[DIGITS] += 1
        elif kind == _UPPER:
            row[UPPERS] += 1
        elif kind == _STOP:
            row[STOPS] += 1
        elif kind == _COMMA:
            row[COMMAS] += 1
        elif kind == _HIGH and byte >= 0xD8:
            _count_marks(data, at - 1, row)
    state[_SIZE], state[_IN_WORD] = size, in_word
    return at


@inlined
def _is_void(data, at):
    """A soft hyphen, a zero-width space or a byte order mark: characters without width."""
    if data[at] == 0xC2:
        return at + 1 < len(data) and data[at + 1] == 0xAD
    if at + 2 >= len(data):
        return False
    three = np.int64(data[at]) << 16 | np.int64(data[at + 1]) << 8 | np.int64(data[at + 2])
    return three == 0xE2808B or three == 0xEFBBBF


@inlined
def _count_marks(data, at, row):
    """Sentence ends and commas of other scripts: full-width, ideographic, Arabic, Devanagari."""
    if at + 1 < len(data) and data[at] == 0xD8:
        row[COMMAS] += data[at + 1] == 0x8C or data[at + 1] == 0x9B
        row[STOPS] += data[at + 1] == 0x9F
    if at + 2 < len(data):
        three = np.int64(data[at]) << 16 | np.int64(data[at + 1]) << 8 | np.int64(data[at + 2])
        row[STOPS] += three in (0xE38082, 0xEFBC81, 0xEFBC9F, 0xE0A5A4)
        row[COMMAS] += three in (0xE38081, 0xEFBC8C, 0xEFBC9B, 0xEFBC9A)


@called
def _flush(text, counts, state, stack):
    """End the block that is being read, where it has text."""
    row = counts[state[_BLOCKS]]
    size, start = state[_SIZE], state[_FIRST]
    if row[BYTES]:
        while size > start and text[size - 1] <= 32:
            size -= 1
        depth = state[_DEPTH]
        row[START], row[END] = start, size
        row[NODE] = stack[depth - 1, _S_ELEMENT] if depth else 0
        row[HIDES] |= stack[depth - 1, _S_HIDES] if depth else 0
        state[_BLOCKS] += 1
    else:
        row[:] = 0
        size = start
    state[_SIZE] = state[_FIRST] = size
    state[_IN_WORD] = 0


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
            _break_line(text, counts, state, stack)
        else:
            _close(tag, text, counts, state, stack, opened, beyond)
        return min(at + 1, size)
    at = read_attributes(data, at, found)
    if KINDS[tag] == RAW:
        return _skip_raw(data, at, name)
    if state[_UNSEEN_AT] < 0 or opened[_SVG] == 0 or not found[CLOSED]:
        _open(tag, text, counts, elements, state, stack, opened, beyond, found)
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


@inlined
def _break_line(text, counts, state, stack):
    """A <br>: a line's end in the block; a second one in a row ends the block."""
    if state[_UNSEEN_AT] >= 0:
        return
    size = state[_SIZE]
    if state[_PRES]:
        text[size] = 10
        state[_SIZE] += 1
    elif size > state[_FIRST]:
        if text[size - 1] == 10:
            _flush(text, counts, state, stack)
        else:
            size -= text[size - 1] == 32
            text[size] = 10
            state[_SIZE] = size + 1
            counts[state[_BLOCKS], BREAKS] += 1
    state[_IN_WORD] = 0


@called
def _open(tag, text, counts, elements, state, stack, opened, beyond, found):
    """A start tag: end what it ends, and push what it opens."""
    kind = KINDS[tag]
    if kind == ROOT:
        if tag == _BODY:
            elements[0, BITS] |= found[EVIDENCE]
        return
    if kind == VOID:
        if tag == _BR:
            _break_line(text, counts, state, stack)
        elif tag == _HR and state[_UNSEEN_AT] < 0:
            _end_implied(_P, text, counts, state, stack, opened)
            _flush(text, counts, state, stack)
        return
    if kind == BLOCK and tag != _BUTTON:
        _end_implied(tag, text, counts, state, stack, opened)
    if kind == BLOCK and state[_UNSEEN_AT] < 0 and not _inside_pre(text, state):
        _flush(text, counts, state, stack)
    if tag == _A and state[_A_AT] >= 0:
        _end_link(state, stack, opened)
    depth = state[_DEPTH]
    if depth == MAX_DEPTH:
        beyond[tag] += 1
        return
    around = stack[depth - 1, _S_ELEMENT] if depth else 0
    element = around
    if kind == BLOCK:
        element = state[_ELEMENTS]
        state[_ELEMENTS] += 1
        _note_element(elements[element], elements[around], element, around, tag, found)
    stack[depth, _S_NAME], stack[depth, _S_ELEMENT], stack[depth, _S_BLOCK] = tag, element, kind == BLOCK
    stack[depth, _S_HIDES] = found[HIDDEN] | (stack[depth - 1, _S_HIDES] if depth else 0)
    state[_DEPTH] += 1
    opened[tag] += 1
    unseen = kind == UNSEEN or (kind == INLINE and found[HIDDEN] & ~ARIA_HIDDEN)
    if unseen and state[_UNSEEN_AT] < 0:
        state[_UNSEEN_AT] = depth
    elif kind == INLINE and state[_UNSEEN_AT] < 0:
        counts[state[_BLOCKS], INLINE_BITS] |= found[EVIDENCE]
        if tag == _A and found[HREF]:
            state[_A_AT] = depth
            counts[state[_BLOCKS], LINKS] += 1
    state[_BOLDS] += tag == _B or tag == _STRONG
    state[_PRES] += tag == _PRE or tag == _LISTING


@inlined
def _note_element(own, outer, element, around, tag, found):
    own[PARENT], own[NAME], own[BITS] = around, tag, found[EVIDENCE]
    own[SHAPE], own[CONCEALS] = found[CLASS] * 31 + tag, found[HIDDEN]
    own[CELL], own[ROW], own[ITEM] = outer[CELL], outer[ROW], outer[ITEM]
    if _CELLS[tag]:
        own[CELL] = element
    elif tag == _TR:
        own[ROW] = element
    elif tag == _TABLE:
        own[CELL] = own[ROW] = -1
    elif tag == _LI:
        own[ITEM] = element


@inlined
def _inside_pre(text, state):
    """Within preformatted text an element that stands alone begins a line and no block."""
    if not state[_PRES]:
        return False
    size = state[_SIZE]
    if size > state[_FIRST] and text[size - 1] != 10:
        text[size] = 10
        state[_SIZE] += 1
    return True


@called
def _end_implied(tag, text, counts, state, stack, opened):
    """End the elements that a start tag ends without saying so."""
    if tag == _LI:
        _end_up_to(_LI, _LI, _LISTS, text, counts, state, stack, opened)
    elif tag == _DD or tag == _DT:
        _end_up_to(_DD, _DT, _LISTS, text, counts, state, stack, opened)
    elif _CELLS[tag]:
        _end_up_to(_TD, _TH, _ROWS, text, counts, state, stack, opened)
    elif tag == _TR:
        _end_up_to(_TR, _TR, _SECTIONS, text, counts, state, stack, opened)
    elif _SECTIONS[tag]:
        for section in range(len(_SECTIONS)):
            if _SECTIONS[section]:
                _end_up_to(section, section, _SECTIONS, text, counts, state, stack, opened)
    elif opened[_P]:
        _end_up_to(_P, _P, _SCOPES, text, counts, state, stack, opened)
    if _HEADINGS[tag] and state[_DEPTH] and _HEADINGS[stack[state[_DEPTH] - 1, _S_NAME]]:
        _pop_to(state[_DEPTH] - 1, text, counts, state, stack, opened)


@called
def _end_up_to(one, other, barriers, text, counts, state, stack, opened):
    """End the innermost open element of either name, unless a table or a barrier lies inside it."""
    if opened[one] + opened[other] == 0:
        return
    depth = state[_DEPTH] - 1
    while depth >= 0:
        name = stack[depth, _S_NAME]
        if name == one or name == other:
            _pop_to(depth, text, counts, state, stack, opened)
            return
        if name == _TABLE or barriers[name] or KINDS[name] == UNSEEN:
            return
        depth -= 1
        state[_STEPS] += 1


@called
def _close(tag, text, counts, state, stack, opened, beyond):
    """An end tag: end its element and all inside it, where one is open and no barrier lies between."""
    if beyond[tag]:
        beyond[tag] -= 1
        if KINDS[tag] == BLOCK and state[_UNSEEN_AT] < 0 and not _inside_pre(text, state):
            _flush(text, counts, state, stack)
        return
    heading = _HEADINGS[tag]
    if not opened[tag] and not heading:
        if tag == _P and state[_UNSEEN_AT] < 0 and not _inside_pre(text, state):
            _flush(text, counts, state, stack)
        return
    kind = KINDS[tag]
    depth = state[_DEPTH] - 1
    while depth >= 0:
        name = stack[depth, _S_NAME]
        if name == tag or (heading and _HEADINGS[name]):
            _pop_to(depth, text, counts, state, stack, opened)
            return
        if kind == INLINE and stack[depth, _S_BLOCK] or KINDS[name] == UNSEEN:
            break
        if kind == BLOCK and not _TABULAR[tag] and _SCOPES[name]:
            break
        if _CELLS[tag] and name == _TR or _TABULAR[tag] and tag != _TABLE and name == _TABLE:
            break
        depth -= 1
        state[_STEPS] += 1
    if tag == _A:
        _end_link(state, stack, opened)


@inlined
def _end_link(state, stack, opened):
    """Text behind this is in no link, even where elements that the link began are still open."""
    if state[_A_AT] >= 0:
        stack[state[_A_AT], _S_NAME] = 0
        opened[_A] -= 1
        opened[0] += 1
        state[_A_AT] = -1


@called
def _pop_to(depth, text, counts, state, stack, opened):
    """End the element at `depth` of the stack and all inside it."""
    separates = False
    seen = state[_UNSEEN_AT] if state[_UNSEEN_AT] >= 0 else state[_DEPTH]
    for i in range(depth, seen):
        separates |= stack[i, _S_BLOCK] == 1
    ends_pre = False
    for i in range(depth, state[_DEPTH]):
        name = stack[i, _S_NAME]
        opened[name] -= 1
        ends_pre |= name == _PRE or name == _LISTING
    if separates and (ends_pre or not _inside_pre(text, state)):
        _flush(text, counts, state, stack)
    for i in range(depth, state[_DEPTH]):
        name = stack[i, _S_NAME]
        state[_BOLDS] -= name == _B or name == _STRONG
        state[_PRES] -= name == _PRE or name == _LISTING
    state[_DEPTH] = depth
    if state[_A_AT] >= depth:
        state[_A_AT] = -1
    if state[_UNSEEN_AT] >= depth:
        state[_UNSEEN_AT] = -1
