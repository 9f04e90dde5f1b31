"""Corpus shards to packed token sequences: train the tokenizer, encode and pack every shard, add up.

A finished token set is a directory with a `meta.json`, written last, and a row of the `steps` table. The same
command after a kill does only the shards that are missing; any number of workers gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from prefect import flow
from pydantic import Field

from flows.progress import progress, tell
from flows.settings import settings
from flows.steps import Step, find_step, run_step
from flows.tokens_task import (
    SPLITS,
    ShardTokens,
    TokensJob,
    encode_shard,
    load_tokenizer,
    make_tokenizer,
)
from flows.work import gather, phase, publish_table, threads, unit_of_work
from model.config import Counts, Packing, Split, TokenSet
from pipeline.tokens import TokensConfig
from storage.errors import ShardFailed
from storage.files import write_bytes
from storage.lake import Lake, fingerprint
from storage.schema import Section

VERSION = 2
"""Raised when this step changes what it writes; part of its fingerprint."""


class TokensRequest(Section):
    """What a tokens run needs to know; Prefect shows it as a form."""

    name: str | None = Field(None, description="corpus to take; null for the newest")
    config: TokensConfig = TokensConfig()
    lake: str = Field(default_factory=lambda: settings().lake, description="directory or URL prefix of the lake")
    workers: int = Field(default_factory=lambda: settings().workers, ge=1, description="threads")


@flow(name="tokens", flow_run_name="tokens")
def tokens_flow(request: TokensRequest) -> Step:
    """A corpus to a token set; its directory is `lake.tokens_dir(step.key, step.fingerprint)`."""
    lake = Lake(request.lake)
    lake.check_writable()
    corpus = find_step(lake, "mix", request.name, "Make a corpus first: `winnow corpus`.")
    key = fingerprint("tokens", VERSION, request.config, corpus.fingerprint)

    def work() -> tuple[Sequence[Any], dict[str, Any]]:
        pool = threads(request.workers)  # tokenizers, tiktoken and Arrow let the GIL go
        found = phase("tokens", pool, lambda: encode_corpus(lake, corpus, key, request.config))
        tokens = write_meta(lake, corpus, key, request.config, found)
        outputs = [shard.output(split) for shard in found for split in SPLITS]
        return outputs, tokens.model_dump(mode="json")

    step = run_step(lake, "tokens", corpus.key, key, work)
    tokens = TokenSet.model_validate(step.summary)
    publish_table("tokens", domain_rows(tokens), "Documents, tokens and bytes a token, by split and domain")
    tell(
        f"{tokens.train.total.tokens:,} tokens to train on, {tokens.held_out.total.tokens:,} held out; {packed(tokens)}"
    )
    return step


@unit_of_work("tokenizer")
def tokenizer_task(label: str, lake: str, directory: str, shards: Sequence[str], config: TokensConfig) -> str:
    """Train the tokenizer."""
    return make_tokenizer(Lake(lake), directory, shards, config)


@unit_of_work("encode")
def encode_task(label: str, job: TokensJob) -> ShardTokens:
    """Encode and pack one shard."""
    return encode_shard(job)


def encode_corpus(lake: Lake, corpus: Step, key: str, config: TokensConfig) -> list[ShardTokens]:
    """Every shard's sequences, in the corpus's order; to be called within a flow.

    Raises:
        ShardFailed: A shard could not be read: a corpus with a hole in it is not the corpus.
    """
    directory = lake.tokens_dir(corpus.key, key)
    shards = [output.path for output in corpus.outputs_of("corpus")]
    tokenizer_task.submit(directory, lake.root, directory, shards, config).result()
    jobs = [TokensJob(lake.root, directory, shard, number, config) for number, shard in enumerate(shards)]
    with progress("tokens", len(jobs)) as shown:
        results, failures = gather({job.label: encode_task.submit(job.label, job) for job in jobs}, shown)
    for label, error in failures.items():
        raise ShardFailed(f"shard {label}: {error.message}", error.hint)
    return [results[job.label] for job in jobs]


def write_meta(lake: Lake, corpus: Step, key: str, config: TokensConfig, shards: Sequence[ShardTokens]) -> TokenSet:
    """Add the shards up and write `meta.json`, which makes the directory a token set."""
    directory = lake.tokens_dir(corpus.key, key)
    tokenizer = load_tokenizer(lake, directory, config)
    tokens = TokenSet(
        name=corpus.key,
        fingerprint=key,
        corpus_fingerprint=corpus.fingerprint,
        tokenizer_sha256=tokenizer.digest,
        vocab_size=tokenizer.vocab_size,
        end_id=tokenizer.end_id,
        pad_id=tokenizer.pad_id,
        end_of_document=config.end_of_document,
        padding=config.padding,
        sequence_length=config.sequence_length,
        train=_split("train", shards),
        held_out=_split("held_out", shards),
        left_out=_add(shard.left_out for shard in shards),
    )
    write_bytes(lake.absolute(f"{directory}/meta.json"), tokens.model_dump_json(indent=1).encode())
    return tokens


def domain_rows(tokens: TokenSet) -> list[dict[str, Any]]:
    """One row a split and domain: how much there is, and how many bytes a token stands for."""
    splits = {"train": tokens.train, "held_out": tokens.held_out}
    return [
        {
            "split": name,
            "domain": domain,
            **counts.model_dump(),
            "bytes_per_token": counts.bytes / counts.tokens,
        }
        for name, split in splits.items()
        for domain, counts in split.domains.items()
    ]


def packed(tokens: TokenSet) -> str:
    """How the training sequences came out, in words."""
    train = tokens.train
    room = max(train.sequences * (tokens.sequence_length + 1), 1)
    cut, padding = train.packing.cut_documents / max(train.total.documents, 1), train.packing.padding_tokens / room
    return f"{train.sequences:,} sequences, {cut:.1%} of documents cut, {padding:.2%} padding"


def _split(name: str, shards: Sequence[ShardTokens]) -> Split:
    outputs = [shard.output(name) for shard in shards]
    domains = sorted({domain for shard in shards for domain in shard.domains[name]})
    return Split(
        files=tuple(output.path.rsplit("/", 1)[-1] for output in outputs),
        sequences=sum(output.rows for output in outputs),
        packing=Packing(
            cut_documents=sum(shard.packing[name].cut_documents for shard in shards),
            padding_tokens=sum(shard.packing[name].padding_tokens for shard in shards),
        ),
        total=_add(shard.totals[name] for shard in shards),
        unique=_add(shard.unique[name] for shard in shards),
        domains={d: _add(shard.domains[name].get(d, Counts()) for shard in shards) for d in domains},
    )


def _add(parts: Iterable[Counts]) -> Counts:
    rows = [(part.documents, part.tokens, part.bytes) for part in parts]
    documents, tokens, size = (sum(column) for column in zip((0, 0, 0), *rows, strict=True))
    return Counts(documents=documents, tokens=tokens, bytes=size)
