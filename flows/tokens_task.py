"""The two units of work of the tokens flow: train a tokenizer, and turn one shard into packed sequences.

Both write whole files only, and do nothing when theirs are there: a token set may be made in many attempts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from flows.fertility import GroupCounts, Tally
from flows.progress import tell
from flows.sequence_files import SplitWriter, sequences_writer
from model.config import Counts, Packing
from pipeline.splits import held_out_bounds, split_number
from pipeline.tokens import Tokenizer, TokensConfig, adopt_tokenizer, train_tokenizer
from storage import files
from storage.errors import UserError
from storage.lake import Lake
from storage.schema import Section
from storage.shards import Output, ShardWriter, iter_batches

_BATCH_ROWS = 256


@dataclass(frozen=True)
class TokensJob:
    """One shard of a corpus; picklable. `directory` and `shard` are relative to the lake."""

    lake: str
    directory: str
    shard: str
    number: int
    config: TokensConfig

    @property
    def label(self) -> str:
        return f"{self.directory}/{self.number:05d}"

    def path(self, split: str) -> str:
        """Where the sequences of a split go."""
        return f"{self.directory}/{split}-{self.number:05d}.parquet"


class ShardTokens(Section):
    """What one shard became: the content of its `shard-NNNNN.json`, written when its files are complete."""

    outputs: dict[str, dict[str, str | int]]
    groups: tuple[GroupCounts, ...]
    left_out: Counts
    packing: dict[str, Packing]

    def output(self, split: str) -> Output:
        """The file of a split."""
        return Output.from_dict(self.outputs[split])


def tokenizer_path(directory: str) -> str:
    """Where a token set's tokenizer lies."""
    return f"{directory}/tokenizer.json"


def make_tokenizer(lake: Lake, directory: str, shards: Sequence[str], config: TokensConfig) -> str:
    """Draw the held-out documents, and train or take the tokenizer, unless it is there; gives its digest.

    Raises:
        UserError: There is no text to train on, or the tokenizer named is none.
    """
    path = lake.absolute(tokenizer_path(directory))
    if not files.exists(path):
        bounds = held_out_bounds(_numbers(lake, shards, config), config)
        files.write_bytes(lake.absolute(_bounds_path(directory)), json.dumps(bounds, indent=1).encode())
        files.write_bytes(path, _tokenizer_content(lake, shards, config, bounds).encode())
    return load_tokenizer(lake, directory, config).digest


def read_bounds(lake: Lake, directory: str) -> dict[str, int]:
    """By domain, the number below which a document is held out."""
    with files.open_read(lake.absolute(_bounds_path(directory))) as stream:
        return dict(json.load(stream))


def _bounds_path(directory: str) -> str:
    return f"{directory}/split.json"


def _tokenizer_content(lake: Lake, shards: Sequence[str], config: TokensConfig, bounds: Mapping[str, int]) -> str:
    if config.tokenizer is None:
        return train_tokenizer(_sample(lake, shards, config, bounds), config)
    with files.open_read(config.tokenizer) as stream:
        content, added = adopt_tokenizer(stream.read().decode("utf-8", "replace"), config)
    if added:
        tell(f"tokenizer {config.tokenizer} has no {', '.join(added)}: added behind its last id")
    return content


def _numbers(lake: Lake, shards: Sequence[str], config: TokensConfig) -> dict[str, list[int]]:
    """Of every domain its documents' numbers in the draw, once each."""
    found: dict[str, list[int]] = {}
    for shard in shards:
        for batch in iter_batches(lake.absolute(shard), ["id", "domain", "epoch"]):
            columns = (batch[name].to_pylist() for name in ("id", "domain", "epoch"))
            for doc_id, domain, epoch in zip(*columns, strict=True):
                if epoch == 0:
                    found.setdefault(domain, []).append(split_number(doc_id, config.seed))
    return found


def load_tokenizer(lake: Lake, directory: str, config: TokensConfig) -> Tokenizer:
    """The tokenizer of a token set."""
    with files.open_read(lake.absolute(tokenizer_path(directory))) as stream:
        return Tokenizer(stream.read().decode(), config.end_of_document, config.padding)


def encode_shard(job: TokensJob) -> ShardTokens:
    """Encode and pack one shard of the corpus, each split into a file of its own."""
    lake = Lake(job.lake)
    done = lake.absolute(f"{job.directory}/shard-{job.number:05d}.json")
    if files.exists(done):
        with files.open_read(done) as stream:
            return ShardTokens.model_validate_json(stream.read())
    result = _encode(lake, job)
    files.write_bytes(done, result.model_dump_json(indent=1).encode())
    return result


def _sample(lake: Lake, shards: Sequence[str], config: TokensConfig, bounds: Mapping[str, int]) -> Iterator[str]:
    """Texts of the corpus's first documents, up to `sample_bytes`; mixing has shuffled them."""
    left = config.sample_bytes
    for shard in shards:
        for batch in iter_batches(lake.absolute(shard), ["text", "id", "domain"], _BATCH_ROWS):
            for text, held in zip(_strings(batch, "text"), _held_out(batch, config, bounds), strict=True):
                if left <= 0:
                    return
                if not held:
                    left -= len(text.encode())
                    yield text
    if left == config.sample_bytes:
        raise UserError("the corpus has no text to train a tokenizer on.", "Look at `winnow funnel`.")


def _encode(lake: Lake, job: TokensJob) -> ShardTokens:
    tokenizer = load_tokenizer(lake, job.directory, job.config)
    bounds, tally = read_bounds(lake, job.directory), Tally()

    def writer(split: str) -> ShardWriter:
        return sequences_writer(lake, job.path(split), tokenizer, job.config)

    with writer("train") as train, writer("held_out") as held_out:
        sides = {
            "train": SplitWriter(train, tokenizer, job.config, apart=False),
            "held_out": SplitWriter(held_out, tokenizer, job.config, apart=True),
        }
        columns = ["text", "id", "domain", "language", "epoch"]
        for batch in iter_batches(lake.absolute(job.shard), columns, _BATCH_ROWS):
            for split, rows in _by_split(batch, job.config, bounds, tally).items():
                ids = [tokenizer.encode(text) for text in _strings(rows, "text")]
                tally.add(split, rows, [len(tokens) for tokens in ids])
                sides[split].add(rows, ids)
        finished = {split: side.finish() for split, side in sides.items()}
    return ShardTokens(
        outputs={split: output.to_dict() for split, (output, _) in finished.items()},
        groups=tuple(tally.groups()),
        left_out=Counts(documents=tally.left_out[0], bytes=tally.left_out[1]),
        packing={split: packing for split, (_, packing) in finished.items()},
    )


def _by_split(
    batch: pa.RecordBatch, config: TokensConfig, bounds: Mapping[str, int], tally: Tally
) -> Mapping[str, pa.RecordBatch]:
    """Rows to train on and to hold out. A held-out document is measured once: its repeats are left out."""
    held = np.array(_held_out(batch, config, bounds), bool)
    repeat = batch["epoch"].to_numpy() > 0
    chosen = {"train": ~held, "held_out": held & ~repeat, "left_out": held & repeat}
    parts = {split: batch.filter(pa.array(rows)) for split, rows in chosen.items()}
    tally.leave_out(parts.pop("left_out"))
    return {split: rows for split, rows in parts.items() if rows.num_rows}


def _held_out(batch: pa.RecordBatch, config: TokensConfig, bounds: Mapping[str, int]) -> list[bool]:
    """Which documents of a batch no training sees."""
    pairs = zip(_strings(batch, "id"), _strings(batch, "domain"), strict=True)
    return [split_number(doc_id, config.seed) < bounds[domain] for doc_id, domain in pairs]


def _strings(rows: pa.RecordBatch, column: str) -> list[str]:
    return [str(value) for value in rows[column].to_pylist()]
