"""Checks of national numbers with a birth date inside, without asking what day it is.

`stdnum` refuses the number of somebody not yet born, and guesses a century by the year of today. A text would then have
other hits next year; here a date may lie in the future, and a year of two digits may be of either century.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from stdnum.dk import cpr
from stdnum.exceptions import ValidationError
from stdnum.no import fodselsnummer
from stdnum.se import personnummer


def belgian(number: str) -> bool:
    """Rijksregisternummer: 97 less the remainder by 97, of nine digits, or of these after a 2 for births from 2000."""
    digits = number.replace(".", "").replace("-", "")
    if not (len(digits) == 11 and digits.isdecimal() and int(digits) and int(digits[2:4]) <= 12):
        return False
    return any(97 - int(century + digits[:9]) % 97 == int(digits[9:]) for century in ("", "2"))


def danish(number: str) -> bool:
    """CPR number: a date that exists; its check digit has been given up since 2007."""
    digits = number.replace("-", "").replace(" ", "")
    return len(digits) == 10 and digits.isdecimal() and _dated(cpr.get_birth_date, digits)


def norwegian(number: str) -> bool:
    """Fødselsnummer: two check digits modulo 11 and a date that exists."""
    digits = number.replace(" ", "")
    if not (len(digits) == 11 and digits.isdecimal() and digits[9] == fodselsnummer.calc_check_digit1(digits)):
        return False
    return digits[10] == fodselsnummer.calc_check_digit2(digits) and _dated(fodselsnummer.get_birth_date, digits)


def swedish(number: str) -> bool:
    """Personnummer: Luhn and a date that exists; 20xx has every leap day that 19xx has."""
    written_short = len(number.replace("-", "").replace("+", "")) == 10
    return bool(personnummer.is_valid(f"20{number}" if written_short else number))


def _dated(birth_date: Callable[[str], date], digits: str) -> bool:
    try:
        birth_date(digits)
    except ValidationError:
        return False
    return True
