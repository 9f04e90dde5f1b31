"""ARPA: the text form of n-gram models that KenLM, SRILM and others read and write.

Source: the format as SRILM's `ngram-format(5)` describes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.quality.kneser_ney import Level
from pipeline.quality.ngram_model import log10

_ROWS = 1 << 16


def write_arpa(levels: list[Level], words: list[str]) -> Iterator[bytes]:
    """The file, in pieces; levels from unigrams up, words by id."""
    counts = "".join(f"ngram {depth}={len(level)}\n" for depth, level in enumerate(levels, 1))
    yield f"\\data\\\n{counts}".encode()
    vocabulary = pa.array(words, pa.large_string())
    texts: Any = None
    for depth, level in enumerate(levels, 1):
        yield f"\n\\{depth}-grams:\n".encode()
        own = vocabulary.take(pa.array(level.words))
        texts = (
            own if texts is None else pc.binary_join_element_wise(own, texts.take(pa.array(level.parents)), _text(" "))
        )
        for start in range(0, len(level), _ROWS):
            yield _lines(level, texts, slice(start, start + _ROWS), last=depth == len(levels))
    yield b"\n\\end\\\n"


def _lines(level: Level, texts: Any, rows: slice, last: bool) -> bytes:
    probs, backoffs = (
        pa.array(log10(values[rows])).cast(pa.large_string()) for values in (level.probs, level.backoffs)
    )
    tab = _text("\t")
    rest = [] if last else [tab, backoffs]
    lines = pc.binary_join_element_wise(probs, tab, texts[rows], *rest, _text("\n"), _text(""))
    _, offsets, data = lines.buffers()
    found: bytes = data.to_pybytes()[: np.frombuffer(offsets, np.int64)[len(lines)]]
    return found


def _text(value: str) -> Any:
    return pa.scalar(value, pa.large_string())
