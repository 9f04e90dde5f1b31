"""ARPA: the text form of n-gram models that KenLM, SRILM and others read and write.

Source: the format as SRILM's `ngram-format(5)` describes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.quality.kneser_ney import Level
from pipeline.quality.ngram_model import log10

_ROWS = 1 << 16
_COUNT = re.compile(r"ngram (\d+)=(\d+)")


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


def read_arpa(lines: Iterable[str]) -> tuple[list[Level], list[str]]:
    """Levels and words of an ARPA file, `<unk>`, `<s>` and `</s>` at 0, 1 and 2.

    Raises:
        ValueError: It is none, or an n-gram's own suffix is not in it.
    """
    sections = _sections(lines)
    words = ["<unk>", "<s>", "</s>"]
    words += [gram[0] for gram in sections[0] if gram[0] not in words]
    ids = {word: number for number, word in enumerate(words)}
    levels: list[Level] = []
    index: dict[tuple[int, ...], int] = {(): 0}
    for section in sections:
        keys = {tuple(ids[word] for word in reversed(gram)): values for gram, values in section.items()}
        try:
            levels.append(_level(keys, index, unigrams=not levels, size=len(words)))
        except KeyError as error:
            raise ValueError(f"an n-gram of {len(levels) + 1} words has a suffix that is not listed") from error
        index = {key: number for number, key in enumerate(sorted(keys))} if len(levels) > 1 else _by_id(len(words))
    for above, below in pairwise(levels):
        above.begins = np.concatenate([[0], np.cumsum(np.bincount(below.parents, minlength=len(above)))])
    return levels, words


def _by_id(size: int) -> dict[tuple[int, ...], int]:
    return {(number,): number for number in range(size)}


def _level(
    keys: dict[tuple[int, ...], tuple[float, float]], index: dict[tuple[int, ...], int], unigrams: bool, size: int
) -> Level:
    ordered = [(number,) for number in range(size)] if unigrams else sorted(keys)
    values = np.array([keys.get(key, (-99.0, 0.0)) for key in ordered]).reshape(-1, 2)
    parents = np.array([0 if unigrams else index[key[:-1]] for key in ordered], np.int64)
    level = Level(np.array([key[-1] for key in ordered], np.uint32), parents, np.zeros(len(ordered), np.int64))
    level.probs, level.backoffs = 10.0 ** values[:, 0], 10.0 ** values[:, 1]
    return level


def _sections(lines: Iterable[str]) -> list[dict[tuple[str, ...], tuple[float, float]]]:
    expected: dict[int, int] = {}
    sections: list[dict[tuple[str, ...], tuple[float, float]]] = []
    for line in map(str.rstrip, lines):
        if found := _COUNT.fullmatch(line):
            expected[int(found[1])] = int(found[2])
        elif re.fullmatch(r"\\\d+-grams:", line):
            sections.append({})
        elif line and not line.startswith("\\") and sections:
            prob, gram, *backoff = line.split("\t")
            sections[-1][tuple(gram.split(" "))] = (float(prob), float(backoff[0]) if backoff else 0.0)
    if not sections or list(expected.values()) != [len(section) for section in sections]:
        raise ValueError(f"it tells of {list(expected.values())} n-grams and has {[len(s) for s in sections]}")
    return sections
