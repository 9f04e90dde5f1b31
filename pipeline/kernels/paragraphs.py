"""Paragraphs of a text: how many, those met before, and those with a phrase in them."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.characters import Characters, byte_at, longest_run
from pipeline.kernels.compiled import compiled
from pipeline.kernels.hashing import SEED, combine
from pipeline.kernels.lines import Lines
from pipeline.kernels.phrases import Hits
from pipeline.kernels.repeats import find_slot, slots_for

PARAGRAPHS, REPEATED, PARAGRAPH_CHARS, REPEATED_CHARS, BOILERPLATE = range(5)
"""Columns of `count_paragraphs`."""


def count_paragraphs(characters: Characters, lines: Lines, offsets: np.ndarray, hits: Hits) -> np.ndarray:
    """int64[documents, 5]: paragraphs as `text.split("\\n\\n")` cuts them; those equal to an earlier one; the
    characters of all and of those; paragraphs with a phrase (where one of them is phrase 0, all).

    Args:
        offsets: int64[documents + 1], bytes of the texts that `hits` were found in.
    """
    return _count_paragraphs(
        characters.codes, characters.byte_index, lines.starts, lines.ends, lines.hashes, lines.doc_offsets,
        offsets, *hits,
    )  # fmt: skip


@compiled
def _count_paragraphs(codes, byte_index, starts, ends, hashes, line_offsets, offsets, hit_starts, hit_phrases):
    found = np.zeros((len(offsets) - 1, BOILERPLATE + 1), np.int64)
    slots = slots_for(longest_run(line_offsets))
    keys, stamps = np.empty(slots, np.uint64), np.zeros(slots, np.int64)
    hit = 0
    for d in range(len(offsets) - 1):
        line, last = line_offsets[d], line_offsets[d + 1]
        everything = False
        while line < last:
            state, chars = SEED, np.int64(-1)
            while True:  # a paragraph ends before an empty line that another line follows
                state = combine(state, hashes[line])
                chars += ends[line] - starts[line] + 1
                line += 1
                if line >= last or (starts[line] == ends[line] and line + 1 < last):
                    break
            after = byte_at(codes, byte_index, starts[line]) if line < last else offsets[d + 1]
            line += 1
            slot = find_slot(keys, stamps, d + 1, state, slots - 1)
            repeated = stamps[slot] == d + 1
            keys[slot], stamps[slot] = state, d + 1
            found[d, PARAGRAPHS] += 1
            found[d, PARAGRAPH_CHARS] += chars
            found[d, REPEATED] += repeated
            found[d, REPEATED_CHARS] += chars if repeated else 0
            boilerplate = False
            while hit < len(hit_starts) and hit_starts[hit] < after:
                boilerplate = True
                everything = everything or hit_phrases[hit] == 0
                hit += 1
            found[d, BOILERPLATE] += boilerplate
        if everything:
            found[d, BOILERPLATE] = found[d, PARAGRAPHS]
    return found
