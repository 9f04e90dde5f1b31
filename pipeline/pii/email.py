"""E-mail addresses, plain (`jane@example.com`) and obfuscated (`jane [at] example dot com`)."""

from __future__ import annotations

import re

from pipeline.pii.kind import Candidate, Hit, Kind

LOCAL = r"[A-Za-z0-9._%+\-]+"
LABEL = r"[A-Za-z0-9\x{C0}-\x{24F}\x{400}-\x{4FF}\-]+"
BRACKETED_AT = r"\s?[\[({<]\s?(?i:at|@)\s?[\])}>]\s?"
BRACKETED_DOT = r"\s?[\[({<]\s?(?i:dot|\.)\s?[\])}>]\s?"
SPOKEN_AT, SPOKEN_DOT = r"\s(?i:at)\s", r"\s(?i:dot)\s"

PLAIN = rf"{LOCAL}@{LABEL}(?:\.{LABEL})+"
OBFUSCATED = rf"{LOCAL}(?:{BRACKETED_AT}|@){LABEL}(?:(?:\.|{BRACKETED_DOT}|{SPOKEN_DOT}){LABEL})+"
SPOKEN = rf"{LOCAL}{SPOKEN_AT}{LABEL}(?:(?:{BRACKETED_DOT}|{SPOKEN_DOT}){LABEL})+"

MAX_LOCAL, MAX_CHARS, MAX_LABEL = 64, 254, 63
"""RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.3; RFC 1035, section 2.3.4."""

FILE_SUFFIXES = frozenset((
    "bmp", "bz", "css", "csv", "dll", "doc", "docx", "exe", "gif", "htm", "html", "ico", "jar", "jpeg",
    "jpg", "js", "json", "jsx", "pdf", "php", "png", "svg", "tar", "tgz", "tif", "tsx", "txt", "vue",
    "webp", "whl", "xml", "yaml", "yml",
))  # fmt: skip
"""Endings that are no top-level domain: `icon@2x.png`, `package@1.2.tgz`."""

SPOKEN_TLDS = frozenset((
    "com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "name", "app", "dev", "online", "site",
    "tech",
))  # fmt: skip
NOT_A_NAME = frozenset((
    "us", "me", "them", "him", "her", "it", "look", "looking", "site", "website", "available", "located",
    "is", "are", "be", "was", "or", "here", "online", "page", "found", "find", "visit", "web", "live",
    "now", "posted", "more", "only", "read", "see", "check", "shop", "order", "and", "but", "not", "one",
    "work", "team", "people",
))  # fmt: skip
"""Words that stand before `at example dot com` in a sentence about a site, not an address."""

TOKENS = re.compile(r"^(?P<local>\S+?)(?P<at>\s?[\[({<]\s?(?:at|@)\s?[\])}>]\s?|@|\sat\s)(?P<domain>.+)$", re.I | re.S)
DOTS = re.compile(r"\s?[\[({<]\s?(?:dot|\.)\s?[\])}>]\s?|\sdot\s|\.", re.I)


def validate(candidate: Candidate) -> Hit | None:
    """A hit when the parts are of legal length and the last can be a top-level domain. Source: RFC 5321."""
    if len(candidate.value) > 2 * MAX_CHARS:
        return None
    parts = TOKENS.match(candidate.value)
    if parts is None:
        return None
    start = _name_start(candidate)
    local = candidate.text[start : candidate.start] + parts["local"]
    stripped = local.lstrip(".-%+")
    labels = DOTS.split(parts["domain"])
    plain = "@" in parts["at"] and not re.search(r"\s", candidate.value)
    if not (_legal_local(stripped) and _legal_domain(labels) and (plain or _spoken(stripped, parts["at"], labels[-1]))):
        return None
    return Hit(start + len(local) - len(stripped), candidate.end, 0.99 if plain else 0.9)


def _name_start(candidate: Candidate) -> int:
    """The pattern's local part is ASCII; take in the accented letters an international name begins with."""
    start = candidate.start
    floor = max(0, start - MAX_LOCAL)
    while start > floor and candidate.text[start - 1].isalnum() and ord(candidate.text[start - 1]) < 0x250:
        start -= 1
    return start


def _legal_local(local: str) -> bool:
    return 0 < len(local) <= MAX_LOCAL and ".." not in local and not local.endswith(".") and local.lower() != "git"


def _legal_domain(labels: list[str]) -> bool:
    tld = labels[-1].lower()
    lengths = all(0 < len(label) <= MAX_LABEL and label.strip("-") == label for label in labels)
    puny = tld.startswith("xn--")
    return lengths and (puny or (2 <= len(tld) <= 24 and tld.isalpha())) and tld not in FILE_SUFFIXES


def _spoken(local: str, at: str, tld: str) -> bool:
    """An obfuscated one needs a common ending, and after a bare `at` a word that can be a name."""
    known = tld.lower() in SPOKEN_TLDS or len(tld) == 2
    return known and (at.strip().lower() != "at" or local.lower() not in NOT_A_NAME)


EMAIL = Kind("email", f"{PLAIN}|{OBFUSCATED}|{SPOKEN}", validate)
