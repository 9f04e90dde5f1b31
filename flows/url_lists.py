"""The `url` section with lists in files: hosts and words by the million, one a line, `#` begins a comment.

    [url]
    host_files = ["blocklists/adult/domains", "s3://lists/malware.txt.gz"]

The pipeline reads no files, so they are read here, once a process and only where pages are measured. What the files
hold is part of every fingerprint (`Recipe.files`).
"""

from __future__ import annotations

from functools import cache, partial

from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.quality.url import SIGNALS, Blocklists, UrlConfig, measure, rules_of
from pipeline.stage import Columns, Stage
from storage.errors import UserError
from storage.files import open_read, sha256_of, stamp
from storage.texts import decode_text


class UrlSection(UrlConfig):
    """Rules about addresses, with lists from files beside those of the section."""

    host_files: tuple[str, ...] = Field((), description="files of hosts and domains, as the UT1 blacklists have them")
    word_files: tuple[str, ...] = Field((), description="files of words")
    soft_word_files: tuple[str, ...] = Field((), description="files of soft words")
    string_files: tuple[str, ...] = Field((), description="files of strings")

    def files(self) -> dict[str, str]:
        """Files whose content decides what the stage measures: key and place in it, and path."""
        keys = ("host_files", "word_files", "soft_word_files", "string_files")
        return {f"{key}.{place}": path for key in keys for place, path in enumerate(getattr(self, key))}

    def stages(self) -> tuple[Stage, ...]:
        """One stage; its lists are read when it measures its first page."""
        return (Stage("url", SIGNALS, partial(_measure, section=self), rules_of(self)),)


def content_digest(path: str) -> str:
    """sha256 of a file that a recipe names; read again only when the file has changed."""
    return _digest_at(path, stamp(path))


@cache
def _digest_at(path: str, _: str) -> str:
    return sha256_of(path)


def _measure(batch: DocumentBatch, section: UrlSection) -> Columns:
    hosts, words, soft_words, strings = (
        section.hosts + _lines_of(section.host_files),
        section.words + _lines_of(section.word_files),
        section.soft_words + _lines_of(section.soft_word_files),
        section.strings + _lines_of(section.string_files),
    )
    return measure(batch, _blocklists(hosts, words, soft_words, strings))


@cache
def _blocklists(*lists: tuple[str, ...]) -> Blocklists:
    return Blocklists.of(*lists)


@cache
def _lines_of(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line for path in paths for line in _read(path).splitlines())


def _read(path: str) -> str:
    with open_read(path) as stream:
        data = stream.read()
    try:
        return decode_text(data)
    except ValueError as error:
        raise UserError(f"the list {path} cannot be read: {error}.", "One entry a line, gzip or plain.") from error
