"""Percentiles of a crawl's own pages: one file that recipes name, so that verdicts depend on nothing else.

Pages are identified, scored, and forgotten: what is kept is 101 quantiles of each signal and language.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flows.model_files import digest_of
from flows.quality_texts import Texts
from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.language import LanguageConfig
from pipeline.quality.calibration import POINTS, quantiles
from pipeline.quality.classifier import ClassifierConfig
from pipeline.quality.perplexity import HEAD, TAIL, PerplexityConfig
from pipeline.stage import Stage
from storage.errors import UserError
from storage.files import write_bytes

SIGNALS = {"perplexity": "perplexity", "classifier": "classifier_score"}


@dataclass(frozen=True)
class CalibrateRequest:
    """What to calibrate on, and for.

    Attributes:
        perplexity: Whose models to score with. classifier: The same; either may be off.
        languages: Pages in other languages do not count.
        language_model: fastText model that tells languages; None for the installed one.
    """

    texts: Texts
    perplexity: PerplexityConfig
    classifier: ClassifierConfig
    languages: tuple[str, ...]
    language_model: str | None = None

    def stages(self) -> list[Stage]:
        """Language, then what is to be calibrated, without rules."""
        language = LanguageConfig(targets=self.languages, model=self.language_model)
        scored = [section for section in (self.perplexity, self.classifier) if section.enabled]
        return [stage for section in (language, *scored) for stage in section.stages()]

    def model_of(self, signal: str, language: str) -> str:
        """Digest of the model that gave a signal."""
        path = self.perplexity.models.get(language) if signal == "perplexity" else self.classifier.model
        return digest_of(path) if path else ""


@dataclass
class _Scores:
    found: dict[tuple[str, str], list[np.ndarray]] = field(default_factory=dict)

    def add(self, table: Any) -> None:
        """The scores of the pages that passed the language stage."""
        languages = np.asarray(table["language"].to_pylist(), dtype=object)
        for signal, column in SIGNALS.items():
            if column not in table.column_names:
                continue
            values = table[column].to_numpy(zero_copy_only=False).astype(np.float64)
            for language in sorted({language for language in languages if language}):
                here = values[(languages == language) & np.isfinite(values)]
                if len(here):
                    self.found.setdefault((signal, language), []).append(here)


def calibrate(request: CalibrateRequest, output: str) -> list[dict[str, Any]]:
    """Write the calibration; a row for each signal and language, with the cuts of head, middle and tail.

    Raises:
        UserError: There is no model to calibrate, or no page in the languages.
    """
    if not (request.perplexity.enabled or request.classifier.enabled):
        raise UserError(
            "there is nothing to calibrate:", "name models with --perplexity en=en.lm or --classifier PATH."
        )
    scores, stages = _Scores(), request.stages()
    for batch in request.texts:
        verdicts = run_stages(DocumentBatch.of_texts(batch), stages)
        scores.add(verdicts.survivors)
    if not scores.found:
        raise UserError(f"no page of {', '.join(request.texts.inputs)} is in {', '.join(request.languages)}.")
    content: dict[str, dict[str, Any]] = {}
    for (signal, language), pieces in sorted(scores.found.items()):
        values = np.concatenate(pieces)
        model = request.model_of(signal, language)
        entry = {"documents": len(values), "model": model, "quantiles": quantiles(values)}
        content.setdefault(signal, {})[language] = entry
    write_bytes(output, json.dumps(content, indent=1, sort_keys=True).encode())
    return _rows(content)


def _rows(content: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    shown: Sequence[float] = (1, HEAD, 50, TAIL, 90, 99)
    rows = []
    for signal, languages in content.items():
        for language, entry in languages.items():
            row = {"signal": signal, "language": language, "documents": entry["documents"]}
            at = {f"p{point:g}": entry["quantiles"][int(np.searchsorted(POINTS, point))] for point in shown}
            rows.append(row | at)
    return rows
