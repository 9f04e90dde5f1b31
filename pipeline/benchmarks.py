"""Benchmark files as passages: which of their strings are looked for in pages, and in which words.

A file is JSON lines (plain, gzip or Zstandard), one item a line; each string of an item is a passage. Where no fields
are named every string is one, lists included; a field may lie deeper (`question.stem`).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import zstandard
from pydantic import Field

from pipeline.archive.rows import without_surrogates
from pipeline.dedup.normalise import fold_table
from pipeline.kernels.contamination import Passages, hash_words, index_passages
from storage.errors import UserError
from storage.schema import Section


class BenchmarkFile(Section):
    """One set of items that must not be trained on."""

    name: str = Field(description="name of the benchmark, as evaluations have it")
    path: str = Field(description="JSON lines, plain, .gz or .zst")
    fields: tuple[str, ...] = Field((), description="fields that hold its text, dotted; by default every string")


@dataclass(frozen=True)
class Item:
    """One line of a benchmark: its passages in order, and their words."""

    benchmark: str
    number: int
    passages: tuple[str, ...]
    words: int


@dataclass(frozen=True)
class Index:
    """Passages of all benchmarks, ready to be looked for.

    Attributes:
        items: Every item of every file, in order.
        item_of: Item of each indexed passage.
        passages: For the kernel; its passages are those with enough words.
        skipped: Items none of whose passages has enough words: they are never found.
    """

    items: tuple[Item, ...]
    item_of: tuple[int, ...]
    passages: Passages
    skipped: frozenset[int]


def digest_of(path: str) -> str:
    """sha256 of a benchmark file, hexadecimal: part of a run's fingerprint."""
    return hashlib.sha256(_read(path)).hexdigest()


def read_index(files: tuple[BenchmarkFile, ...], ngram: int, min_words: int, seed_words: int, max_places: int) -> Index:
    """The index over these files; made once a process for what is in them.

    Raises:
        UserError: A file is missing, is no JSON lines, or holds none of its fields.
    """
    digests = tuple(digest_of(file.path) for file in files)
    return _index(files, digests, ngram, min_words, seed_words, max_places)


@lru_cache(maxsize=4)
def _index(
    files: tuple[BenchmarkFile, ...],
    _digests: tuple[str, ...],
    ngram: int,
    min_words: int,
    seed_words: int,
    max_places: int,
) -> Index:
    table = fold_table()
    items = tuple(item for file in files for item in _items(file))
    texts: list[bytes] = []
    item_of: list[int] = []
    needed: list[int] = []
    for number, item in enumerate(items):
        for passage in item.passages:
            words = len(hash_words(passage.encode(), table))
            if words >= min_words:
                texts.append(passage.encode())
                item_of.append(number)
                needed.append(min(ngram, words - words // 8))
    passages, _ = index_passages(texts, table, needed, seed_words, max_places)
    return Index(items, tuple(item_of), passages, frozenset(range(len(items))) - frozenset(item_of))


def benchmark_rows(files: tuple[BenchmarkFile, ...], index: Index) -> list[dict[str, Any]]:
    """What each file holds: items, and how many are too short to be looked for."""
    rows = []
    for file in files:
        numbers = [n for n, item in enumerate(index.items) if item.benchmark == file.name]
        short = sum(n in index.skipped for n in numbers)
        words = sum(index.items[n].words for n in numbers)
        rows.append(
            {"benchmark": file.name, "sha256": digest_of(file.path), "items": len(numbers), "short_items": short,
             "words": words}
        )  # fmt: skip
    return rows


def _items(file: BenchmarkFile) -> Iterator[Item]:
    table = fold_table()
    any_text = False
    for number, line in enumerate(_decompressed(file.path).decode("utf-8", "replace").split("\n")):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(
                f"benchmark {file.name}: line {number + 1} of {file.path} is no JSON.", "Give one JSON object a line."
            ) from error
        values = [_field(row, name) for name in file.fields] if file.fields else [row]
        passages = tuple(text for value in values for text in _strings(value))
        any_text = any_text or bool(passages)
        yield Item(file.name, number, passages, sum(len(hash_words(text.encode(), table)) for text in passages))
    if not any_text:
        raise UserError(
            f"benchmark {file.name}: {file.path} has no text in {', '.join(file.fields) or 'any field'}.",
            "Name the fields that hold it: decontaminate.benchmarks, fields = [...].",
        )


def _field(row: Any, dotted: str) -> Any:
    for name in dotted.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield without_surrogates(value)
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def _decompressed(path: str) -> bytes:
    data = _read(path)
    try:
        if path.endswith(".gz"):
            return gzip.decompress(data)
        if path.endswith(".zst"):
            return b"".join(_zstd_frames(data))
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise UserError(f"benchmark file {path} is damaged: {error}.") from error
    return data


def _zstd_frames(data: bytes) -> Iterator[bytes]:
    """What each frame of a file holds; files written in parts, or joined, have several."""
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        yield frame.decompress(data)
        if not frame.eof:
            raise EOFError("it is cut short")
        data = frame.unused_data


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(
            f"benchmark file {path} cannot be read: {error.strerror}.",
            "Set decontaminate.benchmarks to files there are.",
        ) from error


CONTAMINATION_SPANS = pa.list_(
    pa.struct(
        [
            ("benchmark", pa.string()),
            ("item", pa.int64()),
            ("start", pa.int64()),
            ("chars", pa.int64()),
            ("matched_words", pa.int64()),
            ("item_words", pa.int64()),
            ("score", pa.float64()),
            ("action", pa.string()),
        ]
    )
)
"""Stretches of a page that are in a benchmark; see `CONTAMINATION` in storage/schema.py."""
