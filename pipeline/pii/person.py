"""Names of persons, only where the context makes them personal: a form's field, or a person giving their own.

Names as such are no personal data here: a corpus without the names of authors and mayors would be no corpus. A name
that somebody gives as theirs gets a confidence of 0.6, for novels do that too.
"""

from __future__ import annotations

import re

from pipeline.pii.kind import Candidate, Hit, Kind

UPPER, LETTER = r"[A-Z\x{C0}-\x{DE}\x{391}-\x{3A9}\x{410}-\x{42F}]", r"[A-Za-z\x{C0}-\x{24F}\x{370}-\x{52F}'’\-]"
WORD = rf"{UPPER}{LETTER}+"
TITLE = r"(?:(?:Mr|Mrs|Ms|Dr|Prof|Herr|Frau)\.? )?"
NAME = rf"{TITLE}{WORD}(?: (?:{UPPER}\.|(?:(?:de|da|van|von|der|la|el|bin) )?{WORD})){{0,3}}"
MAX_WORD = 40
FIELD = (
    r"(?:patient|client|customer|applicant|employee|student|"
    r"beneficiary|account[ -]holder|card[ -]?holder|account|"
    r"policy ?holder|tenant|buyer|recipient)(?:'s)? name|name on (?:the )?(?:card|account)|card ?holder|account holder|"
    r"full legal name|next of kin|emergency contact|legal name|maiden name|mother's maiden name|"
    r"(?:ship|bill|deliver)(?:ped|ed)? to"
)
OWN = r"my (?:full |legal |real )?name is|my name's|ich heiße|je m'appelle|me llamo|mi chiamo"
CUE = rf"\b(?i:{FIELD})(?: ?[:=] ?| is )|\b(?i:{OWN}) "
PATTERN = rf"(?:{CUE})\n?{NAME}"
CUE_PREFIX = re.compile(rf"(?:(?:{FIELD})(?: ?[:=] ?| is )|(?P<own>(?:{OWN}) ))\n?", re.I)
NOT_A_NAME = frozenset((
    "The", "This", "That", "You", "Your", "Not", "None", "Yes", "No", "Please", "Enter", "Required", "Address", "Name",
    "Date", "Phone", "Email", "Number", "See", "Click", "Home", "Any", "All", "Select", "Optional", "Type", "United",
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
))  # fmt: skip


def validate(candidate: Candidate) -> Hit | None:
    """A hit over the name alone, unless it begins with a word of forms."""
    cue = CUE_PREFIX.match(candidate.value)
    if cue is None:
        return None
    words = candidate.value[cue.end() :].split()
    if not words or words[0].strip(".,") in NOT_A_NAME or words[0].isupper():
        return None
    if max(map(len, words)) > MAX_WORD:
        return None
    if not cue["own"] and len(words) < 2:
        return None  # a field's one word is as often the next field's label
    return Hit(candidate.start + cue.end(), candidate.end, 0.6 if cue["own"] else 0.8)


PERSON = Kind("person", PATTERN, validate)
