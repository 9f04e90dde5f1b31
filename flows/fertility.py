"""What a shard's documents became in tokens, counted by split, domain and language; and the table made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model.token_set import Counts
from pipeline.batch import DocumentBatch
from storage import schema
from storage.schema import Section

SPLITS = ("train", "held_out")


class Group(NamedTuple):
    """What documents are counted by; `first` are those that appear for the first time."""

    split: str
    domain: str
    language: str | None
    first: bool


class GroupCounts(Section):
    """One group's documents and what is in them; `tokens` without marks between documents."""

    split: str
    domain: str
    language: str | None
    first: bool
    documents: int
    bytes: int
    words: int
    tokens: int


class Tally:
    """Adds up documents as they are encoded."""

    def __init__(self) -> None:
        self._counts: dict[Group, list[int]] = defaultdict(lambda: [0, 0, 0, 0])

    def add(self, split: str, rows: pa.RecordBatch, token_counts: Sequence[int]) -> None:
        """Documents of a batch with text, domain, language and epoch, and how many tokens each became."""
        batch = DocumentBatch({"text": rows["text"]})
        words = np.diff(batch.words.doc_offsets).tolist()
        columns = (rows[name].to_pylist() for name in ("domain", "language", "epoch"))
        for domain, language, epoch, *counts in zip(*columns, sizes(rows), words, token_counts, strict=True):
            entry = self._counts[Group(split, domain, language, epoch == 0)]
            for place, count in enumerate((1, *counts)):
                entry[place] += count

    def groups(self) -> list[GroupCounts]:
        """Everything counted, in a fixed order."""
        names = ("documents", "bytes", "words", "tokens")
        order = sorted(self._counts, key=lambda group: (group.split, group.domain, group.language or "", group.first))
        return [GroupCounts(**group._asdict(), **dict(zip(names, self._counts[group], strict=True))) for group in order]


def sizes(rows: pa.RecordBatch) -> list[int]:
    """Bytes of every text in UTF-8."""
    text: Any = rows["text"]
    return [int(size) for size in pc.binary_length(text).to_pylist()]


def total(groups: Iterable[GroupCounts]) -> Counts:
    """Their sum; here every document's end mark is one of its tokens, as it is one of the sequences'."""
    found = list(groups)
    documents = sum(group.documents for group in found)
    tokens = sum(group.tokens for group in found) + documents
    return Counts(documents=documents, tokens=tokens, bytes=sum(group.bytes for group in found))


def fertility_table(groups: Iterable[GroupCounts]) -> pa.Table:
    """Rows of `FERTILITY`: groups of the same split, domain and language added up, in that order."""
    added: dict[tuple[str, str, str | None], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for group in groups:
        entry = added[group.split, group.domain, group.language]
        for place, count in enumerate((group.documents, group.bytes, group.words, group.tokens)):
            entry[place] += count
    order = sorted(added, key=lambda key: (SPLITS[::-1].index(key[0]), key[1], key[2] or ""))
    return pa.Table.from_pylist([_row(key, added[key]) for key in order], schema.FERTILITY)


def _row(key: tuple[str, str, str | None], counts: Sequence[int]) -> dict[str, Any]:
    documents, size, words, tokens = counts
    return {
        **dict(zip(("split", "domain", "language"), key, strict=True)),
        "documents": documents,
        "bytes": size,
        "words": words,
        "tokens": tokens,
        "bytes_per_token": size / tokens if tokens else None,
        "tokens_per_word": tokens / words if words else None,
    }
