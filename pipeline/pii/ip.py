"""Public IPv4 and IPv6 addresses; never section, version or object-identifier numbers."""

from __future__ import annotations

import ipaddress
import re

from pipeline.pii.kind import Candidate, Hit, Kind

V4 = r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b"
V6 = r"[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}"
PATTERN = f"{V4}|{V6}"

ABOUT_NETWORKS = re.compile(
    r"\bip(?:v[46])?\b|\bip[_ ]?addr|\baddress(?:es)?\b|\bhosts?\b|server|\bping\b|client|\bdns\b|gateway|"
    r"subnet|proxy|login|logged in|\brouter|blocked|banned|visitor|firewall|traceroute|\bnginx\b|\bssh\b|://\W{0,2}\Z|@\Z",
    re.I,
)
ABOUT_NUMBERING = re.compile(
    r"(?:§|\bsec(?:tion|t?s?\.)?|\bversions?|\bver\.?|\bv\.?|\breleases?|\bchapter|\bclause|\bfig(?:ure)?\.?|\btable|"
    r"\brule|\boid|\biso|\bpart|\bstep|\barticle|\bappendix|\bannex|\bitem|\bfirmware|\bupdate|\bbuild|\bpatch|"
    r"\bdriver|\bparagraph|\btheorem|\blemma|\bcorollary|\bproposition|\bdefinition|\bremark|\bexample|\beq(?:uation)?\.?|\bpara\.?|\bno\.?|\bnumber)[\s:=(]{0,3}\Z",
    re.I,
)
WINDOW = 60


def validate(candidate: Candidate) -> Hit | None:
    """A hit for a globally routed address that its surroundings do not make a number of another kind."""
    return _validate_v6(candidate) if ":" in candidate.value else _validate_v4(candidate)


def _validate_v4(candidate: Candidate) -> Hit | None:
    before, after = candidate.before(WINDOW), candidate.after(12)
    if re.search(r"[\w.\-,]\Z|\w/\Z", before) or re.match(r"\w|-\w|\.\w|\.?\(\d", after):
        return None
    address = _parse(candidate.value)
    if address is None or not address.is_global or address.is_multicast or candidate.value.endswith(".0.0"):
        return None
    told = bool(ABOUT_NETWORKS.search(before) or re.match(r":\d{2,5}\b|/\d{1,2}\b", after))
    if not told and (not _unlike_numbering(candidate.value) or ABOUT_NUMBERING.search(before)):
        return None
    if told and re.search(r"(?:§|section|version|release|oid|chapter)\W{0,3}\Z", before, re.I):
        return None
    return Hit(candidate.start, candidate.end, 0.99 if told else 0.85)


def _unlike_numbering(value: str) -> bool:
    """Section and version numbers are small: an address that stands alone has one part over 99 and two over
    15.
    """
    parts = sorted(map(int, value.split(".")))
    return parts[3] > 99 and parts[2] > 15


def _validate_v6(candidate: Candidate) -> Hit | None:
    value = candidate.value.rstrip(":") if not candidate.value.endswith("::") else candidate.value
    end = candidate.start + len(value)
    if re.search(r"[\w:.]\Z", candidate.before(1)) or re.match(r"[\w:]|\.\d", candidate.text[end : end + 2]):
        return None
    address = _parse(value)
    groups = [group for group in value.split(":") if group]
    if address is None or not address.is_global or address.is_multicast:
        return None
    if len(groups) == 8:
        return Hit(candidate.start, end, 0.95) if sum(map(len, groups)) > 16 else None  # 1:2:3:4:5:6:7:8 is an example
    allocated = len(groups[0]) == 4 and groups[0][0] in "23"  # 2000::/3, all that is given out; `add::fee` is code
    told = len(groups) > 2 or ABOUT_NETWORKS.search(candidate.before(WINDOW))
    return Hit(candidate.start, end, 0.9) if allocated and told else None


def _parse(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


IP = Kind("ip", PATTERN, validate)
