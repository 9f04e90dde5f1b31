"""A fastText classifier's opinion of a page: its own, or one that somebody published.

The score is the probability of one label (DCLM's `__label__hq`, threshold 0.018112, the best tenth of its crawl), or,
with `label = "number"`, the mean of labels that are numbers, weighted by their probabilities (FineWeb-Edu's 0 to 5,
keep 3 and above). What it sees is the page's text with line ends taken as spaces, in training as in scoring.

Source: Li et al. (2024), "DataComp-LM", arXiv:2406.11794, section 4.4; Penedo et al. (2024), arXiv:2406.17557, section
4; Joulin et al. (2016), "Bag of Tricks for Efficient Text Classification".
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.fasttext_models import load_fasttext
from pipeline.quality.calibration import languages_of, load_calibration, percentiles
from pipeline.quality.limits import limit
from pipeline.stage import Columns, Rule, Stage, signal
from storage.errors import UserError
from storage.schema import Section

LABEL_PREFIX = "__label__"
POSITIVE, NEGATIVE = "__label__hq", "__label__cc"
NUMBER = "number"
TRAIN_HINT = "`winnow quality train-classifier --positive GOOD --negative CRAWL --output quality.bin` makes one."

SIGNALS = pa.schema(
    [
        signal("classifier_score", "probability of classifier.label, or mean of numbered labels", "0..1, or labels'",
               null="blank text"),
        signal("classifier_percentile", "share of the calibrated pages of its language that score lower", "0..100",
               null="no score, or a language not calibrated"),
    ]
)  # fmt: skip


class ClassifierConfig(Section):
    """Which model, and what may pass; None switches a rule off."""

    enabled: bool = False
    model: str | None = Field(None, description="path of a fastText model")
    label: str = Field(POSITIVE, description='label whose probability is the score; "number": labels are numbers')
    calibration: str | None = Field(None, description="file that `winnow quality calibrate` wrote; for percentiles")
    min_score: float | None = Field(None, description="DCLM 0.018112 on its own model; FineWeb-Edu 3")
    min_percentile: float | None = Field(None, ge=0, le=100, description="90 keeps the best tenth, as DCLM")

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        compute = partial(measure, model=self.model, label=self.label, calibration=self.calibration)
        return (Stage("classifier", SIGNALS, compute, self._rules()),)

    def files(self) -> dict[str, str]:
        """Key to path of every file whose content decides what is measured."""
        named = {"model": self.model, "calibration": self.calibration}
        return {key: path for key, path in named.items() if path}

    def check(self, targets: tuple[str, ...]) -> None:
        """That what is asked for can be measured.

        Raises:
            UserError: There is no model, or a rule asks for a calibration that is not named.
        """
        if not self.enabled:
            return
        if self.model is None:
            raise UserError("classifier is on and classifier.model names no model.", TRAIN_HINT)
        if self.calibration is None and self.min_percentile is not None:
            raise UserError(
                "classifier.min_percentile needs a file in classifier.calibration.",
                "`winnow quality calibrate` writes one; train-classifier writes one too, of its held-out negatives.",
            )

    def _rules(self) -> tuple[Rule, ...]:
        return (
            *limit(self, "classifier", "classifier_score", low="min_score"),
            *limit(self, "classifier", "classifier_percentile", low="min_percentile"),
        )


def measure(batch: DocumentBatch, model: str | None, label: str, calibration: str | None) -> Columns:
    """`SIGNALS`.

    Raises:
        UserError: There is no model, it cannot be read, or it has no such label.
    """
    if model is None:
        raise UserError("classifier.model names no model.", TRAIN_HINT)
    values = pa.array(score_texts(load_classifier(model), batch.texts, label), pa.float64())
    known = percentiles(values, languages_of(batch), load_calibration(calibration, "classifier"))
    return {"classifier_score": values, "classifier_percentile": known}


def score_texts(model: Any, texts: list[str], label: str) -> list[float | None]:
    """The score of each text by a fastText model; None for a blank one."""
    labels = tuple(model.getLabels("strict")[0])
    weights = _weights(labels, label)
    return [_score(model, one_line(text), weights, len(labels)) if text.strip() else None for text in texts]


def one_line(text: str) -> str:
    """What fastText is given: it takes one line, and a page is many."""
    return text.replace("\n", " ").replace("\0", " ")


def load_classifier(path: str) -> Any:
    """fastText's own model object; UserError where the file cannot be read."""
    return load_fasttext(path, "classifier model", TRAIN_HINT)


@cache
def _weights(labels: tuple[str, ...], label: str) -> dict[str, float]:
    """What each label counts."""
    if label == NUMBER:
        try:
            return {name: float(name.removeprefix(LABEL_PREFIX)) for name in labels}
        except ValueError as error:
            raise UserError(f'classifier.label is "number" and the labels are {", ".join(labels[:9])}.') from error
    wanted = label if label.startswith(LABEL_PREFIX) else LABEL_PREFIX + label
    if wanted not in labels:
        raise UserError(
            f"the classifier has no label {wanted};", f"set classifier.label to one of {', '.join(labels[:9])}."
        )
    return {wanted: 1.0}


def _score(model: Any, line: str, weights: dict[str, float], labels: int) -> float:
    found = model.predict(line + "\n", labels, 0.0, "strict")
    return float(sum(min(prob, 1.0) * weights.get(label, 0.0) for prob, label in found))  # float32 sums pass 1
