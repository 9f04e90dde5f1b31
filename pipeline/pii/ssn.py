"""United States social security numbers."""

from __future__ import annotations

import re

from pipeline.pii.kind import Candidate, Hit, Kind

CONTEXT = re.compile(r"\bssn\b|\bsocial[\s\-]*(?:security|sec\b)|\bss\s?(?:#|no\b|number)|\btax(?:payer)?\s+id", re.I)
WINDOW = 60
PATTERN = r"\b\d{3}-\d{2}-\d{4}\b|\b\d{3} \d{2} \d{4}\b|(?i:ssn|social security)[^\d\n<>]{0,30}\d{9}\b"


def issued(digits: str) -> bool:
    """True for a number that can have been issued: no area 000, 666 or 9xx, no group 00, no serial 0000.

    Source: Social Security Administration, POMS RM 10201.035.
    """
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def validate(candidate: Candidate) -> Hit | None:
    """Hyphenated numbers stand alone; spaced or bare ones need a word about social security before them."""
    value = re.search(r"\d[\d \-]*$", candidate.value)
    assert value is not None  # every alternative of the pattern ends in digits
    start = candidate.start + value.start()
    if not issued(re.sub(r"\D", "", value[0])) or _part_of_more(
        candidate.text[max(0, start - 2) : start], candidate.after(2)
    ):
        return None
    told = bool(CONTEXT.search(candidate.text[max(0, start - WINDOW) : start]))
    if "-" not in value[0] and not told:
        return None
    return Hit(start, candidate.end, 0.99 if told else 0.85)


def _part_of_more(before: str, after: str) -> bool:
    return bool(re.search(r"[\w./=+\-–]\Z|\d[ ,]\Z", before) or re.match(r"[\w/=\-–]|[.,]\d", after))


SSN = Kind("ssn", PATTERN, validate)
