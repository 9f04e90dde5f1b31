"""The fitted law by slider: best size and tokens for a budget, with bands, over-training and the corpus's end."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from flows.report.allocation import PUBLISHED_SOURCE
from flows.report.figures import Column, Figure, Table
from flows.report.interactive import Widget
from flows.report.source import Row, Source
from model.scaling.checks import MAX_EXTRAPOLATION
from model.scaling.fit import LEVEL, Fit
from model.scaling.published import CHINCHILLA, MODELS

MOST_DRAWS = 200
"""Bootstrap draws of a form put into the page: enough for the ends of a 90 % band."""
BUDGETS = tuple(10.0**exponent for exponent in range(15, 26, 2))

UNIQUE = """\
SELECT unique_tokens FROM trainings ORDER BY finished_at DESC, training_id LIMIT 1"""


def explorer(source: Source, fit: Fit, unit: str) -> Figure:
    """A budget to choose, and what it buys by this ladder's law or Chinchilla's."""
    unique = source.row(UNIQUE).get("unique_tokens")
    data: dict[str, Any] = {
        "unit": unit,
        "level": LEVEL,
        "limit": MAX_EXTRAPOLATION,
        "laws": {"ladder": astuple(fit.surface), "chinchilla": astuple(CHINCHILLA)},
        "draws": [_draws(form) for form in (fit, fit.beside) if form is not None and form.draws],
        "runs": _runs(fit),
        "models": [{"name": m.name, "params": m.params, "tokens": m.tokens, "year": m.year} for m in MODELS],
        "unique": unique,
    }
    columns = (
        Column("flops", "C", "power"),
        Column("params", "Best N", "short"),
        Column("tokens", "Best D", "short"),
        Column("loss", f"Loss, {unit}", "loss"),
        Column("published_params", "Best N by Chinchilla's fit", "short"),
    )
    caption = (
        "The best model for a budget of compute, where the law has one, with its "
        f"{LEVEL:.0%} bootstrap band. Beyond {MAX_EXTRAPOLATION:g} times the largest run the ladder's answer is a "
        "guess and is marked as one. A smaller model than the best costs more to train for the same loss, and less "
        "to serve."
    )
    return Figure(
        "scaling-explorer",
        "What a budget buys",
        caption,
        Table(columns, [_row(fit, flops) for flops in BUDGETS]),
        source=f"The ladder's fit; {PUBLISHED_SOURCE}",
        widget=Widget("scaling", data),
    )


def _row(fit: Fit, flops: float) -> Row:
    return {
        "flops": flops,
        "params": float(fit.surface.best_params(flops)),
        "tokens": float(fit.surface.best_tokens(flops)),
        "loss": float(fit.surface.best_loss(flops)),
        "published_params": float(CHINCHILLA.best_params(flops)),
    }


def _draws(fit: Fit) -> list[tuple[float, ...]]:
    every = max(1, len(fit.draws) // MOST_DRAWS)
    return [astuple(draw) for draw in fit.draws[::every][:MOST_DRAWS]]


def _runs(fit: Fit) -> list[list[float]]:
    points = fit.points
    return [list(run) for run in zip(points.params.tolist(), points.tokens.tolist(), points.loss.tolist(), strict=True)]
