"""The stack of open elements: what a start tag ends and opens, what an end tag ends.

Source: WHATWG HTML, tree construction, https://html.spec.whatwg.org/#tree-construction
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.html_attributes import ARIA_HIDDEN, CLASS, COUNTS_DOWN, EVIDENCE, HIDDEN, HREF, NUMBER
from pipeline.kernels.html_columns import (
    A_AT,
    BITS,
    BLOCKS,
    BOLDS,
    BREAKS,
    BYTES,
    CELL,
    CONCEALS,
    DEPTH,
    ELEMENTS,
    END,
    FIRST,
    HIDES,
    IN_WORD,
    INLINE_BITS,
    ITEM,
    LINKS,
    MAX_DEPTH,
    NAME,
    NODE,
    ORDINAL,
    PARENT,
    PRES,
    REVERSED,
    ROW,
    S_BLOCK,
    S_ELEMENT,
    S_HIDES,
    S_NAME,
    SHAPE,
    SIZE,
    START,
    STEPS,
    UNSEEN_AT,
)
from pipeline.kernels.html_tags import BLOCK, INLINE, KINDS, ROOT, TAG, UNSEEN, VOID, tags_table

_A, _B, _STRONG, _BR, _HR, _P, _LI, _DD, _DT, _TD, _TH, _TR, _TABLE, _PRE, _BODY, _BUTTON, _LISTING = (
    TAG[name]
    for name in [
        "a",
        "b",
        "strong",
        "br",
        "hr",
        "p",
        "li",
        "dd",
        "dt",
        "td",
        "th",
        "tr",
        "table",
        "pre",
        "body",
        "button",
        "listing",
    ]
)
_HEADINGS = tags_table("h1", "h2", "h3", "h4", "h5", "h6")
_CELLS = tags_table("td", "th")
_SCOPES = tags_table("td", "th", "table", "caption", "button")
_SECTIONS = tags_table("thead", "tbody", "tfoot")
_TABULAR = tags_table("td", "th", "tr", "thead", "tbody", "tfoot", "table", "caption")
_LISTS = tags_table("ul", "ol", "menu", "dl", "dir")
_ROWS = tags_table("tr")


@called
def flush(text, counts, state, stack):
    """End the block that is being read, where it has text."""
    row = counts[state[BLOCKS]]
    size, start = state[SIZE], state[FIRST]
    if row[BYTES]:
        while size > start and text[size - 1] <= 32:
            size -= 1
        depth = state[DEPTH]
        row[START], row[END] = start, size
        row[NODE] = stack[depth - 1, S_ELEMENT] if depth else 0
        row[HIDES] |= stack[depth - 1, S_HIDES] if depth else 0
        state[BLOCKS] += 1
    else:
        row[:] = 0
        size = start
    state[SIZE] = state[FIRST] = size
    state[IN_WORD] = 0


@inlined
def break_line(text, counts, state, stack):
    """A <br>: a line's end in the block; a second one in a row ends the block."""
    if state[UNSEEN_AT] >= 0:
        return
    size = state[SIZE]
    if state[PRES]:
        text[size] = 10
        state[SIZE] += 1
    elif size > state[FIRST]:
        if text[size - 1] == 10:
            flush(text, counts, state, stack)
        else:
            size -= text[size - 1] == 32
            text[size] = 10
            state[SIZE] = size + 1
            counts[state[BLOCKS], BREAKS] += 1
    state[IN_WORD] = 0


@called
def open_element(tag, text, counts, elements, state, stack, opened, beyond, found):
    """A start tag: end what it ends, and push what it opens."""
    kind = KINDS[tag]
    if kind == ROOT:
        if tag == _BODY:
            elements[0, BITS] |= found[EVIDENCE]
        return
    if kind == VOID:
        if tag == _BR:
            break_line(text, counts, state, stack)
        elif tag == _HR and state[UNSEEN_AT] < 0:
            _end_implied(_P, text, counts, state, stack, opened)
            flush(text, counts, state, stack)
        return
    if kind == BLOCK and tag != _BUTTON:
        _end_implied(tag, text, counts, state, stack, opened)
    if kind == BLOCK and state[UNSEEN_AT] < 0 and not _inside_pre(text, state):
        flush(text, counts, state, stack)
    if tag == _A and state[A_AT] >= 0:
        _end_link(state, stack, opened)
    depth = state[DEPTH]
    if depth == MAX_DEPTH:
        beyond[tag] += 1
        return
    around = stack[depth - 1, S_ELEMENT] if depth else 0
    element = around
    if kind == BLOCK:
        element = state[ELEMENTS]
        state[ELEMENTS] += 1
        _note_element(elements[element], elements[around], element, around, tag, found)
    stack[depth, S_NAME], stack[depth, S_ELEMENT], stack[depth, S_BLOCK] = tag, element, kind == BLOCK
    stack[depth, S_HIDES] = found[HIDDEN] | (stack[depth - 1, S_HIDES] if depth else 0)
    state[DEPTH] += 1
    opened[tag] += 1
    unseen = kind == UNSEEN or (kind == INLINE and found[HIDDEN] & ~ARIA_HIDDEN)
    if unseen and state[UNSEEN_AT] < 0:
        state[UNSEEN_AT] = depth
    elif kind == INLINE and state[UNSEEN_AT] < 0:
        counts[state[BLOCKS], INLINE_BITS] |= found[EVIDENCE]
        if tag == _A and found[HREF]:
            state[A_AT] = depth
            counts[state[BLOCKS], LINKS] += 1
    state[BOLDS] += tag in (_B, _STRONG)
    state[PRES] += tag in (_PRE, _LISTING)


@inlined
def _note_element(own, outer, element, around, tag, found):
    own[PARENT], own[NAME], own[BITS] = around, tag, found[EVIDENCE]
    own[SHAPE], own[CONCEALS] = found[CLASS] * 31 + tag, found[HIDDEN]
    own[CELL], own[ROW], own[ITEM] = outer[CELL], outer[ROW], outer[ITEM]
    own[ORDINAL], own[REVERSED] = found[NUMBER], found[COUNTS_DOWN]
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
    if not state[PRES]:
        return False
    size = state[SIZE]
    if size > state[FIRST] and text[size - 1] != 10:
        text[size] = 10
        state[SIZE] += 1
    return True


@called
def _end_implied(tag, text, counts, state, stack, opened):
    """End the elements that a start tag ends without saying so."""
    if tag == _LI:
        _end_up_to(_LI, _LI, _LISTS, text, counts, state, stack, opened)
    elif tag in (_DD, _DT):
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
    if _HEADINGS[tag] and state[DEPTH] and _HEADINGS[stack[state[DEPTH] - 1, S_NAME]]:
        _pop_to(state[DEPTH] - 1, text, counts, state, stack, opened)


@called
def _end_up_to(one, other, barriers, text, counts, state, stack, opened):
    """End the innermost open element of either name, unless a table or a barrier lies inside it."""
    if opened[one] + opened[other] == 0:
        return
    depth = state[DEPTH] - 1
    while depth >= 0:
        name = stack[depth, S_NAME]
        if name in (one, other):
            _pop_to(depth, text, counts, state, stack, opened)
            return
        if name == _TABLE or barriers[name] or KINDS[name] == UNSEEN:
            return
        depth -= 1
        state[STEPS] += 1


@called
def close_element(tag, text, counts, state, stack, opened, beyond):
    """An end tag: end its element and all inside it, where one is open and no barrier lies between."""
    if beyond[tag]:
        beyond[tag] -= 1
        if KINDS[tag] == BLOCK and state[UNSEEN_AT] < 0 and not _inside_pre(text, state):
            flush(text, counts, state, stack)
        return
    heading = _HEADINGS[tag]
    if not opened[tag] and not heading:
        if tag == _P and state[UNSEEN_AT] < 0 and not _inside_pre(text, state):
            flush(text, counts, state, stack)
        return
    kind = KINDS[tag]
    depth = state[DEPTH] - 1
    while depth >= 0:
        name = stack[depth, S_NAME]
        if name == tag or (heading and _HEADINGS[name]):
            _pop_to(depth, text, counts, state, stack, opened)
            return
        if (kind == INLINE and stack[depth, S_BLOCK]) or KINDS[name] == UNSEEN:
            break
        if kind == BLOCK and not _TABULAR[tag] and _SCOPES[name]:
            break
        if (_CELLS[tag] and name == _TR) or (_TABULAR[tag] and tag != _TABLE and name == _TABLE):
            break
        depth -= 1
        state[STEPS] += 1
    if tag == _A:
        _end_link(state, stack, opened)


@inlined
def _end_link(state, stack, opened):
    """Text behind this is in no link, even where elements that the link began are still open."""
    if state[A_AT] >= 0:
        stack[state[A_AT], S_NAME] = 0
        opened[_A] -= 1
        opened[0] += 1
        state[A_AT] = -1


@called
def _pop_to(depth, text, counts, state, stack, opened):
    """End the element at `depth` of the stack and all inside it."""
    separates = False
    seen = state[UNSEEN_AT] if state[UNSEEN_AT] >= 0 else state[DEPTH]
    for i in range(depth, seen):
        separates |= stack[i, S_BLOCK] == 1
    ends_pre = False
    for i in range(depth, state[DEPTH]):
        name = stack[i, S_NAME]
        opened[name] -= 1
        ends_pre |= name in (_PRE, _LISTING)
    if separates and (ends_pre or not _inside_pre(text, state)):
        flush(text, counts, state, stack)
    for i in range(depth, state[DEPTH]):
        name = stack[i, S_NAME]
        state[BOLDS] -= name in (_B, _STRONG)
        state[PRES] -= name in (_PRE, _LISTING)
    state[DEPTH] = depth
    if state[A_AT] >= depth:
        state[A_AT] = -1
    if state[UNSEEN_AT] >= depth:
        state[UNSEEN_AT] = -1
