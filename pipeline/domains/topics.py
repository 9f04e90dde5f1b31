"""A page's topic by a fastText classifier of domains: `winnow domains train` makes one of labelled text.

What it sees is the beginning of a page as one line, in training as in scoring. Source: Joulin et al. (2016), "Bag of
Tricks for Efficient Text Classification".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.batch import DocumentBatch
from pipeline.quality.classifier import LABEL_PREFIX, load_classifier, one_line
from pipeline.stage import signal

SEEN_CHARS = 4_000
"""Characters of a page that the classifier sees, from the first."""

TOPIC_SIGNALS = pa.schema(
    [signal("topic_prob", "probability of the most probable topic", "0..1", null="told otherwise, or no domains.model")]
)


class Topics(NamedTuple):
    """Domain and evidence of every page (None: not asked, or not sure), and the probability of its topic."""

    told: list[tuple[str, str] | None]
    probs: list[float | None]


def name_topics(batch: DocumentBatch, asked: Sequence[bool], model: str | None, min_prob: float) -> Topics:
    """The topics of the pages asked for.

    Raises:
        UserError: There is no model at that path, or it cannot be read.
    """
    topics = Topics([None] * batch.num_rows, [None] * batch.num_rows)
    if model is None or "text" not in batch.names:
        return topics
    classifier = load_classifier(model)
    for place, text in enumerate(batch.column("text").to_pylist()):
        if asked[place] and text and text.strip():
            topic, prob = most_probable(classifier, text)
            topics.probs[place] = prob
            if prob >= min_prob:
                topics.told[place] = (topic, f"classifier:{topic}={prob:.2f}")
    return topics


def most_probable(classifier: Any, text: str) -> tuple[str, float]:
    """The topic of a text and its probability, 0..1."""
    [(prob, label)] = classifier.predict(prepared(text) + "\n", 1, 0.0, "strict")
    return label.removeprefix(LABEL_PREFIX), min(float(prob), 1.0)


def prepared(text: str) -> str:
    """A text as the classifier sees it, in one line, that may not spell a label."""
    return " ".join(one_line(text[:SEEN_CHARS]).replace(LABEL_PREFIX, " ").split())
