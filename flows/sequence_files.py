"""Files of packed sequences: which packer fills them, how they are laid out, what their columns' notes say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa

from model.token_set import Packing
from pipeline.best_fit import BestFitPacker
from pipeline.masked import MaskedPacker
from pipeline.packing import Packer
from pipeline.tokens import TokenIds, Tokenizer
from pipeline.tokens_config import TokensConfig
from storage.lake import Lake
from storage.schema import SEQUENCES
from storage.shards import Output, ShardWriter

_GROUP_BYTES = 1 << 24
"""Tokens of a row group: what is mapped is addressed, not read, so this only bounds a writer's memory."""


class AnyPacker(Protocol):
    """What the ways to pack have in common."""

    cut_documents: int

    @property
    def padding_tokens(self) -> int: ...
    def add(self, doc_ids: Sequence[str], documents: Sequence[TokenIds]) -> pa.Table: ...
    def finish(self) -> pa.Table: ...


def make_packer(tokenizer: Tokenizer, config: TokensConfig) -> AnyPacker:
    """The packer a configuration asks for."""
    kind = tokenizer.dtype
    if config.packing == "masked":
        opening, separator = tokenizer.special_id(config.classification), tokenizer.special_id(config.separator)
        return MaskedPacker(config.width, opening, separator, tokenizer.pad_id, kind)
    pack = {"concatenate": Packer, "best_fit": BestFitPacker}[config.packing]
    packer: AnyPacker = pack(config.width, tokenizer.end_id, tokenizer.pad_id, kind)
    return packer


class SplitWriter:
    """One split of a shard: its file, and the packers that fill it. Held-out domains do not share sequences."""

    def __init__(self, writer: ShardWriter, tokenizer: Tokenizer, config: TokensConfig, apart: bool) -> None:
        self._writer, self._tokenizer, self._config, self._apart = writer, tokenizer, config, apart
        self._packers: dict[str | None, AnyPacker] = {}

    def add(self, rows: pa.RecordBatch, documents: Sequence[TokenIds]) -> None:
        """Documents of a batch with id and domain, and the ids each became."""
        names, domains = ([str(value) for value in rows[column].to_pylist()] for column in ("id", "domain"))
        kinds: list[str | None] = [*sorted(set(domains))] if self._apart else [None]
        for domain in kinds:
            chosen = [i for i, of in enumerate(domains) if domain in (None, of)]
            if domain not in self._packers:
                self._packers[domain] = make_packer(self._tokenizer, self._config)
            found = self._packers[domain].add([names[i] for i in chosen], [documents[i] for i in chosen])
            self._write(found, domain)

    def finish(self) -> tuple[Output, Packing]:
        """Complete the file: what it is, and how well its documents were packed."""
        for domain in sorted(self._packers, key=str):
            self._write(self._packers[domain].finish(), domain)
        cut = sum(packer.cut_documents for packer in self._packers.values())
        padding = sum(packer.padding_tokens for packer in self._packers.values())
        return self._writer.finish(), Packing(cut_documents=cut, padding_tokens=padding)

    def _write(self, sequences: pa.Table, domain: str | None) -> None:
        column = pa.array([domain] * sequences.num_rows, pa.string())
        self._writer.write(sequences.append_column("domain", column))


def sequences_writer(lake: Lake, path: str, tokenizer: Tokenizer, config: TokensConfig) -> ShardWriter:
    """A writer of one split's sequences, whose tokens can be mapped."""
    rows = max(1, _GROUP_BYTES // (config.width * tokenizer.dtype.itemsize))
    schema = sequences_schema(tokenizer, config.width)
    return ShardWriter(lake.root, path, "sequences", schema, rows, mapped=("tokens",))


def sequences_schema(tokenizer: Tokenizer, width: int) -> pa.Schema:
    """`SEQUENCES` of one width, its notes naming the tokenizer's digest and the type of its ids."""
    column = SEQUENCES.field("tokens")
    notes: dict[bytes | str, bytes | str] = {"tokenizer_sha256": tokenizer.digest, "dtype": tokenizer.dtype.name}
    for key, note in (column.metadata or {}).items():
        notes[key] = note
    marked = column.with_type(pa.binary(width * tokenizer.dtype.itemsize)).with_metadata(notes)
    return SEQUENCES.set(SEQUENCES.get_field_index("tokens"), marked)
