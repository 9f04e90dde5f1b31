"""What a fine-tuned model is asked about: examples without their labels, from JSON objects, rows and lines of text.

A labelled file is read as well: labels, tags and answers that stand in it are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.labelled.examples import Asked, Example, Instructed, Labelled, Tagged, Task

KEYS: dict[Task, tuple[str, ...]] = {
    "classification": ("text",),
    "pairs": ("text", "second"),
    "similarity": ("text", "second"),
    "tagging": ("words",),
    "qa": ("question", "context"),
    "instruction": ("prompt",),
}
"""What a row must have; for tagging `text` serves as well."""

_WORD = re.compile(r"\w(?:\S*\w)?|\S")
"""A word with what is inside it (well-known, U.S), or a mark at its edge."""


def example_of(row: Mapping[str, Any], task: Task) -> Example:
    """A row as an example of a task, without what is asked for.

    Raises:
        ValueError: It lacks a text; says which.
    """
    if task == "tagging":
        words = row["words"] if row.get("words") is not None else words_of(_text(row, "text", "words or text"))
        if (
            not isinstance(words, list)
            or not words
            or not all(isinstance(word, str) and word.strip() for word in words)
        ):
            raise ValueError("its words are no list of texts")
        return Tagged(tuple(words), ())
    texts = [_text(row, key) for key in KEYS[task]]
    if task == "qa":
        return Asked(texts[0], texts[1], ())
    second = texts[1] if len(texts) > 1 else None
    return Instructed(texts[0], "") if task == "instruction" else Labelled(texts[0], second)


def row_of(line: str, task: Task) -> dict[str, Any]:
    """A line of plain text as a row: two texts are apart by a tab.

    Raises:
        ValueError: There should be two texts and are not.
    """
    keys = KEYS[task]
    if task == "tagging":
        return {"text": line}
    parts = line.split("\t") if len(keys) == 2 else [line]
    if len(parts) != len(keys):
        raise ValueError(f"it is not {' and '.join(keys)}, apart by a tab")
    return dict(zip(keys, parts, strict=True))


def words_of(text: str) -> list[str]:
    """Words at white space, marks at their edges apart, as tagged corpora have them.

    >>> words_of("(London.)")
    ['(', 'London', '.', ')']
    """
    return _WORD.findall(text)


def word_places(row: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Characters of each word of a tagging row: of its text, or of its words with a space between."""
    if row.get("words") is None:
        return [match.span() for match in _WORD.finditer(row["text"])]
    places, start = [], 0
    for word in row["words"]:
        places.append((start, start + len(word)))
        start += len(word) + 1
    return places


def _text(row: Mapping[str, Any], key: str, what: str = "") -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"it has no text in {what or key}")
    return value
