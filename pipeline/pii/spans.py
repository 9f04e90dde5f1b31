"""Finding personal data in a text, and taking it out.

One compiled pass over the text says where each kind could lie at all (`pipeline.kernels.triggers`), and for most kinds
and texts that is nowhere. Within those stretches the kind's pattern finds candidates, and its validator judges each.
RE2 works on UTF-8; the spans given are in characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import re2

from pipeline.kernels import triggers
from pipeline.kernels.trigger_tables import CLASSES, PAIRS
from pipeline.kernels.trigger_tables import KINDS as NUMBERED
from pipeline.pii.address import ADDRESS
from pipeline.pii.birthdate import BIRTHDATE
from pipeline.pii.card import CARD
from pipeline.pii.context import DOUBTFUL, Model
from pipeline.pii.context import KINDS as JUDGED
from pipeline.pii.email import EMAIL
from pipeline.pii.geo import GEO
from pipeline.pii.iban import IBAN
from pipeline.pii.ip import IP
from pipeline.pii.kind import Hit, Kind, PiiSpan
from pipeline.pii.mac import MAC
from pipeline.pii.national import NATIONAL
from pipeline.pii.person import PERSON
from pipeline.pii.phone import PHONE
from pipeline.pii.secret import SECRET
from pipeline.pii.ssn import SSN
from pipeline.pii.walls import Walled

KINDS: tuple[Kind, ...] = (
    EMAIL, SECRET, IBAN, CARD, IP, MAC, SSN, NATIONAL, GEO, BIRTHDATE, PHONE, PERSON, ADDRESS,
)  # fmt: skip
"""Every kind, surest first: of two kinds that claim the same stretch the earlier one names it."""

PLACEHOLDERS = {kind.name: kind.placeholder for kind in KINDS}
MAX_MEMORY = 64 << 20
"""Bytes RE2 may spend on the states of one pattern; past it, it goes on more slowly, never wrongly."""

MAX_ROUNDS = 16
"""Taking out one hit can uncover another (a number that followed a card's): texts are searched again until
nothing is found, and no more often than this whatever they are.
"""


def find_spans(
    text: str,
    kinds: Sequence[str],
    regions: tuple[str, ...] = (),
    min_confidence: float = 0.0,
    model: Model | None = None,
) -> list[PiiSpan]:
    """Personal data of these kinds in the text, in order, without overlaps.

    Placeholders that are there already are walls: nothing is found across one. So a scrubbed text holds
    nothing more to find.

    Args:
        text: Any text.
        kinds: Names of `KINDS`.
        regions: ISO 3166 codes of the countries whose telephone numbers to expect, likeliest first.
        min_confidence: What is less sure than this is left alone, inclusive.
        model: Judges the context of numbers that a validator doubts; None: the validator's word is final.
    """
    finder = _finder(tuple(kinds))
    return sorted(finder.search(text, Search(regions, min_confidence, model))) if finder else []


def scrub(text: str, spans: Sequence[PiiSpan]) -> str:
    """The text with every span replaced by its kind's placeholder. `spans`: in order, without overlaps."""
    parts, position = [], 0
    for span in spans:
        parts += [text[position : span.start], PLACEHOLDERS[span.kind]]
        position = span.end
    return "".join([*parts, text[position:]]) if spans else text


@lru_cache(maxsize=16)
def _finder(names: tuple[str, ...]) -> Finder | None:
    """Compiled once a process and set of kinds."""
    chosen = tuple(kind for kind in KINDS if kind.name in names)
    return Finder(chosen) if chosen else None


class Search(NamedTuple):
    """What one search asks of every candidate."""

    regions: tuple[str, ...]
    min_confidence: float
    model: Model | None

    def accepts(self, kind: str, hit: Hit | None, text: str) -> bool:
        """Whether a hit is sure enough, and where it is doubtful whether its context bears it out."""
        if hit is None or hit.confidence < self.min_confidence:
            return False
        if self.model is None or hit.confidence >= DOUBTFUL or kind not in JUDGED or text[hit.start] == "+":
            return True
        return self.model.is_personal(kind, text, hit.start, hit.end)


class Finder:
    """The compiled patterns of some kinds."""

    def __init__(self, kinds: tuple[Kind, ...]) -> None:
        self.kinds = kinds
        self.patterns = [_compile(kind.pattern) for kind in kinds]
        self.walls = _compile("|".join(PLACEHOLDERS.values()))
        self.ranks = {NUMBERED.index(kind.name): rank for rank, kind in enumerate(kinds)}

    def search(self, text: str, search: Search) -> Iterator[PiiSpan]:
        """Spans of the text, in no order. What lies between them is searched again."""
        walled = Walled(text)
        if "<" in text:
            found = (match.span() for match in self.walls.finditer(walled.data))
            walled.build([(walled.character(start), walled.character(end)) for start, end in found])
        ranges = [(0, len(walled.data))]
        for _ in range(MAX_ROUNDS):
            claims = [claim for start, end in ranges for claim in self._claims(walled, start, end, search)]
            if not claims:
                return
            spans = _merge(claims)
            yield from spans
            ranges = walled.build([(span.start, span.end) for span in spans])

    def _claims(self, walled: Walled, low: int, high: int, search: Search) -> Iterator[tuple[PiiSpan, int]]:
        """Every kind's hits in a range of bytes, each with the kind's rank."""
        data = bytes(walled.data[low:high])
        stretches = triggers.find_stretches(np.frombuffer(data, np.uint8), CLASSES, PAIRS)
        for number, start, end in stretches.tolist():
            rank = self.ranks.get(number)
            if rank is None:
                continue
            kind = self.kinds[rank]
            for match in self.patterns[rank].finditer(data, start, end):
                first, last = match.span()
                candidate, offset = walled.candidate(low + first, low + last, search.regions)
                hit = kind.validate(candidate)
                if hit is not None and search.accepts(kind.name, hit, candidate.text):
                    yield PiiSpan(hit.start + offset, hit.end + offset, kind.name, hit.confidence), rank


def _merge(claims: list[tuple[PiiSpan, int]]) -> list[PiiSpan]:
    """Overlapping claims become one span over all of them, named by the longest (of equals, the surest)."""
    merged: list[tuple[PiiSpan, int, int]] = []  # span, length of the claim that names it, rank
    for span, rank in sorted(claims):
        length = span.end - span.start
        if not merged or span.start >= merged[-1][0].end:
            merged.append((span, length, rank))
            continue
        last, last_length, last_rank = merged[-1]
        winner = span if (length, -rank) > (last_length, -last_rank) else last
        whole = PiiSpan(last.start, max(last.end, span.end), winner.kind, winner.confidence)
        merged[-1] = (whole, max(length, last_length), rank if winner is span else last_rank)
    return [span for span, _, _ in merged]


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.never_capture = True  # where a match lies is all we ask: it spares RE2 a third, slower pass
    options.log_errors = False
    return options


def _compile(pattern: str) -> re2._Regexp:
    return re2.compile(pattern.encode(), _options())
