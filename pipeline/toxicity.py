"""Toxic and spam pages: listed hosts, listed words, and the score of a classifier that the user trained.

Lists and models are the user's: Winnow ships none, for what is toxic is a judgement. Scores are signals, the recipe's
limits decide, and a limit that is not set drops nothing. A classifier trained on short texts sees a page line by line.

Source: fastText (Joulin et al. 2016) as Dolma (Soldaini et al. 2024, arXiv:2402.00159) uses it on sentences; word lists
as C4 (Raffel et al. 2020) does, which drops a page for one word, and is known to drop minorities' own pages by it
(Dodge et al. 2021, arXiv:2104.08758).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.fasttext_models import load_fasttext
from pipeline.lists import HostList, WordList, digest_of, read_hosts, read_words
from pipeline.stage import Columns, Rule, Stage, signal
from storage.errors import UserError
from storage.schema import Section

POSITIVE = "__label__1"
LIKELY = 0.5
"""Probability from which a line counts as toxic."""

HOST = signal("host_is_listed", "1 when the host or URL is on one of toxicity.host_lists, else 0", null="no lists")
WORDS = (
    signal("listed_word_count", "words and phrases of toxicity.word_lists", "count", null="no lists"),
    signal("listed_word_frac", "them by the words there are", "0..1", null="no lists, or no words"),
)


def _scores(name: str) -> tuple[pa.Field[Any], ...]:
    return (
        signal(f"{name}_prob", f"mean over characters of each line's probability of being {name}", "0..1"),
        signal(f"{name}_char_frac", f"characters in lines that are {name} with 0.5 or more", "0..1"),
    )


class Tools(NamedTuple):
    """What the lists and models of a section hold, read when its stage is made: as its fingerprint has them."""

    hosts: HostList | None
    words: WordList | None
    classifiers: dict[str, Any]


class ToxicityConfig(Section):
    """Hosts, words and classifiers that speak against a page. Nothing is looked for that is not named here."""

    enabled: bool = True
    host_lists: tuple[str, ...] = Field((), description="files or directories of hosts: hosts, Adblock, dnsmasq, plain")
    word_lists: tuple[str, ...] = Field((), description="files of words and phrases, one a line")
    model: str | None = Field(None, description="fastText model of `winnow toxicity train`: gives toxic_prob")
    spam_model: str | None = Field(None, description="another, trained on spam: gives spam_prob")
    max_lines: int = Field(400, ge=1, description="lines a classifier sees of a page, from the first")
    max_listed_word_frac: float | None = Field(0.01, ge=0, description="share of listed words that a page may have")
    max_listed_words: int | None = Field(None, ge=0, description="listed words that a page may have (C4: 0)")
    max_toxic_prob: float | None = Field(0.5, ge=0, le=1, description="largest toxic_prob that passes")
    max_spam_prob: float | None = Field(0.5, ge=0, le=1, description="largest spam_prob that passes")

    def signature_settings(self) -> dict[str, Any]:
        """What decides the rows: the settings and what is in the files, wherever they lie."""
        models = [path for path in (self.model, self.spam_model) if path]
        digests = [digest_of(path) for path in (*self.host_lists, *self.word_lists, *models)]
        return self.model_dump(exclude={"host_lists", "word_lists", "model", "spam_model"}) | {"digests": digests}

    def stages(self) -> tuple[Stage, ...]:
        """One stage with the signals there are lists and models for; none where there are none."""
        adds = [*([HOST] if self.host_lists else []), *(WORDS if self.word_lists else [])]
        adds += [field for name, path in self._models() if path for field in _scores(name)]
        if not (self.enabled and adds):
            return ()
        return (Stage("toxicity", pa.schema(adds), partial(measure, config=self, tools=self._tools()), self._rules()),)

    def _tools(self) -> Tools:
        return Tools(
            read_hosts(self.host_lists) if self.host_lists else None,
            read_words(self.word_lists) if self.word_lists else None,
            {name: load_classifier(path) for name, path in self._models() if path},
        )

    def _models(self) -> tuple[tuple[str, str | None], ...]:
        return (("toxic", self.model), ("spam", self.spam_model))

    def _rules(self) -> tuple[Rule, ...]:
        limits: list[tuple[str, float | None, Any, str]] = [
            ("host_is_listed", 0, self.host_lists, "host_lists"),
            ("listed_word_frac", self.max_listed_word_frac, self.word_lists, "max_listed_word_frac"),
            ("listed_word_count", self.max_listed_words, self.word_lists, "max_listed_words"),
            ("toxic_prob", self.max_toxic_prob, self.model, "max_toxic_prob"),
            ("spam_prob", self.max_spam_prob, self.spam_model, "max_spam_prob"),
        ]
        return tuple(
            Rule(f"toxicity.{name}", name, high=limit, knob=f"toxicity.{knob}")
            for name, limit, wanted, knob in limits
            if wanted and limit is not None
        )


def measure(batch: DocumentBatch, config: ToxicityConfig, tools: Tools) -> Columns:
    """The signals of each page that the section's lists and models give."""
    columns: dict[str, pa.Array[Any]] = {}
    if tools.hosts:
        listed = tools.hosts
        pairs = zip(_optional(batch, "host"), _optional(batch, "url"), strict=True)
        columns["host_is_listed"] = pa.array([float(listed.lists(host, url)) for host, url in pairs], pa.float64())
    if tools.words:
        counts = [tools.words.count(text) for text in batch.texts]
        columns["listed_word_count"] = pa.array([float(found) for found, _ in counts], pa.float64())
        columns["listed_word_frac"] = pa.array([f / n if n else 0.0 for f, n in counts], pa.float64())
    for name, classifier in tools.classifiers.items():
        scores = [score_lines(text, classifier, config.max_lines) for text in batch.texts]
        columns[f"{name}_prob"] = pa.array([mean for mean, _ in scores], pa.float64())
        columns[f"{name}_char_frac"] = pa.array([share for _, share in scores], pa.float64())
    return columns


def score_lines(text: str, classifier: Any, max_lines: int) -> tuple[float, float]:
    """Mean probability over the characters of a text's first lines, and share of them in lines of 0.5 or more."""
    lines = [line for line in text.split("\n") if line.strip()][:max_lines]
    chars = sum(map(len, lines))
    probs = [probability(line, classifier) for line in lines]
    mean = sum(p * len(line) for p, line in zip(probs, lines, strict=True)) / max(chars, 1)
    likely = sum(len(line) for p, line in zip(probs, lines, strict=True) if p >= LIKELY) / max(chars, 1)
    return mean, likely


def probability(line: str, classifier: Any) -> float:
    """Of the positive label for one line, 0..1."""
    ranked = classifier.predict(prepare(line) + "\n", 2, 0.0, "strict")
    return next((min(float(prob), 1.0) for prob, label in ranked if label == POSITIVE), 0.0)


def prepare(text: str) -> str:
    """A text as the classifier is trained on it and sees it: one line, lower case, names and addresses as marks."""
    words = ("<url>" if "://" in word else "<user>" if word.startswith("@") else word for word in text.lower().split())
    marked = " ".join("".join(c if c.isalnum() or c in "<>'#" else f" {c} " for c in word) for word in words)
    return " ".join(marked.split())


def _optional(batch: DocumentBatch, name: str) -> list[str | None]:
    return batch.column(name).to_pylist() if name in batch.names else [None] * batch.num_rows


def load_classifier(path: str) -> Any:
    """The fastText model in a file; UserError where it is none of ours."""
    hint = "`winnow toxicity train` makes one."
    model = load_fasttext(path, "classifier", hint)
    if POSITIVE not in model.getLabels("strict")[0]:
        raise UserError(f"classifier {path} has no label {POSITIVE}.", hint)
    return model
