"""What a page's address says of it: its length, its digits, hosts and words that nobody wants.

Source: RefinedWeb (Penedo et al. 2023, arXiv:2306.01116, appendix G.1), in the reading of datatrove 0.10 (`URLFilter`):
hosts listed, words that ban a URL alone, words of which two do, and strings that do anywhere in it. DCLM's code has the
same lists with other joints: it looks for the strings in the URL without "-" and "." only, and for words between any
letters and others. Lists of millions of hosts are the user's to name (`url.host_files`, read by `flows.url_lists`);
those here are a small beginning. Length and digits are measured for whoever wants them: no published recipe has a
limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pyarrow as pa
import re2
from pydantic import Field

from pipeline.batch import DocumentBatch, utf8_of
from pipeline.kernels.addresses import Sieve, make_sieve, sift
from pipeline.quality.limits import Switches, limit
from pipeline.signals import Signals, sizes
from pipeline.stage import Columns, Rule, Stage, signal

SIGNALS = pa.schema(
    [
        signal("url_chars", "length of the URL; 0 where there is none", "characters"),
        signal("url_digit_frac", "digits of the URL; 0 where there is none", "fraction of characters"),
        signal("url_host_blocked", "1 where the host, or a domain it is in, is listed; else 0"),
        signal("url_banned_word_count", "different listed words in the URL of which one is enough", "words"),
        signal("url_soft_word_count", "different listed words in the URL of which one alone may be innocent", "words"),
        signal("url_banned_string_count", "different listed strings in the URL's letters and digits", "strings"),
    ]
)

_NAMES = SIGNALS.names
_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Blocklists:
    """The lists as the measurement wants them: lower case, words and strings of letters and digits only."""

    hosts: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    soft_words: frozenset[str] = frozenset()
    strings: tuple[str, ...] = ()

    @cached_property
    def sieve(self) -> Sieve:
        """What tells most URLs from those that might hold something listed."""
        return make_sieve(self.words | self.soft_words, self.strings)

    @cached_property
    def pattern(self) -> re2._Regexp | None:
        """The strings as one pattern; the longest of those that begin alike is found."""
        ordered = sorted(self.strings, key=len, reverse=True)
        return re2.compile("|".join(map(re2.escape, ordered))) if ordered else None

    @classmethod
    def of(
        cls,
        hosts: Iterable[str] = (),
        words: Iterable[str] = (),
        soft_words: Iterable[str] = (),
        strings: Iterable[str] = (),
    ) -> Blocklists:
        """From lines as files have them: blank ones and those that begin with # are none."""
        return cls(
            frozenset(line.lower().rstrip(".") for line in _entries(hosts)),
            frozenset(map(_letters, _entries(words))) - {""},
            frozenset(map(_letters, _entries(soft_words))) - {""},
            tuple(sorted({_letters(line) for line in _entries(strings)} - {""})),
        )


class UrlConfig(Switches):
    """Rules about addresses. None ("off" in a recipe) switches a limit off."""

    hosts: tuple[str, ...] = Field((), description="hosts and domains that are blocked, with all below them")
    words: tuple[str, ...] = Field(
        ("xxx", "porn", "porno", "hentai", "xvideos", "xnxx", "milf", "escorts", "camgirls", "bdsm"),
        description="words of which one in the URL is enough",
    )
    soft_words: tuple[str, ...] = Field(
        ("adult", "sex", "sexy", "nude", "erotic", "escort", "webcam", "casino", "betting", "poker", "slots", "viagra",
         "cialis", "torrent", "warez", "crack"),
        description="words of which max_soft_words may be in the URL",
    )  # fmt: skip
    strings: tuple[str, ...] = Field(
        ("pornhub", "xhamster", "youporn", "freeporn", "sexcam", "onlinecasino", "buyviagra"),
        description="strings looked for in the URL's letters and digits",
    )
    max_chars: int | None = Field(None, description="length of the URL")
    max_digit_frac: float | None = Field(None, description="share of digits in the URL")
    max_blocked_hosts: int | None = Field(0, description="RefinedWeb G.1.1; a page has one host, so 0 or off")
    max_banned_words: int | None = Field(0, description="RefinedWeb G.1.2; datatrove")
    max_soft_words: int | None = Field(1, description="RefinedWeb G.1.2: two soft words are one too many; datatrove")
    max_banned_strings: int | None = Field(0, description="RefinedWeb G.1.2; datatrove")

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        lists = Blocklists.of(self.hosts, self.words, self.soft_words, self.strings)
        return (Stage("url", SIGNALS, partial(measure, lists=lists), rules_of(self)),)


def rules_of(config: UrlConfig) -> tuple[Rule, ...]:
    """The rules of the section."""
    return (
        *limit(config, "url", "url_chars", high="max_chars"),
        *limit(config, "url", "url_digit_frac", high="max_digit_frac"),
        *limit(config, "url", "url_host_blocked", high="max_blocked_hosts"),
        *limit(config, "url", "url_banned_word_count", high="max_banned_words"),
        *limit(config, "url", "url_soft_word_count", high="max_soft_words"),
        *limit(config, "url", "url_banned_string_count", high="max_banned_strings"),
    )


def measure(batch: DocumentBatch, lists: Blocklists) -> Columns:
    """`SIGNALS` of each page's `url` and `host`."""
    urls = batch.column("url") if "url" in batch.names else pa.nulls(batch.num_rows, pa.string())
    utf8 = utf8_of(urls)
    digits, listed = sift(utf8.data, utf8.offsets, lists.sieve)
    rows = np.zeros((6, batch.num_rows))
    rows[0], rows[1] = sizes(utf8.offsets), digits
    rows[1] /= np.maximum(rows[0], 1)
    for row in np.flatnonzero(listed):
        url = urls[int(row)].as_py()
        rows[3:, row] = _listed_in(url, lists)
        if not url.isascii():
            rows[:2, row] = len(url), sum(c.isdigit() for c in url) / len(url)
    if lists.hosts and "host" in batch.names:
        rows[2] = [
            any(domain in lists.hosts for domain in _domains(host or "")) for host in batch.column("host").to_pylist()
        ]
    return Signals(_NAMES, rows)


def _listed_in(url: str, lists: Blocklists) -> tuple[int, int, int]:
    """Listed words of both kinds, strings."""
    lowered = url.lower()
    words = set(_BETWEEN_WORDS.split(lowered))
    letters = _BETWEEN_WORDS.sub("", lowered)
    found = set(lists.pattern.findall(letters)) if lists.pattern is not None else ()
    return len(words & lists.words), len(words & lists.soft_words), len(found)


def _domains(host: str) -> Iterator[str]:
    """The host and every domain it is in: a.b.c, b.c, c."""
    rest = host.lower().rstrip(".")
    while rest:
        yield rest
        rest = rest.partition(".")[2]


def _letters(text: str) -> str:
    return _BETWEEN_WORDS.sub("", text.lower())


def _entries(lines: Iterable[str]) -> Iterator[str]:
    return (line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
