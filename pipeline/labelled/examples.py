"""Labelled examples of the tasks a model is fine-tuned for, as values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Task = Literal["classification", "pairs", "similarity", "tagging", "qa", "instruction"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text, or two, with a class or a number.

    Attributes:
        second: The other text of a pair; None: there is one text.
        label: Its class; None: a number is asked for, or it is not known.
        value: The number; None: there is a class, or it is not known.
    """

    text: str
    second: str | None = None
    label: str | None = None
    value: float | None = None

    @property
    def group(self) -> str:
        """What examples of one group share, so that none is on both sides of a split."""
        return self.text


@dataclass(frozen=True, slots=True)
class Tagged:
    """A sentence word by word, each with its tag: O, or B- or I- and a type; without tags: they are asked for."""

    words: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def group(self) -> str:
        """See `Labelled.group`."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a text that holds its answer.

    Attributes:
        answers: Where each accepted answer begins, in characters of the context, and its text; none: it is
            asked for.
    """

    question: str
    context: str
    answers: tuple[tuple[int, str], ...]

    @property
    def group(self) -> str:
        """See `Labelled.group`."""
        return self.context


@dataclass(frozen=True, slots=True)
class Instructed:
    """What is asked of a decoder, and what it is to write; empty: that is not known."""

    prompt: str
    answer: str

    @property
    def group(self) -> str:
        """See `Labelled.group`."""
        return self.prompt


Example = Labelled | Tagged | Asked | Instructed


def split(examples: Sequence[Example], held_out_frac: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Examples to train on and to measure on, by a hash of their text: one text's are all on one side."""
    sides: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        digest = hashlib.blake2b(f"{seed} {example.group}".encode("utf-8", "replace"), digest_size=8).digest()
        sides[int.from_bytes(digest, "big") < held_out_frac * 2**64].append(example)
    return sides
