"""Packed sequences as a model sees them: which document each token is of, where it was cut, what is padding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from typing import Any

import numpy as np

from flows.report.figures import Column, Figure, Table
from flows.report.interactive import Widget
from flows.report.source import Row, Source
from model.token_set import TokenSet
from pipeline.tokens import Tokenizer
from storage.files import exists
from storage.shards import iter_batches

MOST_TOKENS = 24_000
"""Of all sequences put into the page: about 100 kB of text."""
MOST_SEQUENCES = {"train": 12, "held_out": 4}
LOOKED_AT = 2_000
"""Sequences at the head of a split, among which those with most documents are shown."""

DOCUMENTS = """\
SELECT id, any_value(url) AS url, any_value(domain) AS domain FROM corpus
WHERE fingerprint = '{fingerprint}' AND id IN ({ids}) GROUP BY id ORDER BY id"""


@dataclass(frozen=True)
class _Read:
    """A stored sequence and its place: what `SEQUENCES` says of one row."""

    split: str
    number: int
    ids: list[int]
    starts: list[int]
    documents: list[str]
    before: str | None
    """The last document of the sequence before, where that is known and documents go on."""


def sequences_figure(source: Source, tokens: TokenSet, tokenizer: Tokenizer) -> tuple[Figure, ...]:
    """Some sequences in a row of each split; nothing where their files are not there."""
    read = [one for split in MOST_SEQUENCES for one in _first(source, tokens, split)]
    if not read:
        return ()
    named = list(dict.fromkeys(name for one in read for name in one.documents))
    known = {row["id"]: row for row in source.rows(_documents_sql(tokens, named))}
    sequences = [_told(one, tokens, tokenizer, {name: index for index, name in enumerate(named)}) for one in read]
    documents = [{"id": name, "url": None, "domain": None} | dict(known.get(name, {})) for name in named]
    directory = source.lake.tokens_dir(tokens.name, tokens.fingerprint)
    columns = (
        Column("split", "Split"),
        Column("number", "Sequence", "count"),
        Column("documents", "Documents in it", "count"),
        Column("begun", "Goes on from before", "text"),
        Column("padding", "Padding", "count"),
    )
    caption = (
        f"Sequences in a row as a model is given them, {tokens.width:,} tokens wide ({_WAYS[tokens.packing]}): of the "
        f"first {LOOKED_AT:,} of each split those with most documents. A letter and a colour are a document's. Choose "
        "one with the arrow keys, or Tab and Enter."
    )
    return (
        Figure(
            "tokens-sequences", "A sequence and its documents", caption,
            Table(columns, [_row(one) for one in sequences]),
            source=f"`{directory}` of the lake; URLs from the view corpus.",
            widget=Widget("sequences", {"sequences": sequences, "documents": documents, "width": tokens.width}),
        ),
    )  # fmt: skip


_WAYS = {
    "concatenate": "documents end to end, cut where a sequence is full",
    "best_fit": "only documents longer than a sequence are cut, the rest put where it fits",
    "masked": "[CLS], then pieces with [SEP] after each",
}


def _first(source: Source, tokens: TokenSet, split: str) -> list[_Read]:
    part = tokens.train if split == "train" else tokens.held_out
    most = max(1, min(MOST_SEQUENCES[split], MOST_TOKENS // (2 * tokens.width)))
    directory = source.lake.tokens_dir(tokens.name, tokens.fingerprint)
    files = (source.lake.absolute(f"{directory}/{name}") for name in part.files)
    batches = (batch for uri in files if exists(uri) for batch in iter_batches(uri, _READ, 500))
    head = list(islice(_rows(batches, tokens, split), LOOKED_AT))
    edges = list(accumulate((len(row.documents) for row in head), initial=0))
    starts = range(max(1, len(head) - most + 1))
    best = max(starts, key=lambda at: (edges[min(at + most, len(head))] - edges[at], -at))
    return head[best : best + most]


_READ = ("tokens", "doc_starts", "doc_ids")


def _rows(batches: Iterator[Any], tokens: TokenSet, split: str) -> Iterator[_Read]:
    kind = np.dtype("<u2" if tokens.vocab_size <= 2**16 else "<u4")
    before: str | None = None
    for number, row in enumerate(chain.from_iterable(batch.to_pylist() for batch in batches), 1):
        ids = np.frombuffer(row["tokens"], kind).tolist()
        yield _Read(split, number, ids, row["doc_starts"], row["doc_ids"], before)
        before = row["doc_ids"][-1] if tokens.packing == "concatenate" and ids[-1] != tokens.end_id else None


def _told(one: _Read, tokens: TokenSet, tokenizer: Tokenizer, place: Mapping[str, int]) -> dict[str, Any]:
    """One sequence for the page's script."""
    filled = len(one.ids)
    while filled and one.ids[filled - 1] == tokens.pad_id:
        filled -= 1
    ends = [*one.starts[1:], filled]
    stretches = [
        {
            "document": place[name],
            "tokens": end - start,
            "text": tokenizer.decode(one.ids[start:end]),
            "goes_on": index == 0 and name == one.before,
            "ends": None if tokens.packing == "masked" else one.ids[end - 1] == tokens.end_id,
        }
        for index, (name, start, end) in enumerate(zip(one.documents, one.starts, ends, strict=True))
    ]
    opening = one.starts[0] if one.starts else 0
    head = tokenizer.decode(one.ids[:opening]) if opening else ""
    return {
        "split": one.split.replace("_", " "),
        "number": one.number,
        "opening": {"tokens": opening, "text": head},
        "stretches": stretches,
        "padding": len(one.ids) - filled,
    }


def _row(sequence: Mapping[str, Any]) -> Row:
    stretches: Sequence[Mapping[str, Any]] = sequence["stretches"]
    return {
        "split": sequence["split"],
        "number": sequence["number"],
        "documents": len(stretches),
        "begun": "yes" if stretches and stretches[0]["goes_on"] else "no",
        "padding": sequence["padding"],
    }


def _documents_sql(tokens: TokenSet, ids: Sequence[str]) -> str:
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in ids)
    return DOCUMENTS.format(fingerprint=tokens.corpus_fingerprint.replace("'", "''"), ids=names)
