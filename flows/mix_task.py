"""The mixed corpus: survivors without duplicates, in the proportions asked for, shuffled and cut into shards.

One step for the whole corpus, in a database that spills to disk: the texts are sorted there, never held in
memory. What is held is eight bytes a document.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tokenizers

from pipeline.mix import MixConfig, Quota, as_written, plan_mix, separate
from storage import files
from storage.catalog import Catalog, Scratch
from storage.errors import UserError
from storage.lake import Lake
from storage.schema import CORPUS, MIXTURE
from storage.shards import Output, ShardWriter, iter_batches, write_table
from storage.views import sql_text

VERSION = 2
"""Raised when the corpus this file writes changes; part of every mix fingerprint."""

TEXT_PER_COMPRESSED_BYTE = 2.6
"""Before the first shard is written; from then on what the finished shards came to."""

COUNT_ROWS = 1024

CARD = """\
---
configs:
- config_name: default
  data_files: corpus-*.parquet
task_categories:
- text-generation
---
# {name}

{documents:,} documents, {tokens:,} tokens ({counted}), in {shards:,} shards, {size:,} bytes.
Made with Winnow.

| domain | asked | given | tokens | documents | distinct | epochs | why given differs |
|---|---:|---:|---:|---:|---:|---:|---|
{mixture}

Each row is one document: its text, where and when it was fetched, its language, domain and tokens;
`epoch` is above 0 for a repeat. Personal data that the recipe's `pii` section found is replaced by
placeholders such as `<EMAIL>`.

{order}
"""


def write_mixture(
    lake: Lake,
    name: str,
    fingerprint: str,
    documents: Sequence[Output],
    duplicates: Sequence[Output],
    config: MixConfig,
) -> list[Output]:
    """Choose, order and write the corpus; the same bytes however many threads work.

    Args:
        lake: Where to read and write.
        name: Name of the corpus.
        fingerprint: Of the step.
        documents: Files of table documents.
        duplicates: Files of table duplicates; their pages are left out.
        config: The recipe's section.

    Returns:
        The shards (table corpus; at least one, which may be empty), mixture.parquet and the card README.md.
    """
    folder = lake.corpus_dir(name, fingerprint)
    with Catalog(lake).scratch(config.memory_limit, os.cpu_count() or 1) as scratch:
        uris = [lake.absolute(output.path) for output in documents]
        _fill_pages(scratch, uris, [lake.absolute(output.path) for output in duplicates], config)
        available = {row["domain"]: row["tokens"] for row in _rows(scratch, "available")}
        plan = plan_mix(available, config)
        _choose(scratch, plan, config)
        rows = _mixture_rows(plan, _rows(scratch, "given"))
        shards = list(_write_shards(lake, folder, _corpus(scratch, uris), config.shard_bytes))
    mixture = pa.Table.from_pylist(rows, MIXTURE)
    card = _write_card(lake, f"{folder}/README.md", name, config, rows, shards)
    return [*shards, write_table(lake.root, f"{folder}/mixture.parquet", "mixture", mixture), card]


def _fill_pages(scratch: Scratch, documents: list[str], duplicates: list[str], config: MixConfig) -> None:
    scratch.execute(sql_text("mix/tables"))
    if duplicates:
        scratch.execute(sql_text("mix/fill_duplicates"), {"duplicates": duplicates})
    if not documents:
        return
    if config.tokenizer:
        _count_tokens(scratch, documents, config.tokenizer)
    settings = {"bytes_per_token": config.bytes_per_token, "seed": str(config.seed)}
    scratch.execute(sql_text("mix/fill_pages"), {"documents": documents, **settings})


def _count_tokens(scratch: Scratch, documents: list[str], tokenizer: str) -> None:
    """Exact counts of every document, special tokens not added."""
    encoder = _load_tokenizer(tokenizer)
    for number, uri in enumerate(documents):
        first = 0
        for batch in iter_batches(uri, ["text"], COUNT_ROWS):
            encoded = encoder.encode_batch_fast(batch["text"].to_pylist(), add_special_tokens=False)
            tokens = [len(one.ids) for one in encoded]
            scratch.execute(sql_text("mix/fill_counts"), {"file": number, "first": first, "tokens": tokens})
            first += batch.num_rows


def _load_tokenizer(path: str) -> tokenizers.Tokenizer:
    with files.open_read(path) as stream:
        content = stream.read()
    try:
        return tokenizers.Tokenizer.from_str(content.decode())
    except Exception as error:  # the library raises nothing narrower
        raise UserError(f"{path} is no tokenizer.json.", "See mix.tokenizer in the recipe.") from error


def _choose(scratch: Scratch, plan: list[Quota], config: MixConfig) -> None:
    """Fill `appearances` and `ranks`: which pages, how often, in which order."""
    if config.enabled:
        wanted = [quota for quota in plan if quota.given_tokens]
        columns = {
            "domain": [quota.domain for quota in wanted],
            "tokens": [quota.given_tokens for quota in wanted],
            "available": [quota.available_tokens for quota in wanted],
        }
        scratch.execute(sql_text("mix/fill_quotas"), columns)
        scratch.execute(sql_text("mix/fill_appearances"), {"seed": str(config.seed)})
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


def _rows(scratch: Scratch, name: str) -> list[dict[str, Any]]:
    return scratch.run(f"mix/{name}").read_all().to_pylist()


def _mixture_rows(plan: list[Quota], given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `MIXTURE`, the largest share first: what was written, which is whole documents."""
    got = {row["domain"]: row for row in given}
    quotas = as_written(plan, {domain: row["tokens"] for domain, row in got.items()})
    return [
        {
            "domain": quota.domain,
            "asked_frac": quota.asked_frac,
            "given_frac": quota.given_frac,
            "available_tokens": quota.available_tokens,
            "given_tokens": quota.given_tokens,
            "unique_documents": got.get(quota.domain, {}).get("unique_documents", 0),
            "documents": got.get(quota.domain, {}).get("documents", 0),
            "epochs": quota.epochs,
            "max_epochs": quota.max_epochs,
            "reason": quota.reason,
        }
        for quota in sorted(quotas, key=lambda quota: (-quota.asked_frac, quota.domain))
    ]


def _corpus(scratch: Scratch, documents: list[str]) -> Iterator[pa.Table]:
    if documents:
        for batch in scratch.run("mix/corpus", documents=documents):
            yield pa.Table.from_batches([batch])


def _write_shards(lake: Lake, folder: str, tables: Iterator[pa.Table], shard_bytes: int) -> Iterator[Output]:
    """Shards of about `shard_bytes`, cut where their text reaches what compresses to that."""
    ratio, text_bytes, file_bytes, number = TEXT_PER_COMPRESSED_BYTE, 0, 0, 0
    rest: pa.Table | None = next(tables, CORPUS.empty_table())
    while rest is not None:
        path = f"{folder}/corpus-{number:05}.parquet"
        with ShardWriter(lake.root, path, "corpus", CORPUS) as writer:
            rest, written = _fill_shard(writer, rest, tables, int(shard_bytes * ratio))
            output = writer.finish()
        text_bytes, file_bytes, number = text_bytes + written, file_bytes + output.bytes, number + 1
        ratio = text_bytes / file_bytes if text_bytes else ratio
        yield output


def _fill_shard(
    writer: ShardWriter, table: pa.Table, tables: Iterator[pa.Table], limit: int
) -> tuple[pa.Table | None, int]:
    """Write rows until their text reaches `limit` bytes; the rows left over (None: none at all) and the
    bytes.
    """
    written = 0
    while True:
        ends = written + np.cumsum(pc.binary_length(table["text"]).to_numpy())
        rows = min(int(np.searchsorted(ends, limit)) + 1, table.num_rows)
        writer.write(table.slice(0, rows))
        written = int(ends[rows - 1]) if rows else written
        if rows < table.num_rows:
            return table.slice(rows), written
        following = next(tables, None)
        if following is None or written >= limit:
            return following, written
        table = following


def _write_card(
    lake: Lake,
    path: str,
    name: str,
    config: MixConfig,
    mixture: list[dict[str, Any]],
    shards: list[Output],
) -> Output:
    digest = files.write_bytes(lake.absolute(path), card_text(name, config, mixture, shards).encode())
    return Output("card", path, 0, digest.bytes, digest.sha256)


def card_text(name: str, config: MixConfig, mixture: list[dict[str, Any]], shards: list[Output]) -> str:
    """The dataset card: what is in the corpus, in which proportions and why, and how it was made."""
    in_order = "Every survivor once, in archive order: mixing was switched off."
    shuffled = f"Order and choice follow seed {config.seed}: a larger budget only adds documents."
    return CARD.format(
        name=name,
        documents=sum(shard.rows for shard in shards),
        tokens=sum(row["given_tokens"] for row in mixture),
        counted="counted" if config.tokenizer else f"estimated at {config.bytes_per_token:g} bytes a token",
        shards=len(shards),
        size=sum(shard.bytes for shard in shards),
        mixture="\n".join(map(_card_row, mixture)),
        order=shuffled if config.enabled else in_order,
    )


def _card_row(row: dict[str, Any]) -> str:
    cells = (
        row["domain"],
        f"{row['asked_frac']:.1%}",
        f"{row['given_frac']:.1%}",
        f"{row['given_tokens']:,}",
        f"{row['documents']:,}",
        f"{row['unique_documents']:,}",
        f"{row['epochs']:.2f}",
        row["reason"] or "",
    )
    return f"| {' | '.join(cells)} |"
