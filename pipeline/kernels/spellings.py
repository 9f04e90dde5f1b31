"""UTF-8 to the words a language model sees: hashes for scoring, and their letters where a vocabulary is built.

What each character becomes is in the table of `pipeline.quality.normalise`. A sentence is a line; its end is
a word too.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.compiled import compiled
from pipeline.kernels.hashing import SEED, add_point, finish, hash_text

DROPPED, SPACE, LETTER, ALONE, LINE = range(5)
"""What a character is; one that stands alone (a mark, a Han character) is a word by itself."""

END = hash_text("</s>")
BEGIN = hash_text("<s>")
UNKNOWN = hash_text("<unk>")


class SpellingTable(NamedTuple):
    """Each code point as the characters it becomes: those of `starts[code]:starts[code + 1]`.

    Attributes:
        starts: int32[codes + 1]. Codes beyond the table stand alone, as they are.
        points: int32[characters], code points.
        kinds: uint8[characters], DROPPED to LINE.
    """

    starts: np.ndarray
    points: np.ndarray
    kinds: np.ndarray


class Spelled(NamedTuple):
    """The words of a batch. Document d is `hashes[doc_offsets[d]:doc_offsets[d + 1]]`.

    Attributes:
        hashes: uint64[words]; every sentence that has a word is closed by `END`.
        doc_offsets: int64[documents + 1].
        points: int32[characters], the letters of all words, `END` having none; empty unless asked for.
        starts: int64[words + 1], where each word's letters begin; empty unless asked for.
    """

    hashes: np.ndarray
    doc_offsets: np.ndarray
    points: np.ndarray
    starts: np.ndarray


def spell(data: np.ndarray, offsets: np.ndarray, table: SpellingTable, letters: bool = False) -> Spelled:
    """The words of valid UTF-8, uint8[bytes] and int64[documents + 1] byte offsets; blank lines are no sentences."""
    return Spelled(*_spell(data, offsets, table.starts, table.points, table.kinds, letters))


@compiled
def _spell(data, offsets, starts, table_points, kinds, letters):
    size = offsets[-1] - offsets[0] + len(offsets)
    hashes = np.empty(size, np.uint64)
    doc_offsets = np.zeros(len(offsets), np.int64)
    points = np.empty(3 * size if letters else 0, np.int32)  # no character becomes more than three a byte
    word_starts = np.empty(size + 1 if letters else 0, np.int64)
    codes = len(starts) - 1
    words, length = 0, 0
    state, in_word, sentence = SEED, False, 0
    for d in range(len(offsets) - 1):
        i, end = offsets[d], offsets[d + 1]
        while i <= end:  # one step past the end closes the last line
            kind, code = LINE, np.int32(10)
            first, last = 0, 1
            if i < end:
                code = np.int32(data[i])
                if code < 0x80:
                    i += 1
                elif code < 0xE0:
                    code = (code & 0x1F) << 6 | np.int32(data[i + 1]) & 0x3F
                    i += 2
                elif code < 0xF0:
                    code = (code & 0x0F) << 12 | (np.int32(data[i + 1]) & 0x3F) << 6 | np.int32(data[i + 2]) & 0x3F
                    i += 3
                else:
                    code = (
                        (code & 0x07) << 18
                        | (np.int32(data[i + 1]) & 0x3F) << 12
                        | (np.int32(data[i + 2]) & 0x3F) << 6
                        | np.int32(data[i + 3]) & 0x3F
                    )
                    i += 4
                kind = ALONE
                if code < codes:
                    first, last = starts[code], starts[code + 1]
            else:
                i += 1
            for j in range(first, last):
                point, piece = code, np.uint8(kind)
                if code < codes and kind != LINE:
                    point = table_points[j]
                    piece = kinds[j]
                if piece == LETTER:
                    if not in_word:
                        in_word, state = True, SEED
                        if letters:
                            word_starts[words] = length
                    state = add_point(state, point)
                    if letters:
                        points[length] = point
                        length += 1
                    continue
                if piece == DROPPED:
                    continue
                if in_word:
                    hashes[words] = finish(state)
                    words += 1
                    sentence += 1
                    in_word = False
                if piece == ALONE:
                    hashes[words] = finish(add_point(SEED, point))
                    if letters:
                        word_starts[words] = length
                        points[length] = point
                        length += 1
                    words += 1
                    sentence += 1
                elif piece == LINE and sentence:
                    hashes[words] = END
                    if letters:
                        word_starts[words] = length
                    words += 1
                    sentence = 0
        doc_offsets[d + 1] = words
    if letters:
        word_starts[words] = length
        return hashes[:words], doc_offsets, points[:length], word_starts[: words + 1]
    return hashes[:words], doc_offsets, points, word_starts
