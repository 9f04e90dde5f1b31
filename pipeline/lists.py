"""Lists of hosts and of words that users name, in the formats that public lists come in.

Hosts: a name a line, hosts files (`0.0.0.0 bad.test`), Adblock rules (`||bad.test^`, exceptions `@@||good.test^`),
dnsmasq (`address=/bad.test/`), unbound (`local-zone: "bad.test" ...`), response-policy zones (`bad.test CNAME .`), URLs
with or without a path, and directories of them as the University of Toulouse ships its categories (`adult/domains`,
`adult/urls`). A listed host lists its subdomains. Words: a word or phrase a line, `#` before a remark.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from pipeline.dedup.normalise import fold_table
from pipeline.kernels.contamination import hash_words
from storage.errors import UserError

SINK = re.compile(r"(?:0\.0\.0\.0|127\.0\.0\.1|::1?|fe80::1\S*|255\.255\.255\.255)\s+(?=\S)")
ADBLOCK = re.compile(r"(@@)?\|\|([^\^/$|*]+)(?:\^|$|\$)")
DNSMASQ = re.compile(r"(?:address|server|local)=/([^/]+)/")
UNBOUND = re.compile(r'local-(?:zone|data):\s*"([^"\s]+)')
ZONE = re.compile(r"(\S+?)\.?\s+(?:\d+\s+)?(?:IN\s+)?CNAME\s", re.I)
HOST = re.compile(r"(?:\*\.|\.)?((?:[\w\-]+\.)+[\w\-]{2,}|(?:\d{1,3}\.){3}\d{1,3})\.?", re.A)
LOCAL_NAMES = frozenset(("localhost.localdomain", "ip6-localhost", "broadcasthost"))


@dataclass(frozen=True)
class HostList:
    """Listed hosts, exceptions from them, and listed beginnings of URLs without their scheme."""

    hosts: frozenset[str]
    exceptions: frozenset[str]
    urls: frozenset[str]

    def lists(self, host: str | None, url: str | None) -> bool:
        """True for a listed host or a subdomain of one, or for a URL that begins with a listed one."""
        parents = _parents((host or "").lower())
        for name in parents:  # the nearest name decides: an exception below a listed domain holds
            if name in self.exceptions:
                return False
            if name in self.hosts:
                return True
        return bool(self.urls) and any(cut in self.urls for cut in _beginnings(url or ""))


def _parents(host: str) -> list[str]:
    labels = host.rstrip(".").split(".")
    return [".".join(labels[i:]) for i in range(len(labels) - 1)]


def _beginnings(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:  # http://[half an address
        return
    path = [part for part in parts.path.split("/") if part]
    for name in _parents((parts.hostname or "").lower()):
        for length in range(1, len(path) + 1):
            yield f"{name}/{'/'.join(path[:length])}"


def read_hosts(paths: tuple[str, ...]) -> HostList:
    """The hosts of all these files and directories together; UserError where one cannot be read or lists nothing."""
    return _hosts(paths, tuple(map(digest_of, paths)))


@lru_cache(maxsize=4)
def _hosts(paths: tuple[str, ...], _digests: tuple[str, ...]) -> HostList:
    hosts: set[str] = set()
    exceptions: set[str] = set()
    urls: set[str] = set()
    for path in paths:
        found: tuple[set[str], set[str], set[str]] = (set(), set(), set())
        for line in _lines(path):
            _enter(line, *found)
        if not any(found):
            raise UserError(f"{path} lists no hosts.", "Give one host a line, or a hosts, Adblock or dnsmasq file.")
        for names, more in zip((hosts, exceptions, urls), found, strict=True):
            names |= more
    return HostList(frozenset(hosts), frozenset(exceptions), frozenset(urls))


def _enter(line: str, hosts: set[str], exceptions: set[str], urls: set[str]) -> None:
    line = re.split(r"\s#|^[#!;\[]", line, maxsplit=1)[0].strip()
    if not line:
        return
    if sink := SINK.match(line):
        for name in line[sink.end() :].split():  # a hosts file may have several names a line
            _add(name, hosts)
        return
    for pattern in (DNSMASQ, UNBOUND, ZONE):
        if found := pattern.match(line):
            line = found[1]
            break
    if found := ADBLOCK.match(line):
        _add(found[2], exceptions if found[1] else hosts)
        return
    if "##" in line or line.startswith(("@@", "|", "$")):
        return  # rules that hide parts of pages
    name, slash, path = re.sub(r"^[a-z]+://", "", line, flags=re.I).partition("/")
    if slash and path.strip("/"):
        urls.add(f"{name.lower()}/{path.strip('/')}")
        return
    _add(name, hosts)


def _add(name: str, names: set[str]) -> None:
    found = HOST.fullmatch(name.lower())
    if found and found[1] not in LOCAL_NAMES:
        names.add(found[1])


@dataclass(frozen=True)
class WordList:
    """Listed words and phrases as hashes, by their length in words: sorted uint64 each."""

    phrases: tuple[tuple[int, np.ndarray], ...]

    def count(self, text: str) -> tuple[int, int]:
        """Listed words and phrases in the text, and words in it; case, punctuation and diacritics apart."""
        words = hash_words(text.encode("utf-8", "replace"), fold_table())
        found = 0
        for length, known in self.phrases:
            grams = _grams(words, length)
            places = np.searchsorted(known, grams)
            found += int(np.count_nonzero(known[np.minimum(places, len(known) - 1)] == grams))
        return found, len(words)


def read_words(paths: tuple[str, ...]) -> WordList:
    """The words of all these files together; UserError where one cannot be read or is empty."""
    return _words(paths, tuple(map(digest_of, paths)))


@lru_cache(maxsize=4)
def _words(paths: tuple[str, ...], _digests: tuple[str, ...]) -> WordList:
    by_length: dict[int, set[int]] = {}
    for path in paths:
        lines = [line for line in (raw.split("#")[0].strip() for raw in _lines(path)) if line]
        if not lines:
            raise UserError(f"{path} lists no words.", "Give one word or phrase a line.")
        for line in lines:
            words = hash_words(line.encode(), fold_table())
            if len(words):
                by_length.setdefault(len(words), set()).add(int(_grams(words, len(words))[0]))
    return WordList(tuple((n, np.array(sorted(found), np.uint64)) for n, found in sorted(by_length.items())))


def _grams(words: np.ndarray, length: int) -> np.ndarray:
    """uint64[len(words) - length + 1]: one number for every run of `length` words."""
    count = max(len(words) - length + 1, 0)
    grams = np.zeros(count, np.uint64)
    for i in range(length):
        grams = grams * np.uint64(0x9E3779B97F4A7C15) + words[i : i + count]
    return grams


def digest_of(path: str) -> str:
    """sha256 of a file, or of a directory's files in the order of their names, hexadecimal."""
    digest = hashlib.sha256()
    for data in _contents(path):
        digest.update(data)
    return digest.hexdigest()


def _lines(path: str) -> Iterable[str]:
    for data in _contents(path):
        yield from data.decode("utf-8", "replace").splitlines()


def _contents(path: str) -> Iterator[bytes]:
    place = Path(path)
    try:
        files = sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place]
        for file in files:
            data = file.read_bytes()
            yield gzip.decompress(data) if file.suffix == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"list {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
