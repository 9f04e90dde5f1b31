"""What an archive task reads: the whole archive from wherever it lies, or the records chosen of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from flows.settings import settings
from pipeline.archive.config import ArchiveConfig
from pipeline.archive.excerpt import ExcerptReader, read_excerpt, worth_fetching
from pipeline.archive.reader import ArchiveReader, read_archive
from storage.downloads import download
from storage.errors import ShardFailed, UserError
from storage.excerpts import excerpt_ranges
from storage.files import open_read
from storage.ranges import Range, read_ranges
from storage.remote import open_version
from storage.sources import Excerpt, Source
from storage.uris import is_local, is_web, local_path
from storage.web import Version

Reader = ArchiveReader | ExcerptReader


def open_archive(lake: str, source: Source, config: ArchiveConfig, stack: ExitStack) -> tuple[Reader, int]:
    """A reader over what is to be read of a source, and how many bytes of the file that is.

    Args:
        lake: Root of the lake, which holds the places of chosen records.
        stack: Closes what was opened.

    Raises:
        ShardFailed: It is not there any more, has changed since the run was planned, or cannot be had whole.
        Transient: Its store stayed busy.
    """
    if source.excerpt is not None:
        return _open_excerpt(lake, source, source.excerpt, config), source.excerpt.bytes
    stream, size = _open_whole(source)
    return read_archive(stack.enter_context(stream), source.archive, size, config), size


def _open_whole(source: Source) -> tuple[BinaryIO, int]:
    expected = None if source.path else Version(source.size, source.etag)
    if is_web(source.uri) and (directory := settings().downloads):
        kept = download(source.uri, directory, expected)
        return kept.open("rb"), kept.stat().st_size
    with _planned():
        if not is_local(source.uri):
            return open_version(source.uri, expected)
        stream = open_read(source.uri)
        size = local_path(source.uri).stat().st_size
    if source.path is None and size != source.size:
        stream.close()
        raise ShardFailed(f"{source.uri} has changed since the run was planned.", "Give the same command again.")
    return stream, size


def _open_excerpt(lake: str, source: Source, excerpt: Excerpt, config: ArchiveConfig) -> ExcerptReader:
    ranges = excerpt_ranges(lake, source.path or source.uri, excerpt)
    return read_excerpt(ranges, _pieces(source.uri, worth_fetching(ranges, config)), source.archive, config)


def _pieces(uri: str, ranges: list[Range]) -> Iterator[bytes]:
    with _planned():
        yield from read_ranges(uri, ranges, partial=True)


@contextmanager
def _planned() -> Iterator[None]:
    """The run was planned with this archive: one that went since then fails alone, and does not end the run."""
    try:
        yield
    except UserError as error:
        raise ShardFailed(error.message, error.hint) from error
