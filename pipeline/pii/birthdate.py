"""Dates of birth, where the context says that a date is one.

A form's field ("Date of birth: 3 May 1950") and a person's own words ("I was born on ...") are personal. "born 3 May
1950" in an article about somebody is public knowledge more often than not: it gets a confidence of 0.5, and leaves the
text only where a recipe asks for hits that weak.
"""

from __future__ import annotations

import re

from pipeline.pii.kind import Candidate, Hit, Kind

MONTH = r"[A-Za-z\x{C0}-\x{17F}]+\.?"
YEAR = r"(?:19|20)\d\d"
DATE = (
    rf"(?:\d{{1,2}}[./\-]\d{{1,2}}[./\-](?:{YEAR}|\d\d)\b|{YEAR}[./\-]\d{{1,2}}[./\-]\d{{1,2}}\b"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.|er)? (?:of |de )?{MONTH},? (?:de )?{YEAR}\b"
    rf"|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? {YEAR}\b)"
)
FIELD = (
    r"date[ _]of[ _]birth|birth[ _]?date|birthdate|d\.?o\.?b\.?|geburtsdatum|date de naissance|fecha de nacimiento|"
    r"data di nascita|data de nascimento|geboortedatum|födelsedatum|data urodzenia"
)
OWN = r"(?:i was born(?: on)?|my birthday is|ich wurde am|ich bin am|je suis née? le|nac[ií] el|sono nat[oa] il)"
ABOUT = r"born(?: on)?|geboren am|geb\.|née? le|nacid[oa] el|nat[oa] il"
CUE = rf"\b(?i:{FIELD}|{OWN}|{ABOUT})"
LINK = r"[^A-Za-z\x{C0}-\x{17F}\d\n<>]{1,6}(?:is |was |on )?"
PATTERN = f"{CUE}{LINK}{DATE}"
FIELD_CUE = re.compile(rf"(?:{FIELD})\W", re.I)
OWN_CUE = re.compile(rf"{OWN}\b", re.I)
MONTHS = frozenset((
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mär", "mai", "okt", "dez",
    "jän", "fév", "avr", "jui", "aoû", "déc", "ene", "abr", "ago", "dic", "gen", "mag", "giu", "lug", "set", "ott",
    "fev", "out",
    "mrt", "mei", "maj", "lut", "kwi", "cze", "lip", "sie", "wrz", "paź", "lis", "gru", "sty",
))  # fmt: skip
"""First three letters of months' names: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish."""


def validate(candidate: Candidate) -> Hit | None:
    """A hit from the date's first character on; how sure depends on who says it."""
    date = re.search(r"\d", candidate.value)
    word = re.search(r"[^\W\d_]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\d\d$", candidate.value)
    if date is None:
        return None
    start = word.start() if word else date.start()
    value = candidate.value[start:]
    month = re.search(r"[^\W\d_]{3,10}", re.sub(r"\d(?:st|nd|rd|th|er)\b|\b(?:of|de)\b", "", value))
    numbers = [int(number) for number in re.findall(r"\d+", value)]
    if (month and month[0][:3].lower() not in MONTHS) or not _possible(numbers, bool(month)):
        return None
    cue = candidate.value[:start] + " "
    confidence = 0.9 if FIELD_CUE.search(cue) else 0.8 if OWN_CUE.match(cue) else 0.5
    return Hit(candidate.start + start, candidate.end, confidence)


def _possible(numbers: list[int], named_month: bool) -> bool:
    small = sorted(number for number in numbers if number <= 31)
    if named_month:
        return bool(small) and small[0] >= 1
    return len(numbers) == 3 and len(small) >= 2 and 1 <= small[0] <= 12


BIRTHDATE = Kind("birthdate", PATTERN, validate)
