"""Benchmark items as likelihoods to compare: every way a public JSONL file asks a language model something.

A question is some (context, continuation) pairs; the model's answer is the one it finds likeliest. Forms known, by the
keys of a line:

- `query`, `choices`, `gold`: multiple choice (PIQA, ARC, COPA, OpenBookQA); `gold` is an index.
- `context_options`, `continuation`, `gold`: the same continuation after other beginnings (Winograd; Trinh & Le 2018).
- `sentence_good`, `sentence_bad`: minimal pairs (BLiMP; Warstadt et al. 2020).
- `context`, `continuation`: one right ending (LAMBADA; Paperno et al. 2016), right when it is the likeliest of all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from storage.errors import UserError

ANSWER = "\nAnswer:"
"""Stands between a query that begins "Question:" and its choices, as in lm-evaluation-harness."""


@dataclass(frozen=True, slots=True)
class Question:
    """One item.

    Attributes:
        options: Pairs (context, continuation) to compare; with one only, whether it is likeliest of all is asked.
        gold: Index of the right one.
    """

    options: tuple[tuple[str, str], ...]
    gold: int


def read_questions(lines: Iterable[str], name: str) -> Iterator[Question]:
    """Questions of a JSONL file; empty lines are left out.

    Raises:
        UserError: A line is no JSON object of a form known; says which line.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield _question(json.loads(line))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                hint = "See `winnow evaluate --help` for the forms that are read."
                raise UserError(f"line {number} of {name} is no question: {_cause(error)}.", hint) from error


def _question(item: Mapping[str, Any]) -> Question:
    for keys, read in FORMS.items():
        if all(key in item for key in keys):
            question = read(item)
            if not all(isinstance(part, str) for pair in question.options for part in pair):
                raise TypeError("a text is no string")
            if not all(continuation.strip() for _, continuation in question.options):
                raise ValueError("an answer is empty")
            question.options[question.gold]
            if question.gold < 0:
                raise IndexError
            return question
    raise ValueError(f"its keys are {', '.join(sorted(item)[:8])}")


def _multiple_choice(item: Mapping[str, Any]) -> Question:
    query = item["query"].rstrip()
    if query.startswith("Question:") and not query.endswith("Answer:"):
        query += ANSWER
    return Question(tuple((query, f" {choice.strip()}") for choice in item["choices"]), int(item["gold"]))


def _other_beginnings(item: Mapping[str, Any]) -> Question:
    continuation = f" {item['continuation'].strip()}"
    return Question(tuple((context, continuation) for context in item["context_options"]), int(item["gold"]))


def _minimal_pair(item: Mapping[str, Any]) -> Question:
    return Question((("", item["sentence_good"]), ("", item["sentence_bad"])), 0)


def _one_ending(item: Mapping[str, Any]) -> Question:
    return Question(((item["context"].rstrip(), f" {item['continuation'].strip()}"),), 0)


FORMS: Mapping[tuple[str, ...], Callable[[Mapping[str, Any]], Question]] = {
    ("query", "choices", "gold"): _multiple_choice,
    ("context_options", "continuation", "gold"): _other_beginnings,
    ("sentence_good", "sentence_bad"): _minimal_pair,
    ("context", "continuation"): _one_ending,
}


def _cause(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return "it is no JSON"
    if isinstance(error, IndexError):
        return "its gold answer is none of its choices"
    return str(error).strip("'\"") or type(error).__name__
