"""Telephone numbers, international and national, checked against the numbering plans that `phonenumbers`
carries.
"""

from __future__ import annotations

import re
from functools import cache

import phonenumbers
from phonenumbers import NumberParseException

from pipeline.pii.kind import Candidate, Hit, Kind

SEP = r"[ .\-/\x{A0}\x{2010}-\x{2013}]"
AREA = r"(?:\(\d{1,5}\)|\d{1,5})"
EXTENSION = r"(?:[ ,]{0,2}(?:x|(?i:ext\.?)|#) ?\d{1,5}\b)?"

INTERNATIONAL = rf"(?:\+|\b00{SEP}?)[1-9]\d{{0,2}}{SEP}?{AREA}(?:{SEP}?{AREA}){{1,6}}"
NORTH_AMERICAN = rf"(?:1{SEP})?(?:\(\d{{3}}\) ?|\b\d{{3}}{SEP})\d{{3}}{SEP}\d{{4}}"
TRUNK_PREFIX = rf"(?:\(0\d{{1,5}}\){SEP}?|\b0\d{{1,4}}{SEP})\d{{2,8}}(?:{SEP}\d{{2,6}}){{0,4}}"
ANY_GROUPS = rf"(?:\d{{7,15}}|\(?\d{{2,}}\)?(?:{SEP}{{1,2}}\(?\d{{2,}}\)?|\(\d{{2,}}\)){{1,6}})"

WORDS_BEFORE = (
    r"\b(?:tele(?:ph|f)one?s?|t[eé]l[eé]phone|tel[eé]fono|phones?|tel|tél|ph|fax|telefax|mobiles?|cell(?:ular)?|móvil|"
    r"celular|handy|whatsapp|sms|call(?:ed|ing)?|dial(?:l?ed|l?ing)?|hotline|helpline|desk|office|contact|pager|tlf|"
    r"puh|telefoon|telefon(?:nummer)?|rufnummer|reache?d? (?:me |us )?at|answering at|messages? to|text me|"
    r"registered)\b"
)
WORDS_AFTER = r"[ \-\x{2013}(]{1,3}(?:office|fax|mobile|cell|phone|tel)\b"
TOLD_BEFORE = rf"(?i:{WORDS_BEFORE})[^\d\n<>+(]{{0,24}}\n?[^\d\n<>+(]{{0,4}}{ANY_GROUPS}"
TOLD_AFTER = rf"{ANY_GROUPS}(?i:{WORDS_AFTER})"

PATTERN = f"(?:{INTERNATIONAL}|{TOLD_BEFORE}|{NORTH_AMERICAN}|{TRUNK_PREFIX}|{TOLD_AFTER}){EXTENSION}"

MIN_DIGITS, MAX_DIGITS = 7, 15
"""ITU-T E.164: 15 digits at most. Seven are the shortest subscriber numbers worth taking for personal."""

MIN_INTERNATIONAL_DIGITS = 9
"""With country code, of a number that no plan knows but whose length its country could have."""

MIN_UNTOLD_DIGITS = 10
"""Of a national number without a word about telephones; 9 when written in three groups or more."""

COMMON_TRUNK_REGIONS = ("GB", "FR", "DE", "IT", "AU", "NL", "BE", "CH", "SE", "IE", "ZA", "IN", "TR", "JP")
"""Where a number that begins with 0 is looked up when the page does not tell its country."""

NUMBER = re.compile(
    r"(?P<digits>(?:\+|\(?\d)[\d \u00a0.\-/()\u2010-\u2013]*\d)(?:[ ,]{0,2}(?:x|ext\.?|#) ?\d{1,5}\b)?", re.I
)
BEFORE = re.compile(WORDS_BEFORE + r"[^\d<>]{0,30}\Z", re.I)
AFTER = re.compile(WORDS_AFTER.replace(r"\x{2013}", "\u2013"), re.I)
WINDOW = 48
DATE = re.compile(
    r"(?:(?:19|20)\d\d[ \-/.]\d{1,2}[ \-/.]\d{1,2}|\d{1,2}[ \-/.]\d{1,2}[ \-/.](?:19|20)\d\d)(?:\D|$)"
    r"|\d{1,2}\.\d{1,3}\.(?:19|20)\d\d$|\+\d+\.\d+$"
)
YEARS = re.compile(r"\(?(?:1[5-9]|20)\d\d(?:[ \-/\u2013()]+(?:1[5-9]|20)?\d\d)+\)?$")


def validate(candidate: Candidate) -> Hit | None:
    """A hit when a numbering plan knows the number, or when the text calls it one and its length can be
    right.
    """
    found = NUMBER.search(candidate.value)
    if found is None:
        return None
    number, start, end = found["digits"], candidate.start + found.start(), candidate.start + found.end()
    digits = re.sub(r"\D", "", number)
    if not MIN_DIGITS <= len(digits) <= MAX_DIGITS or len(set(digits)) < 3:
        return None
    if DATE.match(number) or YEARS.match(number) or _part_of_more(candidate.text, start, end):
        return None
    confidence = _confidence(candidate, number, start, end)
    return None if confidence is None else Hit(start, end, confidence)


def _part_of_more(text: str, start: int, end: int) -> bool:
    """Digits inside a longer number, an amount, an identifier or a path."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return bool(re.search(r"[\w./=&$€£#%+\-^*{_]\Z", before) or re.match(r"[\w/=%^*_+]|[.,:\-]\d|°", after))


def _confidence(candidate: Candidate, number: str, start: int, end: int) -> float | None:
    text = candidate.text
    if number[0] == "+" or number.startswith("00"):
        return _international(number)
    row = _in_a_row(text, number, start, end)
    before, after = text[max(0, start - WINDOW) : start], text[end : end + 12]
    if BEFORE.search(before) or (AFTER.match(after) and not row):
        return 0.9 if _valid_somewhere(number, candidate.regions) else 0.75
    if row or not _shaped(number):
        return None
    return 0.85 if _valid_somewhere(number, candidate.regions) else None


def _in_a_row(text: str, number: str, start: int, end: int) -> bool:
    """One number of a row of numbers: a table's line, unless it has hyphens or brackets of its own."""
    if number.startswith("(") or "-" in number:
        return False
    left = re.search(r"\d[ ,;]{1,2}\Z|[,:]\Z", text[max(0, start - 3) : start])
    return bool(left or re.match(r"[ ,;]{1,2}\d", text[end : end + 3]))


def _shaped(number: str) -> bool:
    """A number nobody calls one must look like one: one kind of separator, and enough digits or groups."""
    groups = re.findall(r"\d+", number)
    separators = set(re.findall(r"[.\-/\u2010-\u2013]|(?<=\d)[ \u00a0]", number))
    enough = sum(map(len, groups)) >= MIN_UNTOLD_DIGITS or (
        len(groups) > 2 and sum(map(len, groups)) == MIN_UNTOLD_DIGITS - 1
    )
    return enough and len(separators) < 2


def _international(number: str) -> float | None:
    if _american(re.sub(r"\D", "", number), number.startswith("+1")):
        return 0.98
    try:
        parsed = phonenumbers.parse("+" + number.lstrip("+0") if number[0] == "0" else number)
    except NumberParseException:
        return None
    if phonenumbers.is_valid_number(parsed):
        return 0.98
    long_enough = len(re.sub(r"\D", "", number)) >= MIN_INTERNATIONAL_DIGITS
    return 0.8 if long_enough and phonenumbers.is_possible_number(parsed) else None


def _valid_somewhere(number: str, regions: tuple[str, ...]) -> bool:
    """True when the numbering plan of one of the page's countries knows it; of common ones where the page
    tells none.
    """
    usual = COMMON_TRUNK_REGIONS if number.lstrip("(").startswith("0") else ("US",)
    return any(_valid(number, region) for region in dict.fromkeys((*regions, *usual)))


def _valid(number: str, region: str) -> bool:
    if region == "US" and _american(re.sub(r"\D", "", number), True):
        return True
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except NumberParseException:
        return False


def _american(digits: str, expected: bool) -> bool:
    """True for a number of the United States' own plan, which is asked for most: `phonenumbers` looks through the 25
    countries that share it. `expected`: the country is the page's, or its code is written before the number.
    """
    national = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    return expected and len(national) == 10 and any(plan.fullmatch(national) for plan in _american_plan())


@cache
def _american_plan() -> tuple[re.Pattern[str], ...]:
    found = phonenumbers.PhoneMetadata.metadata_for_region("US")
    assert found is not None
    sorts = (found.fixed_line, found.toll_free, found.premium_rate, found.personal_number)
    patterns = {sort.national_number_pattern for sort in sorts if sort is not None and sort.national_number_pattern}
    return tuple(re.compile(pattern, re.A) for pattern in sorted(patterns))


PHONE = Kind("phone", PATTERN, validate)
