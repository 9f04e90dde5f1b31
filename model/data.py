"""Packed sequences into batches: mapped from the disk, in a seeded order, by one thread ahead of the training.

The position is the number of sequences seen since the training began (`model.order`): resuming reads nothing twice,
and any number of ranks sees the same global batches.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from pydantic import ValidationError
from torch import Tensor

from model.order import Order, Rows, share
from model.token_set import TokenSet
from storage import files
from storage.errors import UserError
from storage.mapped import Bytes, open_fixed
from storage.shards import read_table
from storage.uris import join

Tokens = npt.NDArray[np.unsignedinteger[Any]]


def open_tokens(directory: str) -> TokenSet:
    """What is in a token set; checked against its tokenizer.

    Raises:
        UserError: No finished token set, or its tokenizer.json is not the one that made it.
    """
    path = join(directory, "meta.json")
    if not files.exists(path):
        raise UserError(f"there are no finished tokens in {directory}.", "Run `winnow tokens` first.")
    try:
        with files.open_read(path) as stream:
            tokens = TokenSet.model_validate_json(stream.read())
    except ValidationError as error:
        raise UserError(f"{path} was written by another version of Winnow.", "Run `winnow tokens` again.") from error
    with files.open_read(join(directory, "tokenizer.json")) as stream:
        found = hashlib.sha256(stream.read()).hexdigest()
    _check_tokenizer(found, tokens, "tokenizer.json")
    return tokens


class Sequences:
    """Stored sequences by number, over all files of a split; nothing is read before it is asked for.

    Args:
        groups: uint8[rows, bytes of a sequence], one after another.
        uris: The files they are from, for what else is in them.
        dtype: Of the token ids.
    """

    def __init__(self, groups: list[Bytes], uris: list[str], dtype: npt.DTypeLike) -> None:
        self._groups, self._uris = groups, uris
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self._edges = np.cumsum([0, *(len(group) for group in groups)])
        self.width = groups[0].shape[1] // self.dtype.itemsize if groups else 0

    def __len__(self) -> int:
        return int(self._edges[-1])

    def take(self, rows: Rows) -> Tokens:
        """Tokens of some sequences, uint16 or uint32[rows, width]: a copy."""
        found = np.empty((len(rows), self.width * self.dtype.itemsize), np.uint8)
        group_of = np.searchsorted(self._edges, rows, "right") - 1
        for group in np.unique(group_of):
            chosen = np.flatnonzero(group_of == group)
            found[chosen] = self._groups[group][rows[chosen] - self._edges[group]]
        return found.view(self.dtype)

    def documents(self, rows: Rows) -> npt.NDArray[np.int32]:
        """The document that each position is of, int32[rows, width], numbered within the sequence from 0."""
        starts, edges = self._doc_starts
        marks = np.zeros((len(rows), self.width), np.int32)
        counts = np.maximum(edges[rows + 1] - edges[rows] - 1, 0)  # all but the first, which is document 0
        line = np.repeat(np.arange(len(rows)), counts)
        offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        marks[line, starts[edges[rows][line] + 1 + offset]] = 1
        return np.cumsum(marks, axis=1, dtype=np.int32)

    @cached_property
    def _doc_starts(self) -> tuple[npt.NDArray[np.int32], Rows]:
        parts = [read_table(uri, ["doc_starts"]) for uri in self._uris]
        lists: Any = pa.concat_tables(parts)["doc_starts"].combine_chunks()
        sizes = lists.value_lengths().to_numpy(zero_copy_only=False)
        return lists.flatten().to_numpy(), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @cached_property
    def domains(self) -> dict[str, Rows]:
        """The sequences of every domain that has some of its own: of a held-out split, all of them."""
        names = np.array(
            [name or "" for uri in self._uris for name in read_table(uri, ["domain"])["domain"].to_pylist()]
        )
        return {str(name): np.flatnonzero(names == name) for name in np.unique(names) if name}


def read_sequences(directory: str, tokens: TokenSet, names: tuple[str, ...]) -> Sequences:
    """Sequences of some files of a token set, in order; local files are mapped, not read.

    Raises:
        UserError: A file was made by another tokenizer, or there is nothing in them.
    """
    groups: list[Bytes] = []
    uris = [join(directory, name) for name in names]
    for uri in uris:
        parts, schema, _ = open_fixed(uri, "tokens")
        notes = schema.field("tokens").metadata or {}
        _check_tokenizer(notes.get(b"tokenizer_sha256", b"").decode(), tokens, uri)
        groups += parts
    if not sum(map(len, groups)):
        raise UserError(
            f"token set {tokens.name} has no sequences in {', '.join(names) or 'this split'}.",
            "A corpus of few documents needs a larger mix.held_out_frac, or more documents.",
        )
    return Sequences(groups, uris, np.uint16 if tokens.vocab_size <= 2**16 else np.uint32)


def _check_tokenizer(found: str, tokens: TokenSet, where: str) -> None:
    if found != tokens.tokenizer_sha256:
        raise UserError(
            f"{where} was made by tokenizer {found[:12] or 'unknown'}, not {tokens.tokenizer_sha256[:12]}.",
            "Remove the token set's directory and run `winnow tokens` again.",
        )


@dataclass(frozen=True)
class Batch:
    """What one rank computes of a step.

    Attributes:
        position: Sequences seen before this step.
        tokens: int64[B, width].
        documents: int32[B, width], the document of each position, numbered within its sequence; -1 for padding.
        digest: Of the whole global batch's tokens, the same on any number of ranks; empty where not asked for.
    """

    position: int
    tokens: Tensor
    documents: Tensor
    digest: str

    def parts(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Tokens and documents in pieces of at most `size` sequences."""
        for start in range(0, len(self.tokens), size):
            yield self.tokens[start : start + size], self.documents[start : start + size]

    def to(self, device: torch.device) -> Batch:
        """The same on a device; the copy overlaps with what the device is doing."""
        tokens, documents = (part.to(device, non_blocking=True) for part in (self.tokens, self.documents))
        return Batch(self.position, tokens, documents, self.digest)


class Loader:
    """Batches in a seeded order; a batch may reach from one epoch into the next.

    Args:
        sequences: What to draw from.
        batch: Sequences of a global batch.
        seed: Of the order.
        pad_id: Token that only fills.
        rank, ranks: Which part of every batch to give.
        digests: Whether to take a digest of every global batch; one rank is enough.
        ahead: Batches made before they are asked for.
        pin: Put batches where a GPU can fetch them by itself.
    """

    def __init__(
        self,
        sequences: Sequences,
        batch: int,
        seed: int,
        pad_id: int,
        rank: int = 0,
        ranks: int = 1,
        digests: bool = True,
        ahead: int = 4,
        pin: bool = False,
    ) -> None:
        self.sequences, self.batch, self.pad_id = sequences, batch, pad_id
        self.order = Order(len(sequences), seed)
        self._part, self._digests, self._ahead, self._pin = share(batch, rank, ranks), digests, ahead, pin

    def at(self, position: int) -> Batch:
        """The batch after `position` sequences."""
        rows = self.order.rows(position, self.batch)
        whole = self.sequences.take(rows if self._digests else rows[self._part])
        data: Any = whole
        digest = hashlib.blake2b(data, digest_size=8).hexdigest() if self._digests else ""
        tokens = whole[self._part] if self._digests else whole
        documents = self.sequences.documents(rows[self._part])
        documents[tokens == self.pad_id] = -1
        found = Batch(position, torch.from_numpy(tokens.astype(np.int64)), torch.from_numpy(documents), digest)
        return Batch(position, found.tokens.pin_memory(), found.documents.pin_memory(), digest) if self._pin else found

    def run(self, position: int, batches: int) -> Generator[Batch]:
        """So many batches from `position` on, made by a thread ahead of whoever takes them; its errors come here."""
        waiting: queue.Queue[Batch | BaseException] = queue.Queue(self._ahead)
        stopped = threading.Event()

        def put(item: Batch | BaseException) -> None:
            while not stopped.is_set():
                with suppress(queue.Full):
                    waiting.put(item, timeout=0.1)
                    return

        def work() -> None:
            try:
                for number in range(batches):
                    if stopped.is_set():
                        return
                    put(self.at(position + number * self.batch))
            except BaseException as error:  # the thread's caller is the one who takes
                put(error)

        thread = threading.Thread(target=work, name="loader", daemon=True)
        thread.start()
        try:
            for _ in range(batches):
                item = waiting.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()
            thread.join()
