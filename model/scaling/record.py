"""Fits as plain values, to be written, printed and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from model.scaling.fit import LEVEL, Fit
from model.scaling.points import make_points
from model.scaling.powerlaw import fit_power_laws
from model.scaling.surface import CONSTANTS, Surface

FORM = "L(N, D) = E + A / N^alpha + B / D^beta"


def fit_to_record(fit: Fit) -> dict[str, Any]:
    """Everything of a fit as JSON-able values; `fit_from_record` gives it back."""
    points = fit.points
    return {
        "form": FORM,
        "constants": {name: asdict(fit.interval(quantity)) for name, quantity in CONSTANTS.items()},
        "interval_level": LEVEL,
        "objective": fit.objective,
        "log_rms": fit.log_rms,
        "max_flops": fit.max_flops,
        "warnings": list(fit.warnings),
        "power_laws": {name: asdict(law) for name, law in fit_power_laws(points).items()},
        "surface": asdict(fit.surface),
        "draws": [list(asdict(draw).values()) for draw in fit.draws],
        "points": {
            "params": points.params.tolist(),
            "tokens": points.tokens.tolist(),
            "loss": points.loss.tolist(),
            "run": list(points.run),
            "group": list(points.group),
        },
    }


def fit_from_record(record: Mapping[str, Any]) -> Fit:
    """The inverse of `fit_to_record`."""
    return Fit(
        surface=Surface(**record["surface"]),
        draws=tuple(Surface(*values) for values in record["draws"]),
        points=make_points(**record["points"]),
        objective=record["objective"],
        log_rms=record["log_rms"],
        warnings=tuple(record["warnings"]),
    )
