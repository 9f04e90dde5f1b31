"""Whether an address is a business's, told by the words around it: an office is public, a home is not."""

from __future__ import annotations

import re

from pipeline.pii.kind import PiiSpan

BUSINESS = re.compile(
    r"\b(?:inc|ltd|llc|llp|plc|gmbh|corp|corporation|company|s\.a\.|s\.r\.l|b\.v\.|headquarter\w*|head office|offices?|"
    r"stores?|shops?|branch(?:es)?|showroom|visit us|contact us|registered (?:office|in)|opening hours|located at|"
    r"open (?:daily|from)|museum|universit\w+|college|hotel|restaurant|caf[eé]|church|library|school|hospital|clinic|"
    r"institute|department|ministry|council|publisher|press|theat(?:re|er)|gallery|bank|airport|station|cent(?:re|er))\b",
    re.I,
)
HOME = re.compile(
    r"\b(?:liv(?:es?|ed|ing) (?:at|on|in)|resid(?:es?|ed|ing|ence|ent)|home address|my address|mailing address|"
    r"(?:his|her|their|my) (?:home|house|flat|apartment)|ship(?:ped)? to|deliver(?:ed)? to|apt\b|apartment|"
    r"date of birth|ssn)",
    re.I,
)
WINDOW = 160


def is_business(text: str, span: PiiSpan) -> bool:
    """True where the words around an address speak of a business and none of somebody's home."""
    around = text[max(0, span.start - WINDOW) : span.end + WINDOW]
    return bool(BUSINESS.search(around)) and not HOME.search(around)
