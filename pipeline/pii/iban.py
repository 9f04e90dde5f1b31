"""International bank account numbers: length by country and check digits (ISO 13616, ISO 7064 mod 97-10)."""

from __future__ import annotations

import re

from stdnum import iban

from pipeline.pii.kind import Candidate, Hit, Kind

PATTERN = r"\b[A-Z]{2}\d{2}(?:[ \x{A0}\-]?[A-Z0-9]{4}){2,7}(?:[ \x{A0}\-]?[A-Z0-9]{1,3})?\b"
MIN_CHARS = 15
"""Norway's; the shortest there is."""


def validate(candidate: Candidate) -> Hit | None:
    """A hit where the check digits agree, of the candidate or of a beginning of it: a word in capitals may follow."""
    value = candidate.value
    if re.search(r"[\w/=\-]\Z", candidate.before(1)) or re.match(r"[\w/=]|-\w", candidate.after(2)):
        return None
    ends = [len(value), *(gap.start() for gap in reversed(list(re.finditer(r"[ \u00a0\-]", value))))]
    for end in ends:
        number = re.sub(r"[ \u00a0\-]", "", value[:end])
        if len(number) < MIN_CHARS:
            return None
        if iban.is_valid(number, check_country=False):
            return Hit(candidate.start, candidate.start + end, 0.99)
    return None


IBAN = Kind("iban", PATTERN, validate)
