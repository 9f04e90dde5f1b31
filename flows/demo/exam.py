"""Two small benchmarks made of sentences that the demo's crawl does not show, but for a few that somebody has posted.

The sentences are docstrings' of standard modules outside the reference site's sample. `word-order` are minimal pairs: a
sentence, and the same with two neighbouring words changed over. `last-word` asks for the word that ends a sentence,
among four that end one. Nobody else has these benchmarks: what a score on them means is told by chance and by models of
other sizes beside it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flows.demo.config import DemoConfig
from flows.demo.docstrings import Entry, read_module
from flows.demo.installed import Source, sample, standard_library
from flows.demo.markup import paragraphs_html
from flows.demo.site import Page
from storage.files import write_bytes

WORD_ORDER, LAST_WORD = "word-order", "last-word"
SENTENCE = re.compile(r"[A-Z][a-z]*(?:,? [A-Za-z][a-z'-]*)+\.(?=\s|$)")
WORDS = (12, 30)
"""Words of a sentence: thirteen in a row are what decontamination looks for, fewer when the text is there whole."""
ITEMS = 120
POSTED = 6
"""Items of each benchmark that a page of the crawl holds."""
CHOICES = 4


def exam_sentences(config: DemoConfig) -> list[str]:
    """Sentences by a hash of their own: no two of one text, none of a module that the reference site shows."""
    library = standard_library()
    shown = set(sample(library, config.shelf_modules))
    others = [source for source in sample(library, len(library)) if source not in shown][: config.shelf_modules]
    found = {sentence for source in others for sentence in _sentences(source)}
    return sorted(found, key=_digest)[: 2 * ITEMS]


def write_exams(folder: Path, config: DemoConfig) -> dict[str, Path]:
    """The benchmarks as JSONL files by name; the same sentences give the same bytes."""
    paths = {}
    for name, items in exams(exam_sentences(config)).items():
        paths[name] = folder / f"{name}.jsonl"
        write_bytes(str(paths[name]), "".join(f"{json.dumps(item)}\n" for item in items).encode())
    return paths


def exams(sentences: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Items of both, every sentence in one of them."""
    pairs, endings = sentences[::2], sentences[1::2]
    return {
        WORD_ORDER: [{"sentence_good": sentence, "sentence_bad": _swapped(sentence)} for sentence in pairs],
        LAST_WORD: [_ending(sentence, endings) for sentence in endings],
    }


def posted_questions(config: DemoConfig) -> dict[str, Page]:
    """A page on which somebody has put down questions of both benchmarks: a corpus must not keep it."""
    sentences = exam_sentences(config)[: 2 * POSTED]
    text = "\n\n".join(f"bela wrote: I wrote down number {n}. {s}" for n, s in enumerate(sentences, 1))
    path = "/t/what-was-in-the-exam.html"
    return {path: Page(path, "What was in the exam", paragraphs_html(text))} if sentences else {}


def _sentences(source: Source) -> Iterator[str]:
    for entry in read_module(source.path).entries:
        yield from _of(entry)


def _of(entry: Entry) -> Iterator[str]:
    for sentence in SENTENCE.findall(" ".join(entry.doc.split())):
        if WORDS[0] <= len(sentence.split()) <= WORDS[1]:
            yield sentence
    for member in entry.members:
        yield from _of(member)


def _swapped(sentence: str) -> str:
    """Two neighbours within the sentence changed over; the first and the last word show by case and stop."""
    words = sentence.split()
    places = [n for n in range(1, len(words) - 2) if words[n] != words[n + 1]]
    place = places[_digest(sentence) % len(places)] if places else 1
    words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def _ending(sentence: str, sentences: Sequence[str]) -> dict[str, Any]:
    query, _, right = sentence.rpartition(" ")
    others = sorted({text.rpartition(" ")[2] for text in sentences} - {right}, key=lambda end: _digest(query + end))
    gold = _digest(sentence) % CHOICES
    choices = others[: CHOICES - 1]
    return {"query": query, "choices": [*choices[:gold], right, *choices[gold:]], "gold": gold}


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
