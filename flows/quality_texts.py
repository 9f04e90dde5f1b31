"""Texts to train on, from whatever holds them: text sources, archives of pages, plain text files, a lake.

A lake gives the documents in force. Pages of archives are extracted as the default recipe does. What is no text is
passed over and counted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from flows.model_files import digest_of
from pipeline.archive.config import ArchiveConfig
from pipeline.archive.page import to_page
from pipeline.archive.reader import read_archive
from pipeline.archive.records import Page, Record, Skip, Unreadable
from pipeline.batch import DocumentBatch
from pipeline.extract.config import ExtractConfig
from pipeline.judging import run_stages
from storage import schema
from storage.catalog import Catalog
from storage.errors import UserError
from storage.files import open_read
from storage.inputs import expand_inputs
from storage.lake import Lake, fingerprint
from storage.shards import iter_batches
from storage.sources import Source
from storage.uris import is_local, local_path

BATCH_BYTES = 4 << 20
_PAGES = 64
_LINES_BYTES = 1 << 20


@dataclass
class Texts:
    """Texts of several inputs, in their order; iterate once. `passed_over` counts what had no text."""

    inputs: tuple[str, ...]
    passed_over: int = 0

    def __iter__(self) -> Iterator[list[str]]:
        """The texts in batches of about `BATCH_BYTES`.

        Raises:
            UserError: An input is not there.
        """
        batch: list[str] = []
        size = 0
        for text in self._texts():
            batch.append(text)
            size += len(text)
            if size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def identity(self) -> str:
        """Hash of what the inputs hold."""
        parts = [part for given in self.inputs for part in _identity(given)]
        return fingerprint("texts", parts)

    def _texts(self) -> Iterator[str]:
        for given in self.inputs:
            if _is_lake(given):
                yield from _of_lake(given)
            elif given.endswith(".txt"):
                yield from _of_lines(given)
            else:
                for source in expand_inputs([given]):
                    yield from self._of_archive(source)

    def _of_archive(self, source: Source) -> Iterator[str]:
        config = ArchiveConfig()
        pages: list[Page] = []
        with open_read(source.uri) as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            for record in read_archive(stream, source.archive, size, config):
                page = self._page(record, config)
                if page is not None:
                    pages.append(page)
                if len(pages) == _PAGES:
                    yield from self._extracted(pages)
                    pages = []
        yield from self._extracted(pages)

    def _page(self, record: Record | Unreadable, config: ArchiveConfig) -> Page | None:
        page = None if isinstance(record, Unreadable) else to_page(record, config)
        if isinstance(page, Page):
            return page
        self.passed_over += not isinstance(page, Skip)
        return None

    def _extracted(self, pages: Sequence[Page]) -> Iterator[str]:
        if all(page.text is not None for page in pages):
            texts = [page.text for page in pages]
        else:
            texts = run_stages(_batch(pages), ExtractConfig().stages()).table["text"].to_pylist()
        self.passed_over += sum(not (text or "").strip() for text in texts)
        yield from (text for text in texts if text and text.strip())


def _is_lake(given: str) -> bool:
    return is_local(given) and (local_path(given) / "archives").is_dir()


def _of_lake(root: str) -> Iterator[str]:
    lake = Lake(root)
    for path in Catalog(lake).selection().archive_files("documents"):
        for batch in iter_batches(lake.absolute(path), ["text"]):
            yield from (text for text in batch["text"].to_pylist() if text)


def _of_lines(path: str) -> Iterator[str]:
    """A plain text file in blocks of whole lines; bytes that are no UTF-8 become replacement characters."""
    with open_read(path) as stream:
        while lines := stream.readlines(_LINES_BYTES):
            yield b"".join(lines).decode("utf-8", "replace")


def _batch(pages: Sequence[Page]) -> DocumentBatch:
    nothing = {column.name: pa.nulls(len(pages), column.type) for column in schema.PAGE_IDENTITY}
    return DocumentBatch(
        nothing
        | {
            "mime": pa.array([page.mime for page in pages], pa.string()),
            "charset_hint": pa.array([page.charset_hint for page in pages], pa.string()),
            "body": pa.array([None if page.text is not None else page.body for page in pages], pa.binary()),
            "text": pa.array([page.text for page in pages], pa.string()),
        }
    )


def _identity(given: str) -> list[str]:
    if _is_lake(given):
        lake = Lake(given)
        return [digest_of(lake.absolute(path)) for path in Catalog(lake).selection().archive_files("documents")]
    if given.endswith(".txt"):
        return [digest_of(given)]
    return [source.sha256 or f"{source.uri} {source.etag} {source.size}" for source in expand_inputs([given])]


def share_of(text: str) -> float:
    """A number in [0, 1) that depends on the text alone: which texts are held out."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).digest(), "big") / 2**48


def check_inputs(inputs: Sequence[str], what: str) -> tuple[str, ...]:
    """The inputs; UserError where there are none."""
    if not inputs:
        raise UserError(f"there is nothing to {what}:", "name text sources, archives, .txt files or a lake.")
    return tuple(inputs)
