"""The two units of work of the tokens flow: train a tokenizer, and turn one shard into packed sequences.

Both write whole files only, and do nothing when theirs are there: a token set may be made in many attempts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from flows.fertility import SPLITS, GroupCounts, Tally
from flows.progress import tell
from flows.sequence_files import SplitWriter, sequences_writer
from model.token_set import Packing
from pipeline.tokens import Tokenizer, adopt_tokenizer, train_tokenizer
from pipeline.tokens_config import TokensConfig
from storage import files
from storage.errors import UserError
from storage.lake import Lake
from storage.schema import Section
from storage.shards import Output, ShardWriter, column_names, iter_batches

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
    packing: dict[str, Packing]

    def output(self, split: str) -> Output:
        """The file of a split."""
        return Output.from_dict(self.outputs[split])


def tokenizer_path(directory: str) -> str:
    """Where a token set's tokenizer lies."""
    return f"{directory}/tokenizer.json"


def make_tokenizer(lake: Lake, directory: str, shards: Sequence[str], config: TokensConfig) -> str:
    """Train or take the tokenizer, unless it is there; gives its digest.

    Raises:
        UserError: The corpus does not say what is held out, has no text to train on, or the tokenizer named is none.
    """
    if any("split" not in column_names(lake.absolute(shard)) for shard in shards):
        raise UserError(
            "the corpus was mixed by an older Winnow and does not say which documents are held out.",
            "`winnow corpus` with the same recipe mixes it anew; nothing is read again.",
        )
    path = lake.absolute(tokenizer_path(directory))
    if not files.exists(path):
        files.write_bytes(path, _tokenizer_content(lake, shards, config).encode())
    return load_tokenizer(lake, directory, config).digest


def _tokenizer_content(lake: Lake, shards: Sequence[str], config: TokensConfig) -> str:
    if config.tokenizer is None:
        return train_tokenizer(_sample(lake, shards, config), config)
    with files.open_read(config.tokenizer) as stream:
        content, added = adopt_tokenizer(stream.read().decode("utf-8", "replace"), config)
    if added:
        tell(f"tokenizer {config.tokenizer} has no {', '.join(added)}: added behind its last id")
    return content


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


def _sample(lake: Lake, shards: Sequence[str], config: TokensConfig) -> Iterator[str]:
    """Texts of the corpus's first documents, up to `sample_bytes`; mixing has shuffled them."""
    left = config.sample_bytes
    for shard in shards:
        for batch in iter_batches(lake.absolute(shard), ["text", "split"], _BATCH_ROWS):
            for text, split in zip(_strings(batch, "text"), _strings(batch, "split"), strict=True):
                if left <= 0:
                    return
                if split == "train":
                    left -= len(text.encode())
                    yield text
    if left == config.sample_bytes:
        raise UserError("the corpus has no text to train a tokenizer on.", "Look at `winnow funnel`.")


def _encode(lake: Lake, job: TokensJob) -> ShardTokens:
    tokenizer = load_tokenizer(lake, job.directory, job.config)
    tally = Tally()

    def writer(split: str) -> ShardWriter:
        return sequences_writer(lake, job.path(split), tokenizer, job.config)

    with writer("train") as train, writer("held_out") as held_out:
        sides = {
            "train": SplitWriter(train, tokenizer, job.config, apart=False),
            "held_out": SplitWriter(held_out, tokenizer, job.config, apart=True),
        }
        columns = ["text", "id", "domain", "language", "epoch", "split"]
        for batch in iter_batches(lake.absolute(job.shard), columns, _BATCH_ROWS):
            for split, rows in _by_split(batch).items():
                ids = [tokenizer.encode(text) for text in _strings(rows, "text")]
                tally.add(split, rows, [len(tokens) for tokens in ids])
                sides[split].add(rows, ids)
        finished = {split: side.finish() for split, side in sides.items()}
    return ShardTokens(
        outputs={split: output.to_dict() for split, (output, _) in finished.items()},
        groups=tuple(tally.groups()),
        packing={split: packing for split, (_, packing) in finished.items()},
    )


def _by_split(batch: pa.RecordBatch) -> Mapping[str, pa.RecordBatch]:
    """Rows to train on and to hold out, as the corpus has it."""
    parts = {split: batch.filter(pc.equal(batch["split"], pa.scalar(split))) for split in SPLITS}
    return {split: rows for split, rows in parts.items() if rows.num_rows}


def _strings(rows: pa.RecordBatch, column: str) -> list[str]:
    return [str(value) for value in rows[column].to_pylist()]
