"""What one kind of personal data is: a pattern that finds candidates and a validator that decides.

Patterns are written for RE2, which runs in time linear in the text whatever the text is. They must not end in
an
optional part that can look far ahead without matching: that would cost a long look at every candidate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Candidate(NamedTuple):
    """A stretch of a text that looks like personal data.

    Attributes:
        text: The whole piece of text being searched.
        start, end: The stretch is `text[start:end]`.
        regions: ISO 3166 codes of the countries whose national forms to expect, likeliest first.
    """

    text: str
    start: int
    end: int
    regions: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        """The stretch itself."""
        return self.text[self.start : self.end]

    def before(self, chars: int) -> str:
        """Up to `chars` characters of the text before it."""
        return self.text[max(0, self.start - chars) : self.start]

    def after(self, chars: int) -> str:
        """Up to `chars` characters of the text after it."""
        return self.text[self.end : self.end + chars]


class Hit(NamedTuple):
    """A validator's yes: `text[start:end]` is personal data, with this confidence (0..1)."""

    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of personal data.

    Args:
        name: As it stands in the `pii` table.
        pattern: RE2 pattern of candidates; generous, for the validator to narrow. It runs where
            `pipeline.kernels.triggers` says that one could lie, and matches no two `<` in a row: these are walls.
        validate: The candidate's hit, or None where it is no personal data.
    """

    name: str
    pattern: str
    validate: Callable[[Candidate], Hit | None]

    @property
    def placeholder(self) -> str:
        """What takes the place of a hit, for example `<EMAIL>`."""
        return f"<{self.name.upper()}>"


@dataclass(frozen=True, slots=True, order=True)
class PiiSpan:
    """Personal data found: `text[start:end]`, in characters. Carries no value, so that it can be stored and
    logged.
    """

    start: int
    end: int
    kind: str
    confidence: float
