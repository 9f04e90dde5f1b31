"""Perplexity and bits a byte of a training on the documents held out of it, domain by domain.

A document is scored whole, from its first token on, as if it followed the end of another: the mark at its own end is
no part of it. What is longer than the model sees goes through a window: the first one full, each further one scoring
`stride` tokens with as many before them as fit. With a stride of the whole window that is lm-evaluation-harness's
rolling log-likelihood; shorter ones give every token more to go by.

An encoder gives no likelihood of a text, so what is measured is called what it is: pseudo-perplexity (`model.pseudo`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from flows.child import run_child
from flows.corpus_texts import Document, corpus_of, documents
from flows.evaluation import exp_or_inf
from flows.generation import find_training, load_language
from flows.steps import find_step
from flows.training_task import absolute, read_token_set
from model.config import Device, ModelConfig
from model.scoring import PseudoSpec, ScoreSpec
from model.token_set import TokenSet
from pipeline.tokens import Tokenizer
from storage import files, schema
from storage.errors import UserError
from storage.lake import Lake, fingerprint
from storage.shards import read_table, write_table

VERSION = 1
"""Raised when scores come out differently; part of every evaluation's id."""
ALL = "all"
"""In `part`: every domain's documents together."""
DRAWS = 1000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scored:
    """One document: how much of it there is, and the nats of all its tokens."""

    domain: str
    tokens: int
    bytes: int
    nats: float


def evaluate_held_out(
    lake: Lake,
    training: str = "latest",
    *,
    limit: int | None = None,
    stride: int | None = None,
    threads: int = 0,
    device: Device = "auto",
) -> list[Row]:
    """A training's scores on held-out documents, unless they are there; its `EVALUATIONS` rows, by domain then all.

    Args:
        lake: Where training, tokens and corpus are.
        training: Id, its beginning, the name of a training, or "latest". Of an imported model the documents are those
            held out of the newest token set.
        limit: Documents of each domain, from the corpus's beginning; it is shuffled. None: all of them.
        stride: Tokens a window scores, of those the model sees; None: half of them.

    Raises:
        UserError: No such training, its documents are gone, or a model that scores no text.
    """
    row = find_training(lake, training)
    tokenizer, tokens = load_language(lake, row["checkpoint"].rpartition("/")[0])
    held = tokens if tokens.train.files else _newest_tokens(lake)
    step = min(stride or max(1, tokens.sequence_length // 2), tokens.sequence_length)
    evaluation_id = fingerprint("held_out", VERSION, row["training_id"], held.fingerprint, limit, step)
    path = lake.evaluation_path(evaluation_id)
    if not files.exists(lake.absolute(path)):
        chosen = held_out_documents(lake, held, limit)
        scorer = Scorer(lake, row, tokenizer, tokens, step, threads, device)
        common = {"evaluation_id": evaluation_id, "kind": "held_out", "name": row["name"]}
        about = {"training_id": row["training_id"], "tokens_fingerprint": held.fingerprint, **scorer.about}
        rows = [common | found | {"finished_at": datetime.now(UTC)} for found in _rows(scorer.score(chosen), about)]
        write_table(lake.root, path, "evaluations", pa.Table.from_pylist(rows, schema.EVALUATIONS))
    found: list[Row] = read_table(lake.absolute(path)).to_pylist()
    return found


def held_out_documents(lake: Lake, tokens: TokenSet, limit: int | None) -> list[Document]:
    """Documents that no training on a token set sees, first appearances in the corpus's order.

    Raises:
        UserError: There are none, or they are not in the lake any more.
    """
    directory = lake.tokens_dir(tokens.name, tokens.fingerprint)
    wanted: set[str] = set()
    for name in tokens.held_out.files:
        for ids in read_table(lake.absolute(f"{directory}/{name}"), ["doc_ids"])["doc_ids"].to_pylist():
            wanted.update(ids or ())
    if not wanted:
        raise UserError(f"no document was held out of {tokens.name}.", "Set a larger mix.held_out_frac.")
    found: list[Document] = []
    counts: dict[str, int] = {}
    for document in documents(lake, corpus_of(lake, tokens)):
        if document.id in wanted and document.text and (limit is None or counts.get(document.domain, 0) < limit):
            counts[document.domain] = counts.get(document.domain, 0) + 1
            found.append(document)
    return found


def windows(ids: Sequence[int], start_id: int, seen: int, stride: int) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    """Contexts and what is scored after each, over a whole document; see the head of this file."""
    whole = (start_id, *ids)
    stop = min(seen, len(ids))
    yield whole[:1], whole[1 : stop + 1]
    while stop < len(ids):
        start, stop = stop, min(stop + stride, len(ids))
        yield whole[stop - seen : start + 1], whole[start + 1 : stop + 1]


class Scorer:
    """How a training's kind of model scores documents, and how that is called."""

    def __init__(
        self, lake: Lake, row: Row, tokenizer: Tokenizer, tokens: TokenSet, stride: int, threads: int, device: Device
    ) -> None:
        self._tokenizer, self._tokens, self._stride = tokenizer, tokens, stride
        self._shared: dict[str, Any] = {
            "weights": absolute(lake, row["checkpoint"]), "max_positions": tokens.sequence_length, "threads": threads,
            "device": device,
        }  # fmt: skip
        self._kind = ModelConfig.model_validate(json.loads(row["config"])["model"]).kind
        if self._kind not in ("decoder", "encoder"):
            raise UserError(
                "this model gives no likelihood of a text: a T5 fills in spans, an ELMo reads two ways.",
                "Evaluate a decoder or an encoder; every training's row has its own held-out loss.",
            )
        if self._kind == "encoder" and tokens.encoder is None:
            raise UserError("an encoder is scored by hiding words.", "Its tokenizer needs a mask: see `winnow tokens`.")

    @property
    def about(self) -> dict[str, Any]:
        """The convention, for `details`."""
        if self._kind == "encoder":
            return {"convention": "pseudo: each token hidden in turn, all others of its window shown"}
        return {"convention": "a document whole, after the mark that ends one", "stride": self._stride}

    def score(self, chosen: Sequence[Document]) -> tuple[bool, list[Scored]]:
        """Whether it is only pseudo, and every document with a token."""
        encoded = [self._tokenizer.encode(document.text).tolist() for document in chosen]
        kept = [(document, ids) for document, ids in zip(chosen, encoded, strict=True) if ids]
        nats = (self._pseudo if self._kind == "encoder" else self._plain)([ids for _, ids in kept])
        return self._kind == "encoder", [
            Scored(document.domain, len(ids), len(document.text.encode()), found)
            for (document, ids), found in zip(kept, nats, strict=True)
        ]

    def _plain(self, encoded: Sequence[Sequence[int]]) -> list[float]:
        seen, start = self._tokens.sequence_length, self._tokens.end_id
        parts = [list(windows(ids, start, seen, self._stride)) for ids in encoded]
        requests = tuple((tuple(before), tuple(after)) for part in parts for before, after in part)
        spec = ScoreSpec(requests=requests, **self._shared)
        found = [event["nats"] for event in run_child("model.score", "-", spec.model_dump_json())]
        ends = np.cumsum([len(part) for part in parts])
        return [float(part.sum()) for part in np.split(np.array(found), ends[:-1])]

    def _pseudo(self, encoded: Sequence[Sequence[int]]) -> list[float]:
        encoder = self._tokens.encoder
        assert encoder is not None
        spec = PseudoSpec(
            documents=tuple(map(tuple, encoded)), mask_id=encoder.mask, head=(encoder.classification,),
            tail=(encoder.separator,), **self._shared,
        )  # fmt: skip
        return [event["nats"] for event in run_child("model.pseudo", "-", spec.model_dump_json())]


def _rows(scored: tuple[bool, list[Scored]], about: Row) -> list[Row]:
    pseudo, found = scored
    domains = sorted({one.domain for one in found})
    groups = [(domain, [one for one in found if one.domain == domain]) for domain in domains]
    return [row for name, group in (*groups, (ALL, found)) for row in _domain_rows(name, group, pseudo, about)]


def _domain_rows(name: str, group: Sequence[Scored], pseudo: bool, about: Row) -> list[Row]:
    counts = {key: sum(getattr(one, key) for one in group) for key in ("tokens", "bytes")}
    shared = {"part": name, "details": json.dumps(about | {"documents": len(group), **counts})}
    per_token = _interval(group, "tokens", 1.0)
    values = [None if nats is None else exp_or_inf(nats) for nats in per_token]
    perplexity = dict(zip(("value", "low", "high"), values, strict=True))
    first = {"metric": "pseudo_perplexity" if pseudo else "perplexity", "unit": "a token"}
    if pseudo:
        return [shared | first | perplexity]
    bits = dict(zip(("value", "low", "high"), _interval(group, "bytes", math.log(2)), strict=True))
    return [shared | first | perplexity, shared | {"metric": "bits_per_byte", "unit": "bits a byte"} | bits]


def _interval(group: Sequence[Scored], per: str, unit: float) -> tuple[float, float | None, float | None]:
    """Nats over tokens or bytes in a unit, and its 95 % bootstrap interval over documents; none with one document."""
    nats, sizes = np.array([one.nats for one in group]), np.array([getattr(one, per) for one in group], float)
    value = float(nats.sum() / sizes.sum() / unit)
    if len(group) < 2:
        return value, None, None
    drawn = np.random.default_rng(0).multinomial(len(group), np.full(len(group), 1 / len(group)), DRAWS)
    low, high = np.percentile((drawn @ nats) / (drawn @ sizes) / unit, [2.5, 97.5])
    return value, float(low), float(high)


def _newest_tokens(lake: Lake) -> TokenSet:
    step = find_step(lake, "tokens", None, "A model from elsewhere needs documents: make some with `winnow tokens`.")
    return read_token_set(lake, lake.tokens_dir(step.key, step.fingerprint))
