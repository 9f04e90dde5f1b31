"""What a model is told of each text block: its own make, the elements around it, its neighbours, its page.

All lengths are bytes of UTF-8 without white space, which weigh scripts more alike than words would.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.feature_names import FEATURES, LEVEL, LEVELS, OFFSETS, OWN, PAGE, RANGES, WINDOWS
from pipeline.kernels.html_blocks import Blocks
from pipeline.kernels.html_columns import (
    BITS,
    BOLD_BYTES,
    BREAKS,
    BYTES,
    CELL,
    COMMAS,
    DIGITS,
    END,
    HIDES,
    INLINE_BITS,
    ITEM,
    LINK_BYTES,
    LINKS,
    NAME,
    NODE,
    PARENT,
    STOPS,
    UPPERS,
    WORDS,
)
from pipeline.kernels.html_evidence import GROUPS
from pipeline.kernels.html_tags import TAG, TAGS
from pipeline.kernels.page_counts import LONG_BYTES, count_duplicates, count_twins, sum_elements

_FAR = 30.0  # how far away something is that is not there
_GROUPS = len(GROUPS)
_OWN_COUNT, _RANGE_COUNT, _LEVEL_FIELDS, _PAGE_COUNT = len(OWN), len(RANGES), len(LEVEL), len(PAGE)
_FEATURE_COUNT = len(FEATURES)


def _kinds() -> np.ndarray:
    """float32[tags]: element names numbered so that decision trees split well: prose, then structure, then controls."""
    order = [
        "p", "pre", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "li", "dd", "dt",
        "td", "th", "figcaption", "caption", "summary", "div", "section", "article", "main", "header", "footer",
        "aside", "nav", "button", "label", "legend", "form", "address",
    ]  # fmt: skip
    kinds = np.full(len(TAGS), len(order), np.float32)
    for number, name in enumerate(order):
        if name in TAG:
            kinds[TAG[name]] = number
    return kinds


def _levels() -> np.ndarray:
    """float32[tags]: 1 to 6 for headings, else 0."""
    levels = np.zeros(len(TAGS), np.float32)
    for level in range(1, 7):
        levels[TAG[f"h{level}"]] = level
    return levels


def _range_of_tag() -> np.ndarray:
    """int64[tags]: the place in `RANGES` of the range that an element opens, -1 for none."""
    ranges = np.full(len(TAGS), -1, np.int64)
    for number, name in enumerate(RANGES):
        for tag in ("ul", "ol", "dl", "menu") if name == "list" else (name,):
            ranges[TAG[tag]] = number
    return ranges


_KINDS, _HEADING_LEVELS, _RANGE = _kinds(), _levels(), _range_of_tag()
_ARTICLE, _MAIN, _FORM, _TABLE, _LI, _H1 = (TAG[name] for name in ["article", "main", "form", "table", "li", "h1"])
_NEAR = np.array(OFFSETS)
_WIDTHS = np.array(WINDOWS)


def measure_blocks(blocks: Blocks) -> np.ndarray:
    """float32[blocks, features], see `FEATURES`; distances count elements outwards, 30 where there is none."""
    return _measure(blocks.text, blocks.counts, blocks.elements)


@compiled
def _measure(text, counts, elements):
    blocks = len(counts)
    out = np.zeros((blocks, _FEATURE_COUNT), np.float32)
    if blocks == 0:
        return out
    sums = sum_elements(counts, elements)
    twins = count_twins(elements)
    same = count_duplicates(text, counts)
    page = np.zeros(_PAGE_COUNT, np.float32)
    _measure_page(counts, elements, sums, page)
    before = headings = 0
    title = heading = -1
    total = max(1, sums[0, 0])
    for b in range(blocks):
        row, of = out[b], counts[b]
        tag = elements[of[NODE], NAME]
        at = _measure_own(row, text, of, elements, same[b])
        if _HEADING_LEVELS[tag] > 0:
            heading, headings = b, headings + 1
            title = b if tag == _H1 and title < 0 else title
        row[at] = b / blocks
        row[at + 1] = before / total
        row[at + 2] = np.log1p(b)
        row[at + 3] = np.log1p(blocks - 1 - b)
        row[at + 4] = np.log1p(before)
        row[at + 5] = b - title if title >= 0 else -1
        row[at + 6] = b - heading if heading >= 0 else -1
        row[at + 7] = headings
        at += 8
        before += of[BYTES]
        at = _measure_ancestors(row, at, of, elements, sums, twins, total)
        row[at : at + len(page)] = page
        at += len(page)
        for group in range(_GROUPS):
            row[at + group] = elements[0, BITS] >> group & 1
        at += _GROUPS
        at = _measure_neighbours(row, at, b, counts, elements)
    return out


@inlined
def _share(part, whole):
    return part / whole if whole > 0 else 0.0


@called
def _measure_page(counts, elements, sums, page):
    page[0] = np.log1p(sums[0, 0])
    page[1] = _share(sums[0, 1], sums[0, 0])
    page[2] = sums[0, 2]
    page[3] = _share(sums[0, 3], sums[0, 0])
    for e in range(1, len(elements)):
        tag = elements[e, NAME]
        if sums[e, 0]:
            page[4] += tag == _ARTICLE
            page[5] += tag == _MAIN
            page[6] += tag == _LI
            page[7] += _HEADING_LEVELS[tag] > 0
            page[8] += tag == _FORM
            page[9] += tag == _TABLE
            page[12] += tag == _H1
    for b in range(len(counts)):
        page[10] += counts[b, BYTES] >= LONG_BYTES
    page[11] = sums[0, 0] / len(counts)


@called
def _measure_own(row, text, of, elements, same):
    size = of[BYTES]
    tag = elements[of[NODE], NAME]
    last = text[of[END] - 1]
    row[0] = np.log1p(size)
    row[1] = of[WORDS]
    row[2] = of[LINK_BYTES] / size
    row[3] = of[LINKS]
    row[4] = of[STOPS]
    row[5] = of[COMMAS]
    row[6] = of[DIGITS] / size
    row[7] = of[UPPERS] / size
    row[8] = of[BREAKS]
    row[9] = of[BOLD_BYTES] / size
    row[10] = size / max(1, of[WORDS])
    row[11] = last == 46 or last == 33 or last == 63 or last == 58 or last >= 0x80
    row[12] = _KINDS[tag]
    row[13] = _HEADING_LEVELS[tag]
    row[14] = of[HIDES]
    row[15] = elements[of[NODE], CELL] >= 0
    row[16] = elements[of[NODE], ITEM] >= 0
    row[18] = 100.0 * of[STOPS] / size
    row[19] = same
    return _OWN_COUNT


@called
def _measure_ancestors(row, at, of, elements, sums, twins, total):
    evidence, inside = at, at + _GROUPS
    levels = inside + _RANGE_COUNT
    end = levels + LEVELS * _LEVEL_FIELDS
    for i in range(evidence, levels):
        row[i] = _FAR
    for group in range(_GROUPS):
        if of[INLINE_BITS] >> group & 1:
            row[evidence + group] = 0
    e, distance = of[NODE], 1
    while e > 0:
        tag = elements[e, NAME]
        near = min(distance, 29)
        if _RANGE[tag] >= 0 and row[inside + _RANGE[tag]] == _FAR:
            row[inside + _RANGE[tag]] = near
        bits, group = elements[e, BITS], 0
        while bits:
            if bits & 1 and row[evidence + group] == _FAR:
                row[evidence + group] = near
            bits >>= 1
            group += 1
        if distance <= LEVELS:
            column = levels + (distance - 1) * _LEVEL_FIELDS
            row[column] = np.log1p(sums[e, 0])
            row[column + 1] = _share(sums[e, 1], sums[e, 0])
            row[column + 2] = sums[e, 2]
            row[column + 3] = _share(sums[e, 3], sums[e, 0])
            row[column + 4] = sums[e, 0] / total
            row[column + 5] = twins[e]
            row[column + 6] = _KINDS[tag]
        e = elements[e, PARENT]
        distance += 1
    row[17] = distance
    return end


@called
def _measure_neighbours(row, at, b, counts, elements):
    blocks = len(counts)
    for offset in _NEAR:
        other = b + offset
        if 0 <= other < blocks:
            row[at] = np.log1p(counts[other, BYTES])
            row[at + 1] = counts[other, LINK_BYTES] / counts[other, BYTES]
            row[at + 2] = _KINDS[elements[counts[other, NODE], NAME]]
            same = elements[counts[other, NODE], PARENT] == elements[counts[b, NODE], PARENT]
            row[at + 3] = same or counts[other, NODE] == counts[b, NODE]
        else:
            row[at] = row[at + 1] = row[at + 2] = row[at + 3] = -1
        at += 4
    for width in _WIDTHS:
        size = linked = long = 0
        for other in range(max(0, b - width), min(blocks, b + width + 1)):
            size += counts[other, BYTES]
            linked += counts[other, LINK_BYTES]
            long += counts[other, BYTES] if counts[other, BYTES] >= LONG_BYTES else 0
        row[at] = np.log1p(size)
        row[at + 1] = _share(linked, size)
        row[at + 2] = _share(long, size)
        at += 3
    return at
