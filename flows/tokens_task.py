"""The two units of work of the tokens flow: train a tokenizer, and turn one shard into packed sequences.

Both write whole files only, and do nothing when theirs are there: a token set may be made in many attempts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from model.config import Counts, Packing
from pipeline.best_fit import BestFitPacker
from pipeline.packing import Packer
from pipeline.tokens import Tokenizer, TokensConfig, is_held_out, train_tokenizer
from storage import files
from storage.errors import UserError
from storage.lake import Lake
from storage.schema import SEQUENCES, Section
from storage.shards import Output, ShardWriter, iter_batches

SPLITS = ("train", "held_out")

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
    totals: dict[str, Counts]
    unique: dict[str, Counts]
    domains: dict[str, dict[str, Counts]]
    left_out: Counts
    packing: dict[str, Packing]

    def output(self, split: str) -> Output:
        """The file of a split."""
        return Output.from_dict(self.outputs[split])


def tokenizer_path(directory: str) -> str:
    """Where a token set's tokenizer lies."""
    return f"{directory}/tokenizer.json"


def make_tokenizer(lake: Lake, directory: str, shards: Sequence[str], config: TokensConfig) -> str:
    """Train the tokenizer unless it is there; gives its digest.

    Raises:
        UserError: There is no text to train on.
    """
    path = lake.absolute(tokenizer_path(directory))
    if not files.exists(path):
        content = train_tokenizer(_sample(lake, shards, config), config)
        files.write_bytes(path, content.encode())
    return load_tokenizer(lake, directory, config).digest


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
        for batch in iter_batches(lake.absolute(shard), ["text", "id"], _BATCH_ROWS):
            for text, doc_id in zip(_strings(batch, "text"), _strings(batch, "id"), strict=True):
                if left <= 0:
                    return
                if not is_held_out(doc_id, config):
                    left -= len(text.encode())
                    yield text
    if left == config.sample_bytes:
        raise UserError("the corpus has no text to train a tokenizer on.", "Look at `winnow funnel`.")


def _encode(lake: Lake, job: TokensJob) -> ShardTokens:
    tokenizer = load_tokenizer(lake, job.directory, job.config)
    schema = sequences_schema(tokenizer)
    width = job.config.sequence_length + 1
    tally = _Tally()
    pack = {"concatenate": Packer, "best_fit": BestFitPacker}[job.config.packing]
    packers = {split: pack(width, tokenizer.end_id, tokenizer.pad_id) for split in SPLITS}
    with (
        ShardWriter(lake.root, job.path("train"), "sequences", schema) as train,
        ShardWriter(lake.root, job.path("held_out"), "sequences", schema) as held_out,
    ):
        writers = {"train": train, "held_out": held_out}
        for batch in iter_batches(lake.absolute(job.shard), ["text", "id", "domain", "epoch"], _BATCH_ROWS):
            for split, rows in _by_split(batch, job.config, tally).items():
                ids = [tokenizer.encode(text) for text in _strings(rows, "text")]
                tally.add(split, rows, [len(tokens) + 1 for tokens in ids])
                writers[split].write(_typed(packers[split].add(_strings(rows, "id"), ids), schema))
        for split in SPLITS:
            writers[split].write(_typed(packers[split].finish(), schema))
        outputs = {split: writers[split].finish().to_dict() for split in SPLITS}
    packing = {
        split: Packing(cut_documents=p.cut_documents, padding_tokens=p.padding_tokens) for split, p in packers.items()
    }
    return tally.result(outputs, packing)


def sequences_schema(tokenizer: Tokenizer) -> pa.Schema:
    """`SEQUENCES` in the tokenizer's type of ids, with its digest in the metadata of the token column."""
    column = SEQUENCES.field("tokens")
    notes: dict[bytes | str, bytes | str] = {"tokenizer_sha256": tokenizer.digest}
    for key, note in (column.metadata or {}).items():
        notes[key] = note
    marked = column.with_type(pa.list_(pa.from_numpy_dtype(tokenizer.dtype))).with_metadata(notes)
    return SEQUENCES.set(SEQUENCES.get_field_index("tokens"), marked)


def _typed(sequences: pa.Table, schema: pa.Schema) -> pa.Table:
    """An empty table's ids have no type of their own."""
    return sequences if sequences.num_rows else schema.empty_table()


def _by_split(batch: pa.RecordBatch, config: TokensConfig, tally: _Tally) -> Mapping[str, pa.RecordBatch]:
    """Rows to train on and to hold out. A held-out document is measured once: its repeats are left out."""
    held = np.array([is_held_out(doc_id, config) for doc_id in _strings(batch, "id")], bool)
    repeat = batch["epoch"].to_numpy() > 0
    chosen = {"train": ~held, "held_out": held & ~repeat, "left_out": held & repeat}
    parts = {split: batch.filter(pa.array(rows)) for split, rows in chosen.items()}
    tally.leave_out(parts.pop("left_out"))
    return parts


class _Tally:
    """Documents, tokens and bytes, by split and domain."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, bool], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._left_out = [0, 0, 0]

    def add(self, split: str, rows: pa.RecordBatch, token_counts: Sequence[int]) -> None:
        sizes = _text_bytes(rows)
        domains, epochs = _strings(rows, "domain"), rows["epoch"].to_pylist()
        for domain, epoch, tokens, size in zip(domains, epochs, token_counts, sizes, strict=True):
            _increase(self._counts[split, domain, epoch == 0], tokens, size)

    def leave_out(self, rows: pa.RecordBatch) -> None:
        for size in _text_bytes(rows):
            _increase(self._left_out, 0, size)

    def result(self, outputs: dict[str, dict[str, str | int]], packing: dict[str, Packing]) -> ShardTokens:
        return ShardTokens(
            outputs=outputs,
            totals={split: self._sum(split) for split in SPLITS},
            unique={split: self._sum(split, first_only=True) for split in SPLITS},
            domains={split: self._domains(split) for split in SPLITS},
            left_out=_as_counts(self._left_out),
            packing=packing,
        )

    def _sum(self, split: str, first_only: bool = False, domain: str | None = None) -> Counts:
        chosen = [
            counts
            for (of_split, of_domain, first), counts in self._counts.items()
            if of_split == split and (first or not first_only) and domain in (None, of_domain)
        ]
        return _as_counts([sum(column) for column in zip([0, 0, 0], *chosen, strict=True)])

    def _domains(self, split: str) -> dict[str, Counts]:
        names = sorted({domain for of_split, domain, _ in self._counts if of_split == split})
        return {name: self._sum(split, domain=name) for name in names}


def _strings(rows: pa.RecordBatch, column: str) -> list[str]:
    return [str(value) for value in rows[column].to_pylist()]


def _text_bytes(rows: pa.RecordBatch) -> list[int]:
    return [len(text.encode()) for text in _strings(rows, "text")]


def _increase(counts: list[int], tokens: int, size: int) -> None:
    counts[0], counts[1], counts[2] = counts[0] + 1, counts[1] + tokens, counts[2] + size


def _as_counts(counts: Sequence[int]) -> Counts:
    return Counts(documents=counts[0], tokens=counts[1], bytes=counts[2])
