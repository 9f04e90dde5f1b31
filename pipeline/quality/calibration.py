"""Where a score stands among the pages it was calibrated on: percentiles, language by language.

A page's verdict must not depend on which other pages are in its run, so percentiles are not taken of the run: they are
read off quantiles that `winnow quality calibrate` found once and wrote to a file, which the fingerprint covers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.batch import DocumentBatch
from pipeline.quality.named_files import state_of
from storage.errors import UserError

POINTS = np.linspace(0, 100, 101)
"""The percentiles of which a calibration keeps the value."""

ANY_LANGUAGE = "*"
"""Stands for pages of every language that has no entry of its own."""

Calibration = Mapping[str, Mapping[str, Any]]
"""Language to `documents`, `model` (sha256 of the file whose scores they are) and `quantiles`, one a point."""


def quantiles(values: np.ndarray) -> list[float]:
    """The values at `POINTS`; as they are, so that the same scores give the same file."""
    return [float(value) for value in np.percentile(values, POINTS)]


def percentile(value: float, points: np.ndarray) -> float:
    """0 at or below the least calibrated score, 100 at or above the greatest, straight lines between the points."""
    return float(np.interp(value, points, POINTS))


def percentiles(values: pa.Array[Any], languages: list[str | None], calibration: Calibration) -> pa.Array[Any]:
    """Of each score within its own language; null without a score, or for a language not calibrated."""
    found: list[float | None] = []
    for value, language in zip(values.to_pylist(), languages, strict=True):
        entry = calibration.get(language or "") or calibration.get(ANY_LANGUAGE)
        found.append(None if value is None or entry is None else percentile(value, np.asarray(entry["quantiles"])))
    return pa.array(found, pa.float64())


def languages_of(batch: DocumentBatch, otherwise: str | None = None) -> list[str | None]:
    """Each page's language as the language stage found it; where it did not run, `otherwise`."""
    if "language" not in batch.names:
        return [otherwise] * batch.num_rows
    languages: list[str | None] = batch.column("language").to_pylist()
    return languages


def load_calibration(path: str | None, signal: str) -> Calibration:
    """The calibration of one signal in a file; nothing where no file is named.

    Raises:
        UserError: The file cannot be read, or is none.
    """
    if path is None:
        return {}
    hint = "`winnow quality calibrate` writes such a file."
    try:
        return _read(path, signal, state_of(path))
    except OSError as error:
        raise UserError(f"calibration {path} cannot be read: {error.strerror}.", hint) from error
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise UserError(f"{path} is no calibration: {error}.", hint) from error


@cache
def _read(path: str, signal: str, _state: tuple[int, int]) -> Calibration:
    found: Calibration = json.loads(Path(path).read_text("utf-8")).get(signal, {})
    if any(len(entry["quantiles"]) != len(POINTS) for entry in found.values()):
        raise ValueError(f"{signal} has not {len(POINTS)} quantiles")
    return found
