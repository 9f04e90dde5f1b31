"""Geographic coordinates exact enough to name a house: four decimals of a degree, or seconds of arc.

Coarser ones name a town, which is nobody's. A bare pair of decimals is mostly something else: what speaks for a place
is a degree sign, a hemisphere's letter, a map's address, or a word such as "latitude" before it.
"""

from __future__ import annotations

import re

from pipeline.pii.kind import Candidate, Hit, Kind

MINUTE, SECOND = r"['’′]", r"(?:[\"”″]|''|′′|’’)"
DMS = rf"\d{{1,3}} ?[°º] ?\d{{1,2}} ?{MINUTE} ?\d{{1,2}}(?:\.\d{{1,6}})? ?{SECOND} ?"
SEXAGESIMAL = rf"{DMS}[NS][,;/ ]{{1,3}}{DMS}[EWO]\b"
DEGREES = r"\d{1,2}\.\d{4,10} ?[°º]? ?[NS][,;/ ]{1,3}\d{1,3}\.\d{4,10} ?[°º]? ?[EWO]\b"
PAIR = r"[+\-−]?\d{1,2}\.\d{4,16}[°º]?(?:,|%2C|;) ?[+\-−]?\d{1,3}\.\d{4,16}"
MAP_LINK = rf"(?:@|geo:|\bq=|\bll=|center=){PAIR}"
CUE = r"(?i:\b(?:gps|lat(?:itude)?|lat[ _/,\-]{0,3}l(?:on|ng)|coord(?:inate)?s?|geo(?:tag|location|point)?)\b)"
LABEL = r"(?i:lon(?:g(?:itude)?)?|lng)"
LABELLED = rf"[+\-−]?\d{{1,2}}\.\d{{4,16}}[°º]?[^\w<]{{1,8}}{LABEL}[^\w<]{{1,6}}\d{{1,3}}\.\d{{4,16}}"
CUED = rf"{CUE}[^\d\n<>+\-−]{{0,24}}(?:{PAIR}|{LABELLED})"
PATTERN = f"{SEXAGESIMAL}|{DEGREES}|{MAP_LINK}|{CUED}"
NUMBERS = re.compile(r"\d+(?:\.\d+)?")
MAX_LATITUDE, MAX_LONGITUDE = 90.0, 180.0


def validate(candidate: Candidate) -> Hit | None:
    """A hit when both numbers can be degrees; from the first of them on, the words before stay."""
    first = re.search(r"[+\-−]?\d", candidate.value)
    if first is None:
        return None
    start = candidate.start + first.start()
    numbers = [float(number) for number in NUMBERS.findall(candidate.text[start : candidate.end])]
    whole = len(numbers) == 2
    latitude, longitude = (numbers[0], numbers[-1]) if whole else (numbers[0], numbers[len(numbers) // 2])
    minutes = [] if whole else [n for i, n in enumerate(numbers) if i % 3]
    if latitude > MAX_LATITUDE or longitude > MAX_LONGITUDE or any(n >= 60 for n in minutes):
        return None
    return Hit(start, candidate.end, 0.9)


GEO = Kind("geo", PATTERN, validate)
