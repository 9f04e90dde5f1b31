"""National numbers with birth dates: checked as the library checks them, whatever day it is."""

from __future__ import annotations

import datetime
import random
import sys
from types import SimpleNamespace

import pytest
from stdnum.be import nn
from stdnum.dk import cpr
from stdnum.no import fodselsnummer
from stdnum.se import personnummer

from pipeline.pii.national import SCHEMES
from pipeline.pii.spans import find_spans
from pipeline.pii.undated import belgian, danish, norwegian, swedish

CHECKS = {
    "be": (belgian, nn.is_valid, 11), "dk": (danish, cpr.is_valid, 10), "no": (norwegian, fodselsnummer.is_valid, 11),
    "se": (swedish, personnummer.is_valid, 10), "se long": (swedish, personnummer.is_valid, 12),
}  # fmt: skip


class NoClock(datetime.date):
    """A date that cannot tell what day it is."""

    @classmethod
    def today(cls) -> NoClock:
        raise AssertionError("a check of numbers asked for today's date")


@pytest.fixture
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("stdnum.") and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", SimpleNamespace(date=NoClock, timedelta=datetime.timedelta))


@pytest.mark.parametrize("country", CHECKS)
def test_numbers_of_those_born_are_judged_as_the_library_judges_them(country) -> None:
    ours, theirs, length = CHECKS[country]
    source = random.Random(country)
    agreed = {True: 0, False: 0}
    for _ in range(8_000):
        date = f"{source.randrange(1, 32):02}{source.randrange(1, 13):02}{source.randrange(25):02}"
        date = date if country in ("dk", "no") else date[4:] + date[2:4] + date[:2]
        century = source.choice(("19", "20")) if length == 12 else ""
        number = century + date + "".join(source.choices("0123456789", k=length - len(century) - 6))
        number = _with_check_digits(country, number)
        if not _yet_to_come(country, number):
            assert ours(number) == theirs(number), number
            agreed[ours(number)] += 1
    assert min(agreed.values()) > 20


def _with_check_digits(country: str, number: str) -> str:
    """Norway's two, so that enough random numbers are right."""
    if country != "no":
        return number
    number = number[:9] + fodselsnummer.calc_check_digit1(number)[-1] + number[10]
    return number[:10] + fodselsnummer.calc_check_digit2(number)[-1]


def _yet_to_come(country: str, number: str) -> bool:
    births = {"dk": cpr.get_birth_date, "no": fodselsnummer.get_birth_date}
    try:
        return country in births and births[country](number) > datetime.date(2025, 12, 31)
    except ValueError:
        return False


def test_no_scheme_asks_for_the_day(no_clock) -> None:
    """Every scheme's check over numbers of every scheme's length, right and wrong ones."""
    source = random.Random(4)
    digits = ["".join(source.choices("0123456789", k=n)) for n in range(8, 19) for _ in range(300)]
    samples = ["85073003328", "2110625629", "8803200016", "198803200016", "68413181222", "131052-308T", *digits]
    assert [scheme.names for scheme in SCHEMES if any(scheme.check(sample) for sample in samples)]


def test_the_library_does_ask_for_it(no_clock) -> None:
    with pytest.raises(AssertionError, match="today"):
        cpr.is_valid("2110625629")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("rijksregisternummer 85.07.30-033.28", "85.07.30-033.28"),
        ("personnummer 211062-5629", "211062-5629"),
        ("personnummer 880320-0016", "880320-0016"),
    ],
)
def test_they_are_found(no_clock, text, value) -> None:
    assert [text[span.start : span.end] for span in find_spans(text, ("national_id",))] == [value]


@pytest.mark.parametrize("number", ["", "1", "12345678901", "00000000000", "3002880016", "٣" * 11, "a" * 11])
def test_what_is_none_is_refused(number) -> None:
    assert not any(check(number) for check in (belgian, norwegian))
    assert not swedish(number)
