"""How surprising a page is to a model of reference text in its language: cc_net's quality signal.

Perplexity is 10 ** (-sum of log10 probabilities / words), an end for every line counted as a word, as cc_net computes
it. It is low for boilerplate and repetition, high for lists, tables and gibberish. Values of two models do not compare:
limits for several languages are set in percentiles or buckets, which each language has its own of.

A model is one that `winnow quality train-perplexity` made, or any KenLM file (ARPA or binary; needs `winnow[kenlm]`),
with the SentencePiece model that goes with it where it has one, such as cc_net's `en.arpa.bin` and `en.sp.model`.

Source: Wenzek et al. (2020), "CCNet", arXiv:1911.00359, section 3.4, and its `perplexity.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.quality.calibration import languages_of, load_calibration, percentiles
from pipeline.quality.kenlm_model import load_model
from pipeline.quality.limits import limit
from pipeline.stage import Columns, Rule, Stage, signal
from storage.errors import UserError
from storage.schema import Section

HEAD, TAIL = 30.0, 60.0
TRAIN_HINT = "`winnow quality train-perplexity INPUT --language en --output en.lm` makes one."

SIGNALS = pa.schema(
    [
        signal("perplexity", "of the page's words to the model of its language", "a word",
               null="no word, or no model of the language"),
        signal("perplexity_percentile", "share of the calibrated pages of its language that are less surprising",
               "0..100", null="no perplexity, or a language not calibrated"),
        signal("perplexity_bucket", "0 head, 1 middle, 2 tail, as cc_net calls them",
               null="no perplexity, or neither cuts nor calibration for the language"),
    ]
)  # fmt: skip


class PerplexityConfig(Section):
    """Models by language, and what may pass; None switches a rule off."""

    enabled: bool = False
    models: dict[str, str] = Field({}, description="path of the model of each language, as language labels it")
    pieces: dict[str, str] = Field({}, description="SentencePiece model of those KenLM models that have one")
    calibration: str | None = Field(None, description="file that `winnow quality calibrate` wrote; for percentiles")
    cuts: dict[str, tuple[float, float]] = Field(
        {}, description="perplexities that part head, middle and tail; by default the calibration's 30 and 60 %"
    )
    max_percentile: float | None = Field(None, ge=0, le=100, description="cc_net keeps head and middle: 60")
    min_percentile: float | None = Field(None, ge=0, le=100, description="below it is boilerplate, mostly")
    max_bucket: int | None = Field(None, ge=0, le=2, description="0 keeps the head, 1 the middle too")
    max_perplexity: float | None = Field(None, gt=0, description="the same for every language: for one language only")
    min_perplexity: float | None = Field(None, gt=0, description="the same for every language")

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        compute = partial(measure, models=self.models, pieces=self.pieces, calibration=self.calibration, cuts=self.cuts)
        return (Stage("perplexity", SIGNALS, compute, self._rules()),)

    def files(self) -> dict[str, str]:
        """Key to path of every file whose content decides what is measured."""
        named = {f"models.{language}": path for language, path in self.models.items()}
        named |= {f"pieces.{language}": path for language, path in self.pieces.items()}
        return named | ({"calibration": self.calibration} if self.calibration else {})

    def check(self, targets: tuple[str, ...]) -> None:
        """That every language whose pages are judged can be.

        Raises:
            UserError: A language has no model, or a rule asks for a calibration that is not named.
        """
        if not self.enabled:
            return
        if not self.models:
            raise UserError("perplexity is on and perplexity.models names no model.", TRAIN_HINT)
        missing = [language for language in targets if language not in self.models]
        if self._rules() and missing:
            raise UserError(f"perplexity.models has no model for {', '.join(missing)}.", TRAIN_HINT)
        if self.calibration is None and (self.max_percentile, self.min_percentile) != (None, None):
            raise UserError(
                "perplexity is limited in percentiles and perplexity.calibration names no file.",
                "`winnow quality calibrate` writes one.",
            )
        if self.max_bucket is not None and self.calibration is None and not self.cuts:
            raise UserError("perplexity.max_bucket needs perplexity.cuts, or a perplexity.calibration.")

    def _rules(self) -> tuple[Rule, ...]:
        return (
            *limit(self, "perplexity", "perplexity_percentile", low="min_percentile", high="max_percentile"),
            *limit(self, "perplexity", "perplexity_bucket", high="max_bucket"),
            *limit(self, "perplexity", "perplexity", low="min_perplexity", high="max_perplexity"),
        )


def measure(
    batch: DocumentBatch,
    models: Mapping[str, str],
    pieces: Mapping[str, str],
    calibration: str | None,
    cuts: Mapping[str, tuple[float, float]],
) -> Columns:
    """`SIGNALS`. Where nobody measured the language, a single model is taken to be everybody's.

    Raises:
        UserError: A file that is named cannot be read.
    """
    languages = languages_of(batch, next(iter(models)) if len(models) == 1 else None)
    values = np.full(batch.num_rows, np.nan)
    for language in sorted(set(models).intersection(filter(None, languages))):
        rows = np.array([here == language for here in languages])
        model = load_model(models[language], pieces.get(language))
        values[rows] = model.score(batch.filter(rows)).perplexities
    found = pa.array(values, mask=~np.isfinite(values))
    known = percentiles(found, languages, load_calibration(calibration, "perplexity"))
    return {
        "perplexity": found,
        "perplexity_percentile": known,
        "perplexity_bucket": _buckets(found, known, languages, cuts),
    }


def _buckets(
    values: pa.Array[Any], known: pa.Array[Any], languages: list[str | None], cuts: Mapping[str, tuple[float, float]]
) -> pa.Array[Any]:
    found: list[float | None] = []
    for value, percent, language in zip(values.to_pylist(), known.to_pylist(), languages, strict=True):
        low, high = cuts.get(language or "", (HEAD, TAIL))
        score = value if language in cuts else percent
        found.append(None if score is None else 0.0 if score < low else 1.0 if score < high else 2.0)
    return pa.array(found, pa.float64())
