"""National identity, tax and social numbers beside the American one: a table of schemes with their check digits.

Check digits come from `stdnum`. One digit lets one random number in ten through, so a scheme stands alone only
where its shape is rare (letters in fixed places, two check digits, a date inside); all others need
their own name before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from stdnum.au import tfn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.ie import pps
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.pt import cc
from stdnum.ro import cnp
from stdnum.tr import tckimlik
from stdnum.us import itin

from pipeline.pii.kind import Candidate, Hit, Kind
from pipeline.pii.undated import belgian, danish, norwegian, swedish

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Scheme:
    """One country's number: its written form (RE2), its check, and what it is called.

    Args:
        alone: Stands without its name before it.
    """

    form: str
    check: Check
    names: str
    alone: bool = False


def _nino(number: str) -> bool:
    """Prefixes that have been allocated. Source: HMRC, NIM39110."""
    prefix = number[:2].upper()
    return prefix not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")


def _any(number: str) -> bool:
    """No check digits: at least five digits that are not all the same."""
    digits = re.sub(r"\D", "", number)
    return len(digits) >= 5 and len(set(digits)) > 2


SCHEMES = (
    Scheme(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d{2}){3} ?[A-D]", _nino,
           r"national insurance|\bnino?\b|\bni (?:no|num)"),
    Scheme(r"\d{3}[ \-]?\d{3}[ \-]?\d{4}", nhs.is_valid, r"\bnhs\b"),
    Scheme(r"\d{7}[A-W][A-IW]?", pps.is_valid, r"\bppsn?\b"),
    Scheme(r"\d{8}-?[A-Z]", dni.is_valid, r"\bd\.?n\.?i\.?\b|\bnif\b"),
    Scheme(r"[XYZ]-?\d{7}-?[A-Z]", nie.is_valid, r"\bn\.?i\.?e\b\.?", alone=True),
    Scheme(r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", codicefiscale.is_valid, "codice fiscale", alone=True),
    Scheme(r"[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}", nir.is_valid, r"sécurité sociale|\bnir\b|\binsee\b"),
    Scheme(r"[12] \d{2} \d{2} \d[\dAB] \d{3} \d{3} \d{2}", nir.is_valid, "sécu", alone=True),
    Scheme(r"\d{2} ?\d{3} ?\d{3} ?\d{3}", idnr.is_valid, r"steuer-?(?:id|ident)|\bidnr"),
    Scheme(r"\d{3}\.?\d{3}\.?\d{3}", bsn.is_valid, r"\bbsn\b|burgerservicenummer|sofi-?nummer"),
    Scheme(r"\d{2}\.?\d{2}\.?\d{2}-?\d{3}[.\-]?\d{2}", belgian, r"rijksregister|registre national|\bniss\b"),
    Scheme(r"756\.\d{4}\.\d{4}\.\d{2}", ahv.is_valid, r"\bahv\b|\bavs\b", alone=True),
    Scheme(r"\d{3}\.\d{3}\.\d{3}-\d{2}", cpf.is_valid, r"\bcpf\b", alone=True),
    Scheme(r"\d{11}", cpf.is_valid, r"\bcpf\b"),
    Scheme(r"\d{3}[ \-]?\d{3}[ \-]?\d{3}", sin.is_valid, r"\bsin\b|social insurance|\bnas\b"),
    Scheme(r"(?:19|20)?\d{6}[\-+]?\d{4}", swedish,
           "person(?:al )?(?:nummer|identity n)|samordningsnummer"),
    Scheme(r"\d{6}[\-+A-FU-Y]\d{3}[0-9A-Y]", hetu.is_valid, r"\bhetu\b|henkilötunnus|personal identity code"),
    Scheme(r"\d{6}-?\d{4}", danish, r"\bcpr\b|personnummer"),
    Scheme(r"\d{6} ?\d{5}", norwegian, "fødselsnummer|fodselsnummer|personnummer"),
    Scheme(r"\d{11}", pesel.is_valid, r"\bpesel\b"),
    Scheme(r"\d{8} ?\d ?[A-Z0-9]{2}\d", cc.is_valid, r"cartão d[eo] cidadão"),
    Scheme(r"\d{13}", cnp.is_valid, r"\bcnp\b|cod numeric personal"),
    Scheme(r"\d{11}", tckimlik.is_valid, r"\bt\.?c\.? ?kimlik|kimlik no"),
    Scheme(r"\d{4} ?\d{4} ?\d{4}", aadhaar.is_valid, r"aadhaar|\buidai?\b"),
    Scheme(r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", pan.is_valid, r"\bpan\b|permanent account"),
    Scheme(r"\d{6}(?:19|20)\d{2}[01]\d[0-3]\d{4}[\dX]", ric.is_valid, "身份证|resident identity", alone=True),
    Scheme(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d", curp.is_valid, r"\bcurp\b", alone=True),
    Scheme(r"\d{3} ?\d{3} ?\d{3}", tfn.is_valid, r"\btfn\b|tax file"),
    Scheme(r"9\d{2}-[5-9]\d-\d{4}", itin.is_valid, r"\bitin\b|taxpayer", alone=True),
    Scheme(r"[A-Z]{0,2}\d{6,9}", _any, r"passport (?:no|num|#|id)|passeport n|reisepassn|passport(?: is)?:"),
    Scheme(r"[A-Z]{0,3}[\d][\d\- ]{4,16}\d|[A-Z]{5}\d{6}[A-Z]{2}\d[A-Z]{2}", _any,
           r"driv(?:er|ing)(?:'?s|s')? licen[cs]e(?:'s)? (?:no|num|#|id|is\b)|führerscheinn"),
)  # fmt: skip
"""Sources: the countries' registers, as listed by `stdnum`, and for the last two no register is public."""

NAMES = "|".join(scheme.names for scheme in SCHEMES)
NUMBER = r"(?:[A-Z]{1,6} ?)?\d[A-Z\d]*(?:[ .\-+][A-Z\d]+){0,6}"
ALONE = "|".join(rf"\b{scheme.form}\b" for scheme in SCHEMES if scheme.alone)
PATTERN = rf"{ALONE}|(?i:{NAMES})[^\d\n<>]{{0,30}}?\b{NUMBER}"
MAX_CHARS = 60
WINDOW = 48

FORMS = tuple((scheme, re.compile(scheme.form, re.A), re.compile(scheme.names, re.I)) for scheme in SCHEMES)
START = re.compile(r"\b(?:[A-Z]{1,6} ?)?\d")


def validate(candidate: Candidate) -> Hit | None:
    """A hit where a scheme has the number's form, its check digits agree, and it is named or stands alone."""
    place = _number_start(candidate)
    if place is None:
        return None
    text, start = candidate.text, candidate.start + place
    before = text[max(0, start - WINDOW) : start]
    if re.search(r"[\w./=\-+$€£]\Z", before[-1:]):
        return None
    for scheme, form, names in FORMS:
        found = form.match(text, start)
        if found is None or re.match(r"[\w/=]|[.\-]\w", text[found.end() : found.end() + 2]):
            continue
        named = names.search(before)
        if (named or scheme.alone) and scheme.check(found[0]):
            return Hit(start, found.end(), 0.95 if named else 0.85)
    return None


def _number_start(candidate: Candidate) -> int | None:
    """Where the number begins in the candidate: after the name of its kind, where there is one."""
    value = candidate.value[:MAX_CHARS]
    named = [found.end() for _, _, names in FORMS if (found := names.search(value))]
    number = START.search(value, max(named)) if named else START.search(value)
    return None if number is None else number.start()


NATIONAL = Kind("national_id", PATTERN, validate)
