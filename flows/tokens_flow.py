"""Corpus shards to packed token sequences: train the tokenizer, encode and pack every shard, add up.

A finished token set is a directory with a `meta.json`, written last, and a row of the `steps` table. The same
command after a kill does only the shards that are missing; any number of workers gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from prefect import flow
from pydantic import Field

from flows.artifacts import rows_of
from flows.events import announce
from flows.fertility import SPLITS, fertility_table, total
from flows.progress import progress, tell
from flows.run_rows import run_row
from flows.settings import settings
from flows.steps import Step, find_step, run_step
from flows.tokens_task import (
    ShardTokens,
    TokensJob,
    encode_shard,
    load_tokenizer,
    make_tokenizer,
)
from flows.work import gather, phase, publish_table, threads, unit_of_work
from flows.writing import alone
from model.token_set import EncoderTokens, Packing, Split, TokenSet
from pipeline.tokens import Tokenizer
from pipeline.tokens_config import TokensConfig
from storage.errors import ShardFailed
from storage.files import sha256_of, write_bytes
from storage.lake import Lake, fingerprint
from storage.schema import Section
from storage.shards import read_table, write_table
from storage.unfinished import remove_stale

VERSION = 4
"""Raised when this step changes what it writes; part of its fingerprint."""


class TokensRequest(Section):
    """What a tokens run needs to know; Prefect shows it as a form."""

    name: str | None = Field(None, description="corpus to take; null for the newest")
    corpus: str | None = Field(None, description="its fingerprint; null for the newest of that name")
    config: TokensConfig = TokensConfig()
    lake: str = Field(default_factory=lambda: settings().lake, description="directory or URL prefix of the lake")
    workers: int = Field(default_factory=lambda: settings().workers, ge=1, description="threads")


@flow(name="tokens", flow_run_name="tokens")
def tokens_flow(request: TokensRequest) -> Step:
    """A corpus to a token set; its directory is `lake.tokens_dir(step.key, step.fingerprint)`."""
    lake = Lake(request.lake)
    lake.check_writable()
    corpus = find_step(lake, "mix", request.name, "Make a corpus first: `winnow corpus`.", request.corpus)
    key = key_of(request.config, corpus)

    def work() -> tuple[Sequence[Any], dict[str, Any]]:
        pool = threads(request.workers)  # tokenizers, tiktoken and Arrow let the GIL go
        found = phase("tokens", pool, lambda: encode_corpus(lake, corpus, key, request.config))
        tokens = write_meta(lake, corpus, key, request.config, found)
        table = fertility_table(group for shard in found for group in shard.groups)
        written = write_table(lake.root, f"{lake.tokens_dir(corpus.key, key)}/fertility.parquet", "fertility", table)
        outputs = [shard.output(split) for shard in found for split in SPLITS]
        return [*outputs, written], tokens.model_dump(mode="json")

    purpose = f"winnow tokens of {corpus.key}"
    with alone(lake, f"tokens-{key}", purpose), run_row(lake, "tokens", corpus.key, request, key) as made:
        remove_stale(lake.root)
        step = run_step(lake, "tokens", corpus.key, key, work)
        made.append({"step": step.step, "key": step.key, "fingerprint": step.fingerprint})
    tokens = TokenSet.model_validate(step.summary)
    rows = rows_of(fertility(lake, step))
    counts = {"train_tokens": tokens.train.total.tokens, "held_out_tokens": tokens.held_out.total.tokens}
    announce("tokens.done", step.key, counts | {"fingerprint": step.fingerprint, "vocab_size": tokens.vocab_size})
    publish_table("tokens", rows, "Documents, tokens, bytes a token and tokens a word, by split, domain and language")
    tell(
        f"{tokens.train.total.tokens:,} tokens to train on, {tokens.held_out.total.tokens:,} held out, one for the end "
        f"of each document among them; {packed(tokens)}"
    )
    return step


def key_of(config: TokensConfig, corpus: Step) -> str:
    """The fingerprint of a corpus's token set."""
    return fingerprint("tokens", VERSION, identity_of(config), corpus.fingerprint)


def identity_of(config: TokensConfig) -> TokensConfig:
    """A configuration as fingerprints see it: a tokenizer by its content, not by where it lies.

    Raises:
        UserError: There is no such file.
    """
    return config.model_copy(update={"tokenizer": sha256_of(config.tokenizer)}) if config.tokenizer else config


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
    write_bytes(lake.absolute(f"{directory}/config.json"), config.model_dump_json(indent=1).encode())
    shards = [output.path for output in corpus.outputs_of("corpus")]
    tokenizer_task.submit(directory, lake.root, directory, shards, config).result()
    made = (TokensJob(lake.root, directory, shard, number, config) for number, shard in enumerate(shards))
    jobs = {job.label: job for job in made}
    with progress("tokens", len(jobs)) as shown:
        results, failures = gather(jobs, lambda label: encode_task.submit(label, jobs[label]), shown)
    for label, error in failures.items():
        raise ShardFailed(f"shard {label}: {error.message}", error.hint)
    return [results[label] for label in jobs]


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
        width=config.width,
        packing=config.packing,
        specials=tokenizer.specials,
        encoder=_encoder(tokenizer, config),
        train=_split("train", shards),
        held_out=_split("held_out", shards),
    )
    write_bytes(lake.absolute(f"{directory}/meta.json"), tokens.model_dump_json(indent=1).encode())
    return tokens


def fertility(lake: Lake, step: Step) -> pa.Table:
    """`FERTILITY` of a finished token set: one row a split, domain and language."""
    return read_table(lake.absolute(step.outputs_of("fertility")[0].path))


def packed(tokens: TokenSet) -> str:
    """How the training sequences came out, in words."""
    train = tokens.train
    room = max(train.sequences * tokens.width, 1)
    cut, padding = train.packing.cut_documents / max(train.total.documents, 1), train.packing.padding_tokens / room
    return f"{train.sequences:,} sequences, {cut:.1%} of documents cut, {padding:.2%} padding"


def _encoder(tokenizer: Tokenizer, config: TokensConfig) -> EncoderTokens | None:
    """Ids of the tokens an encoder needs, where the tokenizer has them all."""
    names = {"classification": config.classification, "separator": config.separator, "mask": config.mask}
    if not all(name in tokenizer.specials for name in names.values()):
        return None
    return EncoderTokens(**{key: tokenizer.specials[name] for key, name in names.items()})


def _split(name: str, shards: Sequence[ShardTokens]) -> Split:
    outputs = [shard.output(name) for shard in shards]
    groups = [group for shard in shards for group in shard.groups if group.split == name]
    return Split(
        files=tuple(output.path.rsplit("/", 1)[-1] for output in outputs),
        sequences=sum(output.rows for output in outputs),
        packing=Packing(
            cut_documents=sum(shard.packing[name].cut_documents for shard in shards),
            padding_tokens=sum(shard.packing[name].padding_tokens for shard in shards),
        ),
        total=total(groups),
        unique=total(group for group in groups if group.first),
        domains={
            domain: total(group for group in groups if group.domain == domain)
            for domain in sorted({group.domain for group in groups})
        },
    )
