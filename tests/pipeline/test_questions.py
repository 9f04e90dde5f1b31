"""Benchmark files: every form read, every line that is none refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.questions import Question, read_questions
from storage.errors import UserError


def read(*items: Any) -> list[Question]:
    return list(read_questions((item if isinstance(item, str) else json.dumps(item) for item in items), "made.jsonl"))


def test_every_form_is_read() -> None:
    choice, other, pair, ending = read(
        {"query": "Question: Why?\n", "choices": ["Because. ", "So."], "gold": 1},
        {"context_options": ["He", "She"], "continuation": "ran.", "gold": 0},
        "",
        {"sentence_good": "They run.", "sentence_bad": "They runs.", "UID": "x"},
        {"context": "I do not care about ", "continuation": "signs"},
    )
    assert choice == Question((("Question: Why?\nAnswer:", " Because."), ("Question: Why?\nAnswer:", " So.")), 1)
    assert other == Question((("He", " ran."), ("She", " ran.")), 0)
    assert pair == Question((("", "They run."), ("", "They runs.")), 0)
    assert ending == Question((("I do not care about", " signs"),), 0)


@pytest.mark.parametrize(
    "line, cause",
    [
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        ("null", "no JSON object"),
        ({"text": "x"}, "its keys are text"),
        ({"query": "q", "choices": ["a"], "gold": 1}, "none of its choices"),
        ({"query": "q", "choices": ["a"], "gold": -1}, "none of its choices"),
        ({"query": "q", "choices": [], "gold": 0}, "none of its choices"),
        ({"query": "q", "choices": "ab", "gold": 0}, "no list"),
        ({"query": 5, "choices": ["a"], "gold": 0}, "no string"),
        ({"query": "q", "choices": ["a", " "], "gold": 0}, "empty"),
        ('{"query": "q", "choices": ["a"], "gold": 1e400}', "no index"),
        ({"context": None, "continuation": "b"}, "no string"),
        ({"context": "a", "continuation": "\ud800"}, "surrogate"),
        ({"sentence_good": 1, "sentence_bad": "b"}, "no string"),
        ({"sentence_good": "", "sentence_bad": "b"}, "empty"),
        ({"query": "q", "choices": ["a", " "], "gold": 0}, "empty"),
        ({"context": "c", "continuation": ""}, "empty"),
    ],
)
def test_what_is_no_question_is_said_with_its_line(line: Any, cause: str) -> None:
    good = {"sentence_good": "a", "sentence_bad": "b"}
    with pytest.raises(UserError, match=f"line 2 of made.jsonl is no question: .*{cause}"):
        read(good, line)


def test_every_shared_benchmark_is_read(shared_data: Path) -> None:
    files = sorted((shared_data / "zeroshot").rglob("*.jsonl"))
    counts = {}
    for file in files:
        with file.open() as lines:
            counts[file.stem] = len(list(read_questions(lines, file.name)))
    assert (counts["piqa"], counts["arc_easy"], counts["winograd_wsc"], counts["wh_island"]) == (1838, 2376, 273, 1000)
