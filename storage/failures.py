"""Ledger files with the rules each page failed as bits: sets of rules then group as numbers, not as lists of names.

Lists of names were most of the time that a question to ten million pages took. In a file they are places in a short
dictionary, and are read as those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import ShardFailed
from storage.files import open_read

WORD_BITS = 63
"""Flags to an int64 column: its sign is left alone."""

UNJUDGED = ("read", "archive")
"""Where pages that no rule judged were lost: spans that could not be read, and records that were refused."""

_TOLD_BY = {"fate": "unreadable", "dropped_by": "archive"}
"""How the ledger tells each of those."""

_NAMES = "failed_rules.list.element"


def word_columns(name: str, flags: int) -> list[str]:
    """Columns that hold so many flags: `name_0`, `name_1`...; at least one."""
    return [f"{name}_{word}" for word in range(-(-flags // WORD_BITS) or 1)]


def read_failures(uri: str, rules: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """A file of `pages`: columns asked for, `unjudged`, and which of the rules each page failed.

    `unjudged` is 0 for a page that rules judged, else 1 and its place in `UNJUDGED`. The rules are flags in
    `word_columns("failed", len(rules) + 1)`, in the order given; the last one says that the page failed a rule that is
    none of those.

    Raises:
        UserError: There is no such file.
        ShardFailed: It is no readable Parquet file, or lacks a column.
    """
    with open_read(uri) as stream:
        try:
            file = _File(pq.ParquetFile(stream, read_dictionary=[_NAMES]), rules, columns)
            return file.read()
        except (pa.ArrowInvalid, OSError, KeyError) as error:
            raise ShardFailed(f"{uri} is not a readable file of the ledger: {error}") from error


def flags_of(words: Sequence[np.ndarray], flags: int) -> np.ndarray:
    """boolean[rows, flags] of the columns that hold them."""
    found = np.zeros((len(words[0]), flags), bool)
    for flag in range(flags):
        found[:, flag] = words[flag // WORD_BITS] >> flag % WORD_BITS & 1
    return found


def words_of(flags: Sequence[np.ndarray], rows: int) -> list[np.ndarray]:
    """The inverse: int64[rows] words of boolean[rows] columns."""
    words = [np.zeros(rows, np.int64) for _ in word_columns("", len(flags))]
    for flag, column in enumerate(flags):
        words[flag // WORD_BITS] |= column.astype(np.int64) << flag % WORD_BITS
    return words


class _File:
    """An open file of `pages` and what is wanted of it."""

    def __init__(self, file: pq.ParquetFile, rules: Sequence[str], columns: Sequence[str]) -> None:
        self._file = file
        self._places = {rule: place for place, rule in enumerate(rules)}
        self._columns = list(columns)
        leaves = file.metadata.schema
        self._leaves = {leaves.column(leaf).path: leaf for leaf in range(len(leaves))}

    def read(self) -> pa.Table:
        groups = [  # one at a time: each has dictionaries of its own
            self._file.read_row_group(number, self._wanted(number), use_threads=False)
            for number in range(self._file.num_row_groups)
        ]
        groups = groups or [self._file.schema_arrow.empty_table()]
        whole = pa.concat_tables([group.select(self._columns) for group in groups])
        made = {name: whole[name] for name in self._columns}
        made |= {"unjudged": pa.chunked_array([_unjudged(group) for group in groups])}
        words = zip(*(self._words(group["failed_rules"]) for group in groups), strict=True)
        names = word_columns("failed", len(self._places) + 1)
        made |= {name: pa.chunked_array(list(parts)) for name, parts in zip(names, words, strict=True)}
        return pa.Table.from_arrays(list(made.values()), names=list(made))

    def _wanted(self, group: int) -> list[str]:
        told = [name for name, value in _TOLD_BY.items() if self._may_hold(group, name, value)]
        return list(dict.fromkeys([*self._columns, "failed_rules", *told]))

    def _may_hold(self, group: int, name: str, value: str) -> bool:
        """Whether a value may be in a column of a row group, by its statistics: few groups have any."""
        statistics = self._file.metadata.row_group(group).column(self._leaves[name]).statistics
        if statistics is None or not (statistics.has_min_max or statistics.num_values == 0):
            return True
        return statistics.num_values > 0 and str(statistics.min) <= value <= str(statistics.max)

    def _words(self, failed_rules: pa.ChunkedArray[Any]) -> list[np.ndarray]:
        """The flags of lists of names, int64[rows] a word."""
        lists = cast("pa.ListArray[Any]", failed_rules.combine_chunks())
        names = cast("pa.DictionaryArray[Any, Any]", lists.values)
        none = len(self._places)
        flags = np.array([self._places.get(str(name), none) for name in names.dictionary.to_pylist()], np.int64)
        codes, offsets = names.indices.to_numpy(), lists.offsets.to_numpy()
        words = []
        for number in range(len(word_columns("", none + 1))):
            bits = np.where(flags // WORD_BITS == number, 1 << flags % WORD_BITS, 0)
            words.append(_joined(np.take(bits, codes), offsets))
        return words


def _unjudged(rows: pa.Table) -> np.ndarray:
    """int8[rows]; columns that were not read do not hold the value that would tell."""
    found = np.zeros(len(rows), np.int8)
    for name, value in reversed(_TOLD_BY.items()):
        if name in rows.column_names:
            told = pc.is_in(rows[name], value_set=pa.array([value])).to_numpy()
            found[told] = list(_TOLD_BY).index(name) + 1
    return found


def _joined(bits: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Of each list that the offsets delimit, its bits in one word."""
    sums = np.zeros(len(bits) + 1, np.int64)
    np.cumsum(bits, out=sums[1:])  # beyond 63 bits it wraps, and back
    words: np.ndarray = np.diff(np.take(sums, offsets))
    if np.bitwise_count(words.view(np.uint64)).sum() < np.count_nonzero(bits):  # some flag is twice in a list
        words = np.zeros_like(words)
        np.bitwise_or.at(words, np.repeat(np.arange(len(words)), np.diff(offsets)), bits)
    return words
