"""Secrets taken out of what is written, logged and told: passwords in URLs, signatures, keys and tokens in queries."""

from __future__ import annotations

import re

HIDDEN = "***"

_USER = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s\"'<>@?#]+@", re.IGNORECASE)
_QUERY = re.compile(
    r"([?&;](?:x-(?:amz|goog)-(?:signature|credential|security-token)|signature|sig|awsaccesskeyid|googleaccessid|"
    r"(?:(?:access|api|auth|client|private|secret|session)[_-]?|[a-z]+[_-])?(?:token|key|secret|password|passwd|pwd))=)[^&#\s\"'<>]+",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text with every secret of a URL in it hidden; what a URL leads to stays to be read.

    redacted("https://me:word@host/a.warc.gz?X-Amz-Signature=4f") == "https://***@host/a.warc.gz?X-Amz-Signature=***"
    """
    if "://" in text:
        text = _USER.sub(rf"\1{HIDDEN}@", text)
    return _QUERY.sub(rf"\1{HIDDEN}", text) if "=" in text else text
