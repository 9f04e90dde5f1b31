"""Where compute should go: this ladder's answer, Chinchilla's, and what published models did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import numpy as np
from markupsafe import Markup

from flows.report.figures import Column, Figure, Table, with_interval
from flows.report.svg import Axis, Plot, pairs
from flows.report.words import power, short
from model.scaling.checks import MAX_EXTRAPOLATION
from model.scaling.fit import LEVEL, Fit
from model.scaling.intervals import Estimate
from model.scaling.points import Floats
from model.scaling.published import CHINCHILLA, MODELS
from model.scaling.surface import Surface


def allocation(fit: Fit) -> Figure:
    """The best size for a budget: this ladder within its reach, and Chinchilla's law up to today's models."""
    reach = np.geomspace(fit.points.flops.min(), MAX_EXTRAPOLATION * fit.max_flops, 40)
    best = [fit.interval(partial(_best_params, flops=float(budget))) for budget in reach]
    caption = (
        f"This ladder's best size up to {MAX_EXTRAPOLATION:g} times its largest run, with its "
        f"{LEVEL:.0%} band: beyond that a fit is a guess, and none is drawn. The gap to the published "
        "models is the distance such a guess would have to cross."
    )
    return Figure(
        "scaling-allocation",
        "Where compute should go",
        caption,
        _allocation_table(reach, best),
        _draw_allocation(fit, reach, best),
        (("this ladder", "c1"), ("Chinchilla's fit", "c0"), ("published models", "c2")),
        source=f"The ladder's fit; {PUBLISHED_SOURCE}",
    )


def published() -> Figure:
    """Published models against Chinchilla's law."""
    caption = (
        "A model above the line has too few tokens for its size: GPT-3 about a tenth of what the fit asks for. "
        "One below has more than compute alone would ask for, which makes it cheaper to serve. The constants as "
        "printed ask for more tokens than the paper's own 20 a parameter, so that even Chinchilla lies above."
    )
    return Figure(
        "scaling-published",
        "Published models",
        caption,
        _published_table(),
        _draw_published(),
        (("Chinchilla's fit", "c0"), ("published models", "c2")),
        source=PUBLISHED_SOURCE,
    )


PUBLISHED_SOURCE = (
    "Hoffmann et al. 2022, approach 3 (E 1.69, A 406.4, B 410.7, alpha 0.34, beta 0.28), and each model's paper."
)


def _draw_allocation(fit: Fit, reach: Floats, best: Sequence[Estimate]) -> Markup:
    points = fit.points
    flops = [*points.flops.tolist(), *(model.flops for model in MODELS)]
    sizes = [*points.params.tolist(), *(model.params for model in MODELS)]
    x = Axis.over("compute C = 6ND, FLOP", flops, log=True, powers=True)
    plot = Plot("Best size by compute", x, Axis.over("parameters N", sizes, log=True), 420)
    _draw_chinchilla(plot)
    low, high = [estimate.low for estimate in best], [estimate.high for estimate in best]
    plot.band(pairs(reach, low), pairs(reach, high), "c1")
    plot.line(pairs(reach, [estimate.value for estimate in best]), "c1", "this ladder's fit")
    for size, compute in zip(points.params, points.flops, strict=True):
        words = f"run of {short(size)} parameters, {power(compute)} FLOP"
        plot.dot(float(compute), float(size), "c1", words, 3.0)
    for model in MODELS:
        plot.dot(model.flops, model.params, "c2", model.name, 3.5)
    return plot.render()


def _allocation_table(reach: Floats, best: Sequence[Estimate]) -> Table:
    columns = (
        Column("flops", "C", "power"),
        *with_interval(Column("value", "Best N", "short"), level=f"{LEVEL:.0%}"),
        Column("published", "by Chinchilla's fit", "short"),
    )
    rows = [
        {"flops": float(flops), **asdict(estimate), "published": float(CHINCHILLA.best_params(flops))}
        for flops, estimate in zip(reach[::4], best[::4], strict=True)
    ]
    return Table(columns, rows)


def _draw_published() -> Markup:
    flops, sizes = [model.flops for model in MODELS], [model.params for model in MODELS]
    x = Axis.over("compute C = 6ND, FLOP", flops, log=True, powers=True, margin=0.2)
    y = Axis.over("parameters N", sizes, log=True, margin=0.12)
    plot = Plot("Published models against the Chinchilla fit", x, y)
    _draw_chinchilla(plot)
    for model in MODELS:
        words = f"{model.name}: {short(model.params)} parameters, {short(model.tokens)} tokens"
        plot.dot(model.flops, model.params, "c2", words)
        plot.name(model.flops, model.params, model.name, "small")
    return plot.render()


def _published_table() -> Table:
    columns = (
        Column("name", "Model"),
        Column("params", "N", "short"),
        Column("tokens", "D", "short"),
        Column("flops", "C", "power"),
        Column("tokens_per_param", "D / N", "number"),
        Column("best", "Best N for its C", "short"),
        Column("ratio", "D over best D", "number"),
        Column("source", "Source"),
    )
    rows = [
        asdict(model)
        | {
            "flops": model.flops,
            "tokens_per_param": model.tokens / model.params,
            "best": float(CHINCHILLA.best_params(model.flops)),
            "ratio": model.tokens / float(CHINCHILLA.best_tokens(model.flops)),
        }
        for model in MODELS
    ]
    return Table(columns, rows)


def _draw_chinchilla(plot: Plot) -> None:
    budgets = np.geomspace(plot.x.low, plot.x.high, 60)
    best = [float(CHINCHILLA.best_params(budget)) for budget in budgets]
    plot.line(pairs(budgets, best), "c0", "Chinchilla's published fit")


def _best_params(surface: Surface, flops: float) -> float:
    return float(surface.best_params(flops))
