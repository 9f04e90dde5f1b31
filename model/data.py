"""Packed sequences into batches: a seeded order, and a position that says where to go on.

The position is the number of sequences seen since the training began. With the seed it names the next batch,
so a checkpoint holds one integer and resuming reads nothing twice. All sequences are kept in memory, as
they are stored.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import torch
from pydantic import ValidationError
from torch import Tensor

from model.config import TokenSet
from storage import files
from storage.errors import UserError

Sequences = npt.NDArray[np.unsignedinteger[Any]]


def open_tokens(directory: str) -> TokenSet:
    """What is in a token set; checked against its tokenizer.

    Raises:
        UserError: No finished token set, or its tokenizer.json is not the one that made it.
    """
    path = files.join(directory, "meta.json")
    if not files.exists(path):
        raise UserError(f"there are no finished tokens in {directory}.", "Run `winnow tokens` first.")
    try:
        with files.open_read(path) as stream:
            tokens = TokenSet.model_validate_json(stream.read())
    except ValidationError as error:
        raise UserError(f"{path} was written by another version of Winnow.", "Run `winnow tokens` again.") from error
    with files.open_read(files.join(directory, "tokenizer.json")) as stream:
        found = hashlib.sha256(stream.read()).hexdigest()
    _check_tokenizer(found, tokens, "tokenizer.json")
    return tokens


def read_sequences(directory: str, tokens: TokenSet, names: tuple[str, ...]) -> Sequences:
    """Sequences of some files of a token set, uint16 or uint32[sequences, T + 1], in order.

    Raises:
        UserError: A file was made by another tokenizer, or there is nothing in them.
    """
    width = tokens.sequence_length + 1
    parts = [_read_file(files.join(directory, name), tokens) for name in names]
    flat = np.concatenate(parts) if parts else np.zeros(0, np.uint16)
    if not len(flat):
        raise UserError(
            f"token set {tokens.name} has no sequences in {', '.join(names) or 'this split'}.",
            "A corpus of few documents needs a larger tokens.held_out_frac, or more documents.",
        )
    return flat.reshape(-1, width)


def _read_file(uri: str, tokens: TokenSet) -> Sequences:
    with files.open_read(uri) as stream:
        column = pq.ParquetFile(stream).read(columns=["tokens"])
    metadata = column.schema.field("tokens").metadata or {}
    _check_tokenizer(metadata.get(b"tokenizer_sha256", b"").decode(), tokens, uri)
    flat = [chunk.flatten().to_numpy() for chunk in column["tokens"].chunks]  # type: ignore[attr-defined]
    return np.concatenate(flat) if flat else np.zeros(0, np.uint16)


def _check_tokenizer(found: str, tokens: TokenSet, where: str) -> None:
    if found != tokens.tokenizer_sha256:
        raise UserError(
            f"{where} was made by tokenizer {found[:12] or 'unknown'}, not {tokens.tokenizer_sha256[:12]}.",
            "Remove the token set's directory and run `winnow tokens` again.",
        )


class Batches:
    """Sequences in a seeded order, a new one every epoch; a batch may reach from one epoch into the next.

    Args:
        sequences: uint16 or uint32[sequences, T + 1].
        batch: Sequences a batch.
        seed: Of the order.
    """

    def __init__(self, sequences: Sequences, batch: int, seed: int) -> None:
        self.sequences, self.batch, self.seed = sequences, batch, seed
        self._epoch = -1
        self._order: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def at(self, position: int) -> Tensor:
        """The batch after `position` sequences, int64[batch, T + 1]."""
        rows = [self._row(position + i) for i in range(self.batch)]
        return torch.from_numpy(self.sequences[rows].astype(np.int64))

    def _row(self, position: int) -> int:
        epoch, place = divmod(position, len(self.sequences))
        if epoch != self._epoch:
            generator = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
            self._epoch, self._order = epoch, generator.permutation(len(self.sequences))
        return int(self._order[place])
