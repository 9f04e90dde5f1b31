"""Street addresses: United States, United Kingdom, post boxes, and the common European forms.

There is no check digit in an address: what speaks for one is a street word, a house number beside it, and a
unit (`Apt. 5`) or a word such as "address" nearby. The span runs from house number to postcode where these
are given.
"""

from __future__ import annotations

import re

from pipeline.pii.kind import Candidate, Hit, Kind

UPPER, LETTER = r"[A-Z\x{C0}-\x{24F}\x{370}-\x{52F}]", r"[A-Za-z\x{C0}-\x{24F}\x{370}-\x{52F}'’\-]"
WORD = rf"{UPPER}{LETTER}*\.?"
SMALL = (
    r"(?:de|del|della|dei|degli|di|da|do|dos|das|des|du|la|le|les|los|las|el|den|der|van|von|the|of|y|i|o|z|na|"
    r"et)"
)
NAME = rf"{WORD}(?:[ \-](?:{SMALL} ){{0,2}}{WORD}){{0,4}}"
HOUSE = r"\d{1,5}(?:[A-Za-z]|[\-/]\d{1,4}[A-Za-z]?)?"
GAP = r",?[ \t]{0,3}\n?[ \t>?]{0,5}"

ENGLISH_TYPE = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Av|Boulevard|Blvd|Drive|Dr|Lane|Ln|Court|Ct|Crescent|Cres|Close|Terrace|Tce|Place|Pl|"
    r"Square|Sq|Parkway|Pkwy|Highway|Hwy|Circle|Cir|Trail|Trl|Way|Row|Mews|Grove|Gardens|Gdns|Parade|Pde|Turnpike|Pike|"
    r"Gate|Quay|Wharf|Alley|Loop|Walk|Rise|Esplanade|Crossing|Expressway)"
)
STREET_FIRST = (
    r"(?:Rue|Avenue|Boulevard|Impasse|Allée|Chemin|Quai|Place|Via|Viale|Vicolo|Corso|Piazza|Piazzale|Strada|Largo|Contrada|"
    r"Rua|Rúa|Avenida|Travessa|Praça|Calle|Carrer|Camino|Carretera|Ctra\.|Paseo|Plaza|Ronda|C/|Av\.|Avda\.|ul\.|Ulica|al\.|"
    r"os\.|pl\.|Trg|Straße|An der|Auf dem|Λεωφόρος|Λ\.|Οδός|ул\.|улица|пр\.|проспект)"
)
STREET_LAST = (
    r"(?:straße|strasse|stra(?:ß|ss)e|str\.|gasse|weg|platz|allee|gatan|gata|gaten|vägen|veien|vegen|vej|gade|allé|stræde|"
    r"vænget|parken|katu|kuja|polku|laan|straat|gracht|plein|kade|dreef|braut|vegur|stræti|straeti|stígur|tänav|ulice|nám\.|"
    r"utca|útja|köz|tér|körút|(?:en|an|in|on|un|rin|is|ras|ta|va|ru|mi)tie)"
)
STREET_WORD_LAST = (
    r"(?:u\.|utca|útja|út|tér|kapu|köz|Street|str|terrasse|Straße|Strasse|Weg|Platz|Allee|gate|vei|plass|väg)"
)
UNIT = rf"(?:{GAP}(?i:Apt|Apartment|Suite|Ste|Unit|Flat|Room|Rm)\.? ?#?\d{{1,5}}[A-Za-z]?\b)"
STATE_ZIP = rf"(?:{GAP}{NAME}{GAP}[A-Z]{{2}}{GAP}\d{{5}}(?:-\d{{4}})?\b)"
UK_CODE = rf"(?:{GAP}(?:{NAME}{GAP})?[A-Z]{{1,2}}\d[A-Z\d]? \d[A-Z]{{2}}\b)"
EURO_CODE = rf"(?:{GAP}(?:[A-Z]{{1,2}}-)?\d{{4,5}},? {WORD})"
END = rf"{UNIT}{{0,2}}(?:{STATE_ZIP}|{UK_CODE}|{EURO_CODE})?"

ORDINAL = r"\d{1,3}(?:st|nd|rd|th)"
JOINED = rf"(?:(?:{SMALL}|dell'|d'|l'|\d{{1,2}}) ?){{0,3}}"
FIRST_HOUSE = r"(?:\d{1,5} )?"
FRENCH_TYPE = r"(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Ii]mpasse|[Aa]llée|[Cc]hemin|[Qq]uai|[Pp]lace|Via|Rua)"

ENGLISH = rf"\b{HOUSE},? (?:{HOUSE} )?(?:(?:{NAME}|{ORDINAL}) ){{1,2}}{ENGLISH_TYPE}\b\.?"
NUMBER_FIRST = rf"\b{HOUSE}(?: bis| ter)?,? {FRENCH_TYPE} {JOINED}{NAME}"
TYPE_FIRST = rf"\b(?:{HOUSE},? )?{STREET_FIRST} {JOINED}{NAME},? (?:n[°º.] ?)?{HOUSE}\b"
TYPE_LAST = rf"{FIRST_HOUSE}(?:{WORD} )?{UPPER}{LETTER}*{STREET_LAST} {HOUSE}\b\.?"
TYPE_WORD_LAST = rf"{FIRST_HOUSE}{NAME} {STREET_WORD_LAST} {HOUSE}\b\.?"
WITH_UNIT = rf"{FIRST_HOUSE}{NAME},? {HOUSE}\.?{UNIT}"
BOX = (
    r"\b(?i:P\. ?O\. ?Box|PO Box|Postbox|Post Office Box|Postfach|Postboks|Apartado(?: de Correos)?|Casilla|"
    r"PSC \d{1,5},? Box|Unit \d{1,5},? Box) \d{1,6}\b"
)
MILITARY = rf"(?:\bUS(?:S|NS|NV|CGC) {NAME})?{GAP}(?i:[AFD]PO A[AEP]) \d{{5}}\b"
CUE = (
    r"\b(?i:address(?:es)?(?: is| to| with|:)|adresse:|live[sd]? (?:at|on)|located (?:at|on)|"
    r"(?:office|restaurant|bus station) is (?:at|on)|drops you off at|meet(?: you| me)? at|taxi to|sent to|"
    r"return to|deliver(?:ed)? to|arrived at|corner of|side of)\s{1,3}"
)
CUED = rf"{CUE}(?:the corner of )?{FIRST_HOUSE}{NAME} {HOUSE}\b\.?"

PATTERN = (
    f"(?:{ENGLISH}|{TYPE_FIRST}|{NUMBER_FIRST}|{TYPE_LAST}|{TYPE_WORD_LAST}|{WITH_UNIT}|{BOX}|{CUED}){END}(?:{MILITARY})?"
    f"|{MILITARY}"
)


CUE_PREFIX = re.compile(CUE + r"(?:the corner of )?")
COMPLETE = re.compile(r"\d{5}(?:-\d{4})?$|\d[A-Z]{2}$|\b(?:apt|apartment|suite|ste|unit|flat|box|[afd]po)\b", re.I)
YEAR_FIRST = re.compile(r"(?:1[89]\d\d|20[0-3]\d)(?:[\-/]\d+)?,? ")
PLACE_BEFORE = re.compile(r"(?:\b(?:at|to|is|are|address)|[:\n])[ \t]*$", re.I)
YEAR_LAST = re.compile(r"[ ](?:1[5-9]|20)\d\d\.?$")
NUMBERED_THING = re.compile(
    r"(?:^(?:no\.?|box)|(?:^|\s)(?:fig(?:ure)?\.?|table|equations?|eq\.?|section|chapter|page|plate|routes?|highway|line|"
    r"part|level|flight|step|stage|phase|terminal|interstate|theorem|lemma|"
    r"january|february|march|april|may|june|july|august|september|october|november|december))\s#?\d\S{0,5}$",
    re.I,
)
"""What has a number after it in running text. (A post box is complete, and was let through before this is asked.)"""

COUNTED = re.compile(
    r"\d+[\-\d]* (?:weeks?|days?|months?|years?|hours?|minutes?|miles?|million|billion|percent|best)\b(?!\.)", re.I
)
HEADLINE = re.compile(r" (?:On The|With|Your|Is|Are|Me|Still|For)\b")
"""Headlines: "2 Week Colorado Road", "$72 Million Sale of ... Avenue", "5G ISPs Still On"."""

MONTH_BEFORE = re.compile(
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)[ \t]$"
)
NUMBER_BEFORE = re.compile(r"\d[.:]$|[$€£]$")
"""A section's, a version's or an amount's first part: the number is no house's."""

NOT_A_STREET_AFTER = re.compile(r" (?:Journal|Line|Trip|Journey|Show)\b|-[A-Z]|:\d")
SENTENCE_END = re.compile(r"[^\W\d_]{5,}\. [A-Z]|’s \d|'s \d")


def validate(candidate: Candidate) -> Hit | None:
    """A hit unless the number is a year's, a figure's or a headline's; surer where a unit, a postcode or a cue says
    address.
    """
    cue = CUE_PREFIX.match(candidate.value)
    start = candidate.start + (cue.end() if cue else 0)
    value = candidate.text[start : candidate.end]
    if COMPLETE.search(value):
        return Hit(start, candidate.end, 0.9)
    before = candidate.before(12)
    dated = YEAR_FIRST.match(value) and not (cue or PLACE_BEFORE.search(before))
    dated = dated or bool(cue and YEAR_LAST.search(value)) or bool(MONTH_BEFORE.search(before) and value[0].isdigit())
    counted = NUMBERED_THING.search(value) or COUNTED.match(value) or HEADLINE.search(value)
    if dated or counted or NOT_A_STREET_AFTER.match(candidate.after(9)):
        return None
    if (value[0].isdigit() and NUMBER_BEFORE.search(before)) or (cue and SENTENCE_END.search(value)):
        return None
    return Hit(start, candidate.end, 0.8 if cue else 0.7)


ADDRESS = Kind("address", PATTERN, validate)
