"""What a set of runs cannot tell about a scaling law, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from model.scaling.points import Points
from model.scaling.solver import EXPONENTS
from model.scaling.surface import Surface

COMFORTABLE_POINTS = 10
"""Twice the constants fitted."""

NARROW_RANGE = 10.0
"""Largest over smallest N (or D) below which an exponent is mostly a guess."""

COLLINEAR = 0.97
"""Correlation of log N and log D above which the two terms cannot be told apart."""

MOST_AT_END = 0.02
"""Share of bootstrap samples whose exponent may lie at the end of its range without a warning."""

LEAST_PARAMS = 2e4
"""Parameters below which the largest model of a table is likelier a count of thousands or millions."""

MAX_FLOPS_RATIO = 3.0
"""Compute given over 6 N D, or the inverse, that ways of counting can explain."""

MAX_LOSS = 20.0
"""Nats a token: above log of the largest vocabularies, 12.5, no loss of a trained model lies."""

MAX_EXTRAPOLATION = 10.0
"""Compute beyond the largest run, as a factor, up to which predictions are given without a warning."""


def find_warnings(points: Points, surface: Surface) -> tuple[str, ...]:
    """Reasons to doubt a fit: the runs' number and spread, then the constants found."""
    return (*_about_runs(points), *_about_constants(surface), *_about_valleys(points, surface))


def table_warnings(points: Points) -> tuple[str, ...]:
    """Signs that a table does not hold what its columns say: copies, other units, perplexities."""
    return tuple(_about_table(points))


def draw_warnings(draws: Sequence[Surface]) -> tuple[str, ...]:
    """Exponents that run to the end of their range in many of the bootstrap's samples."""
    found = []
    for name in ("alpha", "beta"):
        share = sum(_is_end(getattr(draw, name)) for draw in draws) / max(len(draws), 1)
        if share > MOST_AT_END:
            found.append(f"In {share:.0%} of the samples {name} runs to the end of its range: few runs hold it.")
    return tuple(found)


def extrapolation_warning(factor: float) -> str:
    """A sentence where a prediction lies too far beyond the runs; empty where it does not.

    Args:
        factor: Compute predicted for over that of the largest run.
    """
    if factor <= MAX_EXTRAPOLATION:
        return ""
    return f"This is {factor:,.0f} times the largest run's compute; over {MAX_EXTRAPOLATION:g} times is a guess."


def _about_table(points: Points) -> Iterator[str]:
    rows = list(zip(points.params.tolist(), points.tokens.tolist(), points.loss.tolist(), strict=True))
    if copies := len(rows) - len(set(rows)):
        yield f"{copies} rows are exact copies of others: each counts again, which makes intervals too narrow."
    if points.params.max() < LEAST_PARAMS:
        yield (
            f"The largest size is {points.params.max():g}: if sizes are in millions, name the column params_m or "
            "write 70M; plans and 6 N D are wrong otherwise."
        )
    if points.tokens.max() < points.params.max() and points.tokens.max() < LEAST_PARAMS:
        yield f"The most tokens are {points.tokens.max():g}: if they are in billions, name the column tokens_b."
    if points.flops_given is not None:
        ratio = float(np.median(points.flops_given / points.flops))
        if not 1 / MAX_FLOPS_RATIO <= ratio <= MAX_FLOPS_RATIO:
            yield (
                f"The compute given is {ratio:.3g} times 6 N D (median): one of the three is in another unit, or N "
                "leaves out much of what is multiplied (embeddings that are the head, say)."
            )
    if points.loss.max() > MAX_LOSS:
        yield f"The largest loss is {points.loss.max():g}: if it is a perplexity, take its logarithm."


def _about_runs(points: Points) -> Iterator[str]:
    distinct = len(set(zip(points.params.tolist(), points.tokens.tolist(), strict=True)))
    if distinct < COMFORTABLE_POINTS:
        yield f"Only {distinct} distinct runs for 5 constants: the surface can follow the noise."
    for name, values in (("sizes", points.params), ("token counts", points.tokens)):
        kinds, spread = len(np.unique(values)), float(values.max() / values.min())
        if kinds < 3:
            yield f"Only {kinds} {name}: an exponent and an offset cannot both be had from them."
        if spread < NARROW_RANGE:
            yield f"The {name} span a factor of {spread:.1f} only: their exponent is poorly known."
    correlation = abs(float(np.corrcoef(np.log(points.params), np.log(points.tokens))[0, 1]))
    if correlation > COLLINEAR:
        yield f"Sizes and tokens grow together (correlation {correlation:.2f}): their terms look alike."


def _about_constants(surface: Surface) -> Iterator[str]:
    if surface.E == 0:
        yield "The irreducible loss E came out as 0: the runs do not show where the curve flattens."
    for name, value in (("alpha", surface.alpha), ("beta", surface.beta)):
        if _is_end(value):
            yield f"{name} lies at the end of its range ({value:g}): these runs do not determine its term."


def _about_valleys(points: Points, surface: Surface) -> Iterator[str]:
    """Whether the best size for the largest budget lies inside the sizes that were run."""
    best = float(surface.best_params(points.flops.max()))
    if not points.params.min() < best < points.params.max():
        side = "below the smallest" if best <= points.params.min() else "above the largest"
        yield (
            f"The best size for the largest budget ({best:.3g} parameters) lies {side} size run: "
            "the valley is not bracketed."
        )


def _is_end(exponent: float) -> bool:
    return exponent <= EXPONENTS[0] or exponent >= EXPONENTS[1]
