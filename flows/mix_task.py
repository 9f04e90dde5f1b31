"""The mixed corpus: survivors without duplicates, in the proportions asked for, shuffled and cut into shards.

One step for the whole corpus, in a database that spills to disk: the texts are sorted there, never held in
memory. What is held is eight bytes a document.
"""

from __future__ import annotations

import difflib
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from flows.corpus_shards import write_shards
from flows.dataset_card import NOTHING_KNOWN, Provenance, card_text
from flows.progress import tell
from flows.token_counts import CountedTokens, EstimatedTokens, TokenCounter
from pipeline.mix import END_TOKENS, Quota, as_written, plan_mix, shortfall
from pipeline.mix_config import MixConfig
from pipeline.splits import held_out_bound
from pipeline.spreading import separate
from storage import files
from storage.catalog import Catalog
from storage.database import Scratch
from storage.errors import UserError
from storage.lake import Lake
from storage.schema import MIXTURE
from storage.shards import Output, column_names, iter_batches, write_table
from storage.views import sql_text

VERSION = 5
"""Raised when the corpus this file writes changes; part of every mix fingerprint."""

COUNT_ROWS = 1024

_COUNTED = ("unique_documents", "documents", "cut_documents", "held_out_documents", "held_out_tokens")
"""Columns of the mixture that are counted from what was written."""

LEAST_PART = 16
"""Fewest tokens for which the beginning of a document is taken."""


@dataclass(frozen=True)
class Mixed:
    """A written corpus: its files, its mixture's rows, and what there is to say of its budget (None: nothing)."""

    outputs: list[Output]
    rows: list[dict[str, Any]]
    shortfall: str | None


def write_mixture(
    lake: Lake,
    name: str,
    fingerprint: str,
    documents: Sequence[Output],
    duplicates: Sequence[Output],
    config: MixConfig,
    pages: Sequence[Output] = (),
    provenance: Provenance = NOTHING_KNOWN,
) -> Mixed:
    """Choose, order and write the corpus; the same bytes however many threads work.

    Args:
        lake: Where to read and write.
        name: Name of the corpus.
        fingerprint: Of the step.
        documents: Files of table documents.
        duplicates: Files of table duplicates; their pages are left out.
        config: The recipe's section.
        pages: Files of table pages of the same archives: where `quality_signal` is looked up.
        provenance: What the card tells of where the documents come from.

    Returns:
        Its files are the shards (table corpus; at least one, which may be empty), mixture.parquet and the card.
    """
    folder = lake.corpus_dir(name, fingerprint)
    counter = CountedTokens(config.tokenizer) if config.tokenizer else EstimatedTokens(config.bytes_per_token)
    with Catalog(lake).scratch(config.memory_limit, os.cpu_count() or 1) as scratch:
        uris = [lake.absolute(output.path) for output in documents]
        scratch.execute(sql_text("mix/tables"))
        _fill_scores(scratch, [lake.absolute(output.path) for output in pages], config)
        _fill_pages(scratch, uris, [lake.absolute(output.path) for output in duplicates], config, counter)
        _hold_out(scratch, config)
        plan = plan_mix(_stock(scratch), config)
        _choose(scratch, plan, config)
        _cut(scratch, uris, counter)
        rows = _mixture_rows(plan, _rows(scratch, "given"))
        shards = list(write_shards(lake, folder, _corpus(scratch, uris), config.shard_bytes))
    short = shortfall(plan, config.budget_tokens if config.enabled else None)
    if short:
        tell(f"mix: {short}")
    mixture = write_table(lake.root, f"{folder}/mixture.parquet", "mixture", pa.Table.from_pylist(rows, MIXTURE))
    card = write_card(lake, folder, card_text(name, config, rows, shards, provenance, short))
    return Mixed([*shards, mixture, card], rows, short)


def write_card(lake: Lake, folder: str, text: str) -> Output:
    """Write the dataset card of a corpus's folder."""
    path = f"{folder}/README.md"
    digest = files.write_bytes(lake.absolute(path), text.encode())
    return Output("card", path, 0, digest.bytes, digest.sha256)


def _fill_scores(scratch: Scratch, pages: list[str], config: MixConfig) -> None:
    """The quality of every page, where it is a signal of the ledger; `documents` has its own column `quality`."""
    signal = config.quality_signal.removeprefix("-")
    if signal == "quality" or not pages:
        return
    known = {name for uri in pages for name in column_names(uri)}
    if signal not in known:
        nearest = difflib.get_close_matches(signal, sorted(known), 1)
        hint = f"Did you mean {nearest[0]}?" if nearest else "Switch on the section that measures it."
        raise UserError(f"mix.quality_signal: no archive of this run has a signal {signal!r}.", hint)
    sign = "-" if config.quality_signal.startswith("-") else ""
    statement = sql_text("mix/fill_scores").replace("{signal}", f'{sign}"{signal}"')
    scratch.execute(statement, {"pages": pages})


def _fill_pages(
    scratch: Scratch, documents: list[str], duplicates: list[str], config: MixConfig, counter: TokenCounter
) -> None:
    if duplicates:
        scratch.execute(sql_text("mix/fill_duplicates"), {"duplicates": duplicates})
    if not documents:
        return
    if config.enabled and config.quality_epochs:
        bins = {"domain": list(config.quality_epochs), "count": [len(e) for e in config.quality_epochs.values()]}
        scratch.execute(sql_text("mix/fill_bins"), bins)
    if config.tokenizer:
        _count_tokens(scratch, documents, counter)
    seeds = {"seed": str(config.seed), "held_out_seed": str(config.held_out_seed)}
    settings = {"bytes_per_token": config.bytes_per_token, "end_tokens": END_TOKENS, **seeds}
    scratch.execute(sql_text("mix/fill_pages"), {"documents": documents, **settings})


def _count_tokens(scratch: Scratch, documents: list[str], counter: TokenCounter) -> None:
    """Exact counts of every document."""
    for number, uri in enumerate(documents):
        first = 0
        for batch in iter_batches(uri, ["text"], COUNT_ROWS):
            tokens = counter.count([str(text) for text in batch["text"].to_pylist()])
            scratch.execute(sql_text("mix/fill_counts"), {"file": number, "first": first, "tokens": tokens})
            first += batch.num_rows


def _hold_out(scratch: Scratch, config: MixConfig) -> None:
    """Mark what no training sees, of all documents that may be used: whatever the budget, the same ones."""
    most = max(1, config.held_out_documents)
    rows = scratch.run("mix/smallest", most=most).read_all().to_pylist()
    usable = [row for row in rows if config.epochs_of(row["domain"], row["bin"])]
    numbers: dict[str, list[float]] = defaultdict(list)
    documents: Counter[str] = Counter()
    for row in usable:
        numbers[row["domain"]] += row["smallest"]
        documents[row["domain"]] += row["documents"]
    bounds = {domain: held_out_bound(sorted(found), documents[domain], config) for domain, found in numbers.items()}
    columns = {
        "domain": [row["domain"] for row in usable],
        "bin": [row["bin"] for row in usable],
        "bound": [bounds[row["domain"]] for row in usable],
    }
    scratch.execute(sql_text("mix/hold_out"), columns)


def _stock(scratch: Scratch) -> dict[str, dict[int, int]]:
    """Tokens to train on by domain and bin of quality."""
    stock: dict[str, dict[int, int]] = defaultdict(dict)
    for row in _rows(scratch, "available"):
        stock[row["domain"]][row["bin"]] = row["tokens"]
    return stock


def _choose(scratch: Scratch, plan: list[Quota], config: MixConfig) -> None:
    """Fill `appearances` and `ranks`: which pages, how often, in which order."""
    if config.enabled:
        wanted = [(quota.domain, part) for quota in plan for part in quota.bins if part.given_tokens]
        columns = {
            "domain": [domain for domain, _ in wanted],
            "bin": [part.bin for _, part in wanted],
            "tokens": [part.given_tokens for _, part in wanted],
            "available": [part.available_tokens for _, part in wanted],
        }
        scratch.execute(sql_text("mix/fill_quotas"), columns)
        choice = {"seed": str(config.seed), "least_part": LEAST_PART if config.cut_last else None}
        choice |= {"least_held_out": config.held_out_documents}
        scratch.execute(sql_text("mix/fill_appearances"), choice)
    else:
        scratch.execute(sql_text("mix/fill_appearances_in_order"))
    scratch.execute(sql_text("mix/fill_ranks"))
    _part_repeats(scratch)


def _part_repeats(scratch: Scratch) -> None:
    """Move the few pages that the shuffle put beside themselves."""
    pages = scratch.run("mix/order").read_all()["page"].to_numpy()
    order = separate(pages)
    moved_to = np.flatnonzero(order != np.arange(len(order)))
    if len(moved_to):
        moves = {"ranks": order[moved_to].tolist(), "moved_to": moved_to.tolist()}
        scratch.execute(sql_text("mix/move_ranks"), moves)


def _cut(scratch: Scratch, documents: list[str], counter: TokenCounter) -> None:
    """Fill `cuts`: the beginnings of the few documents that a domain takes only in part."""
    for row in _rows(scratch, "parts"):
        place = {"document": documents[row["file"]], "file_row": row["file_row"]}
        [text] = scratch.run("mix/cut_text", **place).read_all()["text"].to_pylist()
        beginning, tokens = counter.begin(str(text), row["part"] - END_TOKENS)
        cut = {"page": row["page"], "part": row["part"], "text": beginning, "tokens": tokens + END_TOKENS}
        scratch.execute(sql_text("mix/fill_cuts"), cut)


def _rows(scratch: Scratch, name: str) -> list[dict[str, Any]]:
    return scratch.run(f"mix/{name}").read_all().to_pylist()


def _mixture_rows(plan: list[Quota], given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `MIXTURE`, the largest share first: what was written."""
    got = {row["domain"]: row for row in given}
    nothing = dict.fromkeys(_COUNTED, 0)
    quotas = as_written(plan, {domain: row["tokens"] for domain, row in got.items()})
    return [
        {
            "domain": quota.domain,
            "asked_frac": quota.asked_frac,
            "given_frac": quota.given_frac,
            "available_tokens": quota.available_tokens,
            "given_tokens": quota.given_tokens,
            **{name: got.get(quota.domain, nothing)[name] for name in _COUNTED},
            "epochs": quota.epochs,
            "max_epochs": quota.max_epochs,
            "quality_bins": _bin_rows(quota) if quota.by_quality else None,
            "reason": quota.reason,
        }
        for quota in sorted(quotas, key=lambda quota: (-quota.asked_frac, quota.domain))
    ]


def _bin_rows(quota: Quota) -> list[dict[str, Any]]:
    return [
        {
            "bin": part.bin,
            "available_tokens": part.available_tokens,
            "given_tokens": part.given_tokens,
            "epochs": part.epochs,
            "max_epochs": part.max_epochs,
        }
        for part in quota.bins
    ]


def _corpus(scratch: Scratch, documents: list[str]) -> Iterator[pa.Table]:
    if documents:
        for batch in scratch.run("mix/corpus", documents=documents, end_tokens=END_TOKENS):
            yield pa.Table.from_batches([batch])
