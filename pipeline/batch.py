"""A batch of documents: Arrow columns, and what every stage needs of the text, computed once.

Stages run one after another over the same pages and nearly all of them want the same things of the text: Python
strings, the raw UTF-8, word and line boundaries. A `DocumentBatch` computes each at its first use and keeps it until
the text is rewritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.kernels.characters import Characters
from pipeline.kernels.chunks import Chunks
from pipeline.kernels.lines import Lines
from pipeline.kernels.pieces import Pieces, assemble
from pipeline.kernels.reading import Reading, read_texts
from pipeline.kernels.words import Words, count_words, find_words


class Utf8(NamedTuple):
    """The text column without a copy. Document i is `data[offsets[i]:offsets[i + 1]]`; a null text is empty.

    Attributes:
        data: uint8[total_bytes], UTF-8.
        offsets: int64[rows + 1], bytes.
    """

    data: np.ndarray
    offsets: np.ndarray


_OF_TEXT = ("texts", "utf8", "characters", "chunks", "lines", "words", "word_counts", "_carried", "_reading")
"""What a batch keeps of its text once it is computed."""


class DocumentBatch:
    """Documents as equal-length Arrow columns; immutable.

    Args:
        columns: Name to array. `text` (string) holds the document, where it has been extracted already.
    """

    def __init__(self, columns: Mapping[str, pa.Array[Any]]) -> None:
        self._columns = dict(columns)
        self._carried: np.ndarray
        self.num_rows = len(next(iter(self._columns.values()))) if self._columns else 0

    @classmethod
    def of_texts(cls, texts: list[str]) -> DocumentBatch:
        """A batch of bare texts, for tests and for trying one page."""
        return cls({"text": pa.array(texts, pa.string())})

    @property
    def names(self) -> list[str]:
        """Column names, in order."""
        return list(self._columns)

    def column(self, name: str) -> pa.Array[Any]:
        """The column of that name; KeyError where there is none."""
        return self._columns[name]

    def with_columns(
        self, columns: Mapping[str, pa.Array[Any]], rewritten: DocumentBatch | None = None
    ) -> DocumentBatch:
        """This batch with columns added or replaced; what was computed of the text stays while the text does.

        Args:
            columns: Name to array.
            rewritten: Where the text is replaced, a batch of the new one: what that has computed of it is taken over.
        """
        batch = DocumentBatch({**self._columns, **columns})
        source = rewritten if "text" in columns else self
        if source is not None:
            kept = {name: value for name, value in source.__dict__.items() if name in _OF_TEXT}
            batch.__dict__.update(kept)
        return batch

    def filter(self, keep: np.ndarray) -> DocumentBatch:
        """The rows where `keep` (bool[rows]) is true, in order."""
        if keep.all():
            return self
        mask = pa.array(keep)
        return DocumentBatch({name: values.filter(mask) for name, values in self._columns.items()})

    @cached_property
    def texts(self) -> list[str]:
        """The documents as Python strings; a null text is the empty string."""
        return [text or "" for text in self.column("text").to_pylist()]

    @cached_property
    def utf8(self) -> Utf8:
        """The documents as one UTF-8 buffer with offsets, for the compiled kernels."""
        return utf8_of(self.column("text"))

    @cached_property
    def _reading(self) -> Reading:
        return read_texts(self.utf8.data, self.utf8.offsets)

    @cached_property
    def characters(self) -> Characters:
        """The documents as code points with their classes."""
        return self._reading.characters

    @cached_property
    def chunks(self) -> Chunks:
        """What stands between white space in the documents."""
        return self._reading.chunks

    @cached_property
    def lines(self) -> Lines:
        """The lines of the documents, as spans of `characters` with their hashes."""
        return self._reading.lines

    @cached_property
    def words(self) -> Words:
        """The words of the documents, as spans of `utf8` with their hashes."""
        if "_carried" in self.__dict__:
            return find_words(self.utf8.data, self.characters, self.chunks)
        return self._reading.words

    @cached_property
    def word_counts(self) -> np.ndarray:
        """How many words each of `chunks` is: int32[chunks]."""
        if "_carried" in self.__dict__:
            return count_words(self.characters, self.chunks, self._carried)
        return self.words.per_chunk

    def of_pieces(self, pieces: Pieces) -> DocumentBatch:
        """A batch of the texts that pieces of these make, as its only column; what is known of them is taken over."""
        made = assemble(self.utf8.data, self.characters, self.chunks, self.word_counts, self.lines, pieces)
        made.data.flags.writeable = False  # as `utf8_of` has it
        batch = DocumentBatch({"text": _strings(made.data, made.offsets)})
        known = {"characters": made.characters, "chunks": made.chunks, "_carried": made.counts, "lines": made.lines}
        batch.__dict__.update(known, utf8=Utf8(made.data, made.offsets))
        return batch


def utf8_of(text: pa.Array[Any]) -> Utf8:
    """The bytes of an array of strings."""
    if text.null_count:
        text = text.fill_null("")
    if text.offset or not len(text):
        text = pa.concat_arrays([text, pa.array([], text.type)])
    _, offsets, data = text.buffers()
    width: Any = np.int64 if pa.types.is_large_string(text.type) else np.int32
    starts = (
        np.frombuffer(memoryview(offsets), width, count=len(text) + 1)
        if offsets is not None and len(text)
        else np.zeros(1, width)
    )
    payload = np.frombuffer(memoryview(data) if data is not None and data.size else b"", np.uint8)
    payload.flags.writeable = False  # as what is read from files is: kernels are compiled for that once
    return Utf8(payload, starts.astype(np.int64))


def _strings(data: np.ndarray, offsets: np.ndarray) -> pa.Array[Any]:
    """Texts from UTF-8 (uint8[bytes]) and where each ends (int64[rows + 1], bytes)."""
    buffers = [None, pa.py_buffer(offsets.astype(np.int32).data), pa.py_buffer(data.data)]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)
