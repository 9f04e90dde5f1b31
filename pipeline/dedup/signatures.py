"""MinHash signatures and band keys of a batch: the columns that near-duplicate search needs of each document.

A signature is bit for bit that of `datasketch.MinHash(bands * rows, seed, hashfunc=h, scheme="affine32")`
updated with the document's shingles, where h is the low 32 bits of xxh64 of a shingle's UTF-8. A band key is
xxh64 of the little-endian bytes of `rows` consecutive values.

Source: datasketch 2.0 (`affine32`); Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4 (banding).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa

from pipeline.batch import Utf8
from pipeline.dedup.normalise import fold_table
from pipeline.kernels.minhash import hash_bands, minhash, shingle_hashes, unique_within
from storage.schema import BANDS


@dataclass(frozen=True, slots=True)
class Shingling:
    """How a text becomes shingles.

    Args:
        ngram: Words or characters a shingle.
        of_words: Shingles of words; else of characters.
        fold_numbers: Every number reads as 0.
    """

    ngram: int = 5
    of_words: bool = True
    fold_numbers: bool = True


class ShingleSets(NamedTuple):
    """Documents as sets of shingle hashes: document i is `hashes[bounds[i]:bounds[i + 1]]`.

    Attributes:
        hashes: uint64[shingles].
        bounds: int64[documents + 1].
    """

    hashes: np.ndarray
    bounds: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """int64[documents]: shingles of each."""
        return np.diff(self.bounds)


def shingle(utf8: Utf8, shingling: Shingling) -> ShingleSets:
    """The shingles of every document in the order they stand, repeats included."""
    settings = (shingling.fold_numbers, shingling.of_words, shingling.ngram)
    return ShingleSets(*shingle_hashes(utf8.data, utf8.offsets, fold_table(), *settings))


def shingle_sets(utf8: Utf8, shingling: Shingling) -> ShingleSets:
    """The shingles of every document sorted, once each: what Jaccard similarity is measured on."""
    return ShingleSets(*unique_within(*shingle(utf8, shingling)))


def permutations(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers (odd) and increments, uint32[count] each, drawn as datasketch draws them."""
    draw = np.random.RandomState(seed)
    multipliers = draw.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return multipliers, draw.randint(0, 1 << 32, count, dtype=np.uint32)


def sign(shingles: ShingleSets, count: int, seed: int) -> np.ndarray:
    """Signatures, uint32[documents, count]; 2^32 - 1 all through for a document without shingles."""
    return np.asarray(minhash(*shingles, *permutations(count, seed)))


def band_keys(signatures: np.ndarray, bands: int, rows: int, sizes: np.ndarray) -> pa.ListArray[Any]:
    """One list of `bands` keys (uint64) a document; an empty one where it has no shingles (`sizes` is 0)."""
    keys = hash_bands(signatures, bands, rows)[sizes > 0]
    offsets = np.concatenate([[0], np.cumsum(np.where(sizes > 0, bands, 0))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(keys.reshape(-1), pa.uint64()))


def band_table(survivors: pa.Table) -> pa.Table:
    """The `bands` column of documents as rows of table BANDS: one a document, in order."""
    lists = cast("pa.ListArray[Any]", survivors["bands"].combine_chunks())
    empty = pa.scalar([], lists.type)
    rows = survivors.select([name for name in BANDS.names if name != "keys"])
    return rows.append_column("keys", lists.fill_null(empty)).cast(BANDS)
