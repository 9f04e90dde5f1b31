"""How good a score is, on examples it has not seen: order, decisions, and whether a probability is one.

Source: Brier (1950); Naeini, Cooper, Hauskrecht (2015), "Obtaining Well Calibrated Probabilities Using Bayesian
Binning" (expected calibration error); Fawcett (2006) for the area under the curve as a rank statistic.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SHARES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Shares of the negatives that a threshold may let pass."""


def auc(positive: np.ndarray, negative: np.ndarray) -> float | None:
    """Probability that a positive scores above a negative, ties counting half; None where one kind is missing."""
    if not len(positive) or not len(negative):
        return None
    scores = np.concatenate([positive, negative])
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))


def decisions(positive: np.ndarray, negative: np.ndarray, threshold: float) -> dict[str, float | None]:
    """Precision, recall and F1 of keeping what scores at least `threshold`; null where nothing is kept."""
    hits, wrong = int((positive >= threshold).sum()), int((negative >= threshold).sum())
    precision = hits / (hits + wrong) if hits + wrong else None
    recall = hits / len(positive) if len(positive) else None
    f1 = 2 * precision * recall / (precision + recall) if precision and recall else None
    return {"threshold": threshold, "precision": precision, "recall": recall, "f1": f1}


def thresholds(positive: np.ndarray, negative: np.ndarray) -> list[dict[str, float]]:
    """For each of `SHARES` the score that lets this share of the negatives pass, and the positives that then do."""
    cuts = [float(np.quantile(negative, 1 - share)) for share in SHARES]
    return [
        {"share_of_negatives": share, "min_score": cut, "recall": float((positive >= cut).mean())}
        for share, cut in zip(SHARES, cuts, strict=True)
    ]


def reliability(positive: np.ndarray, negative: np.ndarray, bins: int = 10) -> dict[str, Any]:
    """Whether scores in 0..1 are probabilities: Brier score, expected calibration error and the table behind it.

    The table has a row for each of `bins` equal ranges of score that has examples: how many, their mean score and the
    share of positives among them. It holds for the share of positives it was made with.
    """
    scores = np.concatenate([positive, negative])
    truth = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])
    bin_of = np.minimum((scores * bins).astype(int), bins - 1)
    rows = []
    for number in np.unique(bin_of).tolist():
        here = bin_of == number
        row = {"low": number / bins, "high": (number + 1) / bins, "examples": int(here.sum())}
        rows.append(row | {"mean_score": float(scores[here].mean()), "positive_frac": float(truth[here].mean())})
    gap = sum(row["examples"] * abs(row["mean_score"] - row["positive_frac"]) for row in rows) / max(len(scores), 1)
    return {"brier": float(((scores - truth) ** 2).mean()), "ece": float(gap), "table": rows}
