"""Numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

LONGEST = 200
"""Characters of a table cell; what is longer is cut."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_STEPS = ((1e12, "T", "T"), (1e9, "B", "G"), (1e6, "M", "M"), (1e3, "k", "k"))
"""Factor, its letter in counts, its letter in bytes."""


def cell(value: Any, kind: str) -> str:
    """A table's value as text; nothing for null.

    `kind` is text, prose (needs width), count, frac (as per cent), bytes, seconds, number (four digits), loss
    (three decimals), short (12.3M), power (scientific), time, or range, a text that stands among numbers.
    """
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "undefined"
    writer = _WRITERS.get(kind)
    text = harmless(writer(value) if writer else str(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def count(value: float) -> str:
    """A whole number with its thousands grouped."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """A large number in three digits: 12.3M, 7.07B."""
    for step, unit, _ in _STEPS:
        if abs(value) >= step:
            return f"{value / step:.3g}{unit}" if abs(value) < 1e15 else power(value)
    return f"{value:.3g}"


def size(value: float) -> str:
    """Bytes: 25.1 MB."""
    for step, _, unit in _STEPS:
        if abs(value) >= step:
            return f"{value / step:.1f} {unit}B"
    return f"{value:.0f} B"


def power(value: float) -> str:
    """Scientific notation as in print: 1.2 × 10²¹; 10²¹ for a whole power of ten."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    mantissa = f"{value / 10**exponent:.2g}"
    if mantissa in ("10", "-10"):  # 9.96 rounds up into the next power
        exponent, mantissa = exponent + 1, mantissa[:-1]
    tens = "10" + str(exponent).translate(_SUPERSCRIPTS)
    return tens if mantissa == "1" else f"{mantissa} × {tens}"


def frac(value: float) -> str:
    """A share as per cent; one that is small but not nothing keeps its digits."""
    return f"{value:.1%}" if value == 0 or abs(value) >= 0.001 else f"{value:.2g}".replace("e-0", "e-")


def seconds(value: float) -> str:
    """A duration in the unit that suits it."""
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.3g} ms"
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def number(value: float) -> str:
    """Four digits, thousands grouped as in counts; from ten million on it is a power of ten."""
    if abs(value) >= 1e7:
        return power(value)
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.4g}"


def loss(value: float) -> str:
    """Three decimals, so that losses stand under each other."""
    return f"{value:.3f}"


def plural(value: float, noun: str) -> str:
    """A count and its noun."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def harmless(text: str) -> str:
    """Without control characters, which can reorder or hide what stands around them; line ends stay."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)


def _time(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}"


_WRITERS: dict[str, Callable[[Any], str]] = {
    "count": count,
    "frac": frac,
    "bytes": size,
    "seconds": seconds,
    "number": number,
    "loss": loss,
    "power": power,
    "short": short,
    "time": _time,
}
