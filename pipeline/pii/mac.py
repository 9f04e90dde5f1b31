"""Hardware (MAC) addresses, as EUI-48 is written: six octets with colons or hyphens, or three groups with dots."""

from __future__ import annotations

import re
from itertools import pairwise

from pipeline.pii.kind import Candidate, Hit, Kind

OCTET = r"[0-9A-Fa-f]{2}"
PATTERN = rf"\b{OCTET}(?::{OCTET}){{5}}\b|\b{OCTET}(?:-{OCTET}){{5}}\b|\b(?:[0-9a-fA-F]{{4}}\.){{2}}[0-9a-fA-F]{{4}}\b"
ABOUT_HARDWARE = re.compile(
    r"\bmac\b|ether|hwaddr|hardware|wi-?fi|wlan|bssid|bluetooth|arp\b|\blladdr|interface|router|device|\bphysical", re.I
)
WINDOW = 60
MIN_DISTINCT_DIGITS = 5
"""Hexadecimal digits that a real address has at least; 00:11:22... and AA:BB:CC... are examples."""


def validate(candidate: Candidate) -> Hit | None:
    """A hit for an address of one card: no multicast, no broadcast, no documentation range, no part of a digest."""
    digits = re.sub(r"[:.\-]", "", candidate.value)
    if re.search(r"[\w:.\-]\Z", candidate.before(1)) or re.match(r"[:\-][0-9A-Fa-f]|\w|\.\w", candidate.after(2)):
        return None
    if int(digits[:2], 16) & 1 or digits.lower().startswith("00005e0053") or _example(digits):
        return None  # multicast; RFC 7042, section 2.1.2
    told = bool(ABOUT_HARDWARE.search(candidate.before(WINDOW)))
    letters = bool(re.search("[a-f]", digits, re.I)) and bool(re.search(r"\d", digits))
    if not told and ("." in candidate.value or not letters):
        return None  # a row of two-digit numbers, a version
    return Hit(candidate.start, candidate.end, 0.95 if told else 0.85)


def _example(digits: str) -> bool:
    pairs = [digits[i : i + 2] for i in range(0, 12, 2)]
    doubled = sum(pair[0] == pair[1] for pair in pairs) > 4
    steps = {int(b, 16) - int(a, 16) for a, b in pairwise(pairs)}
    return doubled or len(steps) == 1 or len(set(digits.lower())) < MIN_DISTINCT_DIGITS or "123456" in digits


MAC = Kind("mac", PATTERN, validate)
