"""An n-gram model as one block of bytes that every process maps and none copies, and its scores of documents.

The block is 16 bytes of magic and header length, a JSON header padded to 64 bytes, and the hash table of
`pipeline.kernels.ngram_table`. Only hashes of words are in it; the words themselves are in the model's ARPA file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from pipeline.batch import Utf8
from pipeline.kernels.ngram_table import MAX_ORDER, insert, level_keys, score_words
from pipeline.kernels.spellings import spell
from pipeline.quality.kneser_ney import Level
from pipeline.quality.normalise import NORMALISATIONS, spelling_table

MAGIC = b"winnow n-grams 1"[:12]
_ALIGN = 64
_LOAD = 0.7
"""Share of the slots that are filled: the more, the smaller the file and the longer the search."""


@dataclass(frozen=True)
class Header:
    """What a model says of itself.

    Attributes:
        normalisation: One of `NORMALISATIONS`.
        ngrams: How many of each length, unigrams first.
        slots: Of the table.
        language: As the user named it.
        prune: Counts up to which n-grams of each length were left out.
        discounts: D1, D2 and D3+ of each length.
        words: Words of the text it was trained on, ends of sentences included.
    """

    normalisation: str
    ngrams: tuple[int, ...]
    slots: int
    language: str
    prune: tuple[int, ...]
    discounts: tuple[tuple[float, float, float], ...]
    words: int

    @property
    def order(self) -> int:
        """Longest n-gram."""
        return len(self.ngrams)


class Scores(NamedTuple):
    """log10 probability of each document and the words it is of, an end for every line included.

    Attributes:
        log10_probs: float64[documents].
        words: int64[documents].
    """

    log10_probs: np.ndarray
    words: np.ndarray

    @property
    def perplexities(self) -> np.ndarray:
        """float64[documents], 10 ** (-log10_prob / words), as cc_net computes it; NaN without a word."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found: np.ndarray = np.power(10.0, -self.log10_probs / self.words)
        return found


class NgramModel:
    """A model ready to score.

    Args:
        block: uint8, as `pack` makes it; mapped from a file, mostly.

    Raises:
        ValueError: It is no such block, or not whole.
    """

    def __init__(self, block: np.ndarray) -> None:
        start, self.header = _read_header(block)
        if len(block) != start + 16 * self.header.slots:
            raise ValueError(f"{len(block):,} bytes, its header tells of {start + 16 * self.header.slots:,}")
        self._table = block[start:].view(np.uint64)
        self._floats = block[start:].view(np.float32)

    def score(self, utf8: Utf8) -> Scores:
        """The scores of documents, each line a sentence."""
        spelled = spell(utf8.data, utf8.offsets, spelling_table(self.header.normalisation))
        sums = score_words(spelled.hashes, spelled.doc_offsets, self._table, self._floats, self.header.order)
        return Scores(sums, np.diff(spelled.doc_offsets))


def pack(levels: list[Level], word_hashes: np.ndarray, header: Header) -> Iterator[bytes | memoryview]:
    """The block of a model, in pieces to write one after another.

    Args:
        word_hashes: uint64[vocabulary], by id.
        header: Its `slots` are found here, whatever it says.

    Raises:
        ValueError: Two n-grams hash alike (once in 10^10 models of a hundred million).
    """
    slots = int(sum(map(len, levels)) / _LOAD) + 1
    table = np.zeros(2 * slots, np.uint64)
    keys = word_hashes
    for depth, level in enumerate(levels):
        if depth:
            keys = level_keys(keys, level.parents, word_hashes, level.words)
        if not insert(keys, log10(level.probs), log10(level.backoffs), table, table.view(np.float32)):
            raise ValueError("two n-grams have one hash")
    described = json.dumps(asdict(header) | {"slots": slots}, sort_keys=True).encode()
    size = -(-(len(MAGIC) + 4 + len(described)) // _ALIGN) * _ALIGN - len(MAGIC) - 4
    yield MAGIC + size.to_bytes(4, "little") + described.ljust(size)
    yield table.data


def log10(values: np.ndarray) -> np.ndarray:
    """float32 as the file keeps it, never infinite."""
    found: np.ndarray = np.log10(np.maximum(values, 1e-45)).astype(np.float32)
    return found


def _read_header(block: np.ndarray) -> tuple[int, Header]:
    head = len(MAGIC) + 4
    if block[: len(MAGIC)].tobytes() != MAGIC:
        raise ValueError("it does not begin as one")
    size = int.from_bytes(block[len(MAGIC) : head].tobytes(), "little")
    try:
        fields: dict[str, Any] = json.loads(block[head : head + size].tobytes())
        discounts = tuple(tuple(found) for found in fields.pop("discounts"))
        fields |= {name: tuple(fields[name]) for name in ("ngrams", "prune")}
        header = Header(**fields, discounts=discounts)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("its header is damaged") from error
    if header.normalisation not in NORMALISATIONS or not 1 <= header.order <= MAX_ORDER:
        raise ValueError("another version of Winnow made it")
    return head + size, header
