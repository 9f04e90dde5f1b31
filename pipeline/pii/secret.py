"""Credentials: private keys, and tokens whose issuer gives them a shape of their own.

The shapes are those that the issuers publish for secret scanning. A password or a key without a shape is found only
where it is assigned to a name that says so, and only when it looks random.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from pipeline.pii.kind import Candidate, Hit, Kind

WORD = r"[A-Za-z0-9_\-]"
PRIVATE_KEY = (
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[^\-<]|-[^\-<])*"
    r"(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
)
TOKENS = (
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",  # Amazon
    r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b", r"\bgithub_pat_[A-Za-z0-9_]{60,100}\b", r"\bglpat-[A-Za-z0-9_\-]{20,60}\b",
    r"\bxox[abeoprs]-(?:[A-Za-z0-9]{1,60}-){1,5}[A-Za-z0-9]{10,60}\b",  # Slack
    r"\bAIza[A-Za-z0-9_\-]{35}\b", r"\bya29\.[A-Za-z0-9_\-]{20,250}", r"\bGOCSPX-[A-Za-z0-9_\-]{28}\b",  # Google
    r"\b(?:sk|rk)_live_[A-Za-z0-9]{16,120}\b", r"\bwhsec_[A-Za-z0-9+/]{32,64}",  # Stripe
    r"\bsk-(?:proj-|svcacct-|ant-(?:api|admin)\d\d-)?[A-Za-z0-9_\-]{32,200}\b",  # OpenAI, Anthropic
    r"\bnpm_[A-Za-z0-9]{36}\b", r"\bpypi-AgEI[A-Za-z0-9_\-]{50,250}", r"\bhf_[A-Za-z]{34}\b",
    r"\bSG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43}\b", r"\bkey-[0-9a-f]{32}\b",  # SendGrid, Mailgun
    r"\b(?:AC|SK)[0-9a-f]{32}\b", r"\b\d{8,10}:AA[A-Za-z0-9_\-]{33}\b",  # Twilio, Telegram
    r"\bdo[opr]_v1_[0-9a-f]{64}\b", r"\bdapi[0-9a-f]{32}\b", r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",
    r"\beyJ[A-Za-z0-9_\-]{10,800}\.eyJ[A-Za-z0-9_\-]{10,800}\.[A-Za-z0-9_\-]{10,800}",  # JSON web token, RFC 7519
)  # fmt: skip
NAMED = (
    r"(?i:\b[\w.\-]{0,40}?(?:api[_\-]?key|apikey|secret(?:[_\-]?(?:access))?[_\-]?key|client[_\-]?secret|"
    r"access[_\-]?token|auth[_\-]?token|private[_\-]?key|passwo?r?d|passwd))"
    r"[\"']?(?: ?[:=]{1,2} ?| => )[\"']?[A-Za-z0-9+/_\-!@#$%^&*.~]{16,128}"
)
SHAPED = "|".join(TOKENS)
PATTERN = f"{PRIVATE_KEY}|{SHAPED}|{NAMED}"

MIN_BITS_PER_CHAR = 3.0
"""Entropy below which a value is a word, a path or a placeholder: base64 has 6 bits a character, hexadecimal 4."""

PLACEHOLDER = re.compile(
    r"example|sample|placeholder|changeme|change_me|your|insert|dummy|redact|xxxx|\*\*\*|\.\.\.|<|0123456789|abcdef|test_?key",
    re.I,
)
CODE = re.compile(r"[a-z_]+[.(\[]|^[a-z]+(?:[_\-.][a-z]+)+$|^[A-Z]+(?:_[A-Z]+)+$|^[A-Za-z]+$|://|/.*/.*/", re.A)
VALUE = re.compile(r"(?:[:=]{1,2} ?|=> )[\"']?")
SHAPE = re.compile("|".join(TOKENS), re.A)


def validate(candidate: Candidate) -> Hit | None:
    """A hit for a private key, a token of a known shape, or a random value assigned to a secret's name."""
    value = candidate.value
    if value.startswith("-----BEGIN"):
        body = re.sub(r"-----[^-]*-----|\s", "", value)
        return Hit(candidate.start, candidate.end, 0.99) if len(body) >= 40 and not PLACEHOLDER.search(body) else None
    if SHAPE.match(value):
        return _shaped(candidate)
    assigned = VALUE.search(value)
    if assigned is None:
        return None
    secret = value[assigned.end() :].rstrip(".,;")
    start = candidate.start + assigned.end()
    mixed = bool(re.search(r"\d", secret)) and bool(re.search(r"[A-Za-z]", secret))
    if not mixed or PLACEHOLDER.search(secret) or CODE.search(secret) or _bits(secret) < MIN_BITS_PER_CHAR:
        return None
    return Hit(start, start + len(secret), 0.8)


def _shaped(candidate: Candidate) -> Hit | None:
    random = re.sub(r"^(?:[A-Za-z]{2,8}[_\-]|eyJ)", "", candidate.value)
    if PLACEHOLDER.search(candidate.value) or _bits(random) < 2.5 or not re.search(r"\d|[A-Z].*[a-z]", random):
        return None
    if candidate.value.startswith("sk-") and not (re.search(r"\d", random) and re.search(r"[A-Z]", random)):
        return None  # a style sheet's class
    return Hit(candidate.start, candidate.end, 0.95)


def _bits(text: str) -> float:
    """Shannon entropy of the characters, bits a character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


SECRET = Kind("secret", PATTERN, validate)
