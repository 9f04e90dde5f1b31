"""Fits as plain values, to be written, printed and read back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from model.scaling.analysis import Analysis, Approaches, analyse, each_group
from model.scaling.fit import LEVEL, Fit
from model.scaling.isoflop import IsoFlop
from model.scaling.one_axis import fit_one_axis, one_axis_to_record, single_axis
from model.scaling.points import Points, make_points
from model.scaling.powerlaw import fit_power_laws
from model.scaling.surface import CONSTANTS, Surface

FORM = "L(N, D) = E + A / N^alpha + B / D^beta"


def fit_to_record(fit: Fit) -> dict[str, Any]:
    """Everything of a fit as JSON-able values; `fit_from_record` gives it back."""
    points = fit.points
    return {
        "form": FORM,
        "tied_exponents": fit.tied,
        "constants": {name: asdict(fit.interval(quantity)) for name, quantity in CONSTANTS.items()},
        "percentiles": {
            name: asdict(fit.interval(quantity, method="percentile")) for name, quantity in CONSTANTS.items()
        },
        "interval_level": LEVEL,
        "objective": fit.objective,
        "log_rms": fit.log_rms,
        "max_flops": fit.max_flops,
        "warnings": list(fit.warnings),
        "power_laws": {name: asdict(law) for name, law in fit_power_laws(points).items()},
        "surface": asdict(fit.surface),
        "draws": [list(asdict(draw).values()) for draw in fit.draws],
        "leave_outs": [list(asdict(surface).values()) for surface in fit.leave_outs],
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
        tied=bool(record.get("tied_exponents")),
        leave_outs=tuple(Surface(*values) for values in record.get("leave_outs", ())),
    )


def analysis_to_record(found: Analysis) -> dict[str, Any]:
    """An analysis as JSON-able values: the two-exponent fit's keys, and everything else beside them.

    `chosen` names the form to predict with; `tied` holds the other fit in the same keys. Numbers that do not
    exist are null.
    """
    beside = {
        "chosen": "tied" if found.uses_tied else "free",
        "reason": found.reason,
        "tied": fit_to_record(found.tied),
        "back_tests": {form: [asdict(test) for test in tests] for form, tests in found.back_tests.items()},
        "by_compute": {name: _approaches(approaches) for name, approaches in found.by_compute.items()},
        "tokens_per_param": _tokens_per_param(found.chosen),
        "joint": asdict(found.joint) if found.joint else None,
        "noise": found.noise,
        "token_decay": found.token_decay,
        "warnings": list(found.warnings),
    }
    cleaned: dict[str, Any] = _without_nan(fit_to_record(found.free) | beside)
    return cleaned


def fit_groups(points: Points, draws: int) -> dict[str, dict[str, Any]]:
    """The record of each group's analysis, by its name; of a single size or token count, of a fit along the other axis.

    Raises:
        UserError: A group cannot be fitted; its name and why.
    """

    def fitted(members: Points) -> dict[str, Any]:
        axis = single_axis(members)
        return (
            one_axis_to_record(fit_one_axis(members, axis, draws))
            if axis
            else analysis_to_record(analyse(members, draws))
        )

    return each_group(points, fitted)


def chosen_fit(record: Mapping[str, Any]) -> Fit:
    """The fit to predict with, of an analysis's record (or of a plain fit's): as `Analysis.chosen`."""
    free = fit_from_record(record)
    return replace(fit_from_record(record["tied"]), beside=free) if record.get("chosen") == "tied" else free


def _tokens_per_param(fit: Fit) -> dict[str, float]:
    """D / N of least loss at the largest run's compute, with its interval; infinite without an optimum."""
    return asdict(fit.interval(lambda surface: float(surface.best_ratio(fit.max_flops))))


def _approaches(found: Approaches) -> dict[str, Any]:
    envelope = found.envelope
    return {
        "envelope": envelope
        and {
            "exponent": asdict(found.envelope_exponent) if found.envelope_exponent else None,
            "scale": envelope.scale,
            "sizes": envelope.sizes,
            "flops": envelope.flops.tolist(),
            "params": envelope.params.tolist(),
            "loss": envelope.loss.tolist(),
        },
        "parabola": _isoflop(found.parabola),
        "interpolation": _isoflop(found.interpolation),
        "power_laws": {name: asdict(law) for name, law in found.power_laws.items()},
    }


def _isoflop(found: IsoFlop | None) -> dict[str, Any] | None:
    return asdict(found) if found else None


def _without_nan(value: Any) -> Any:
    """The same with null for nan; infinities, which JSON has no word for either, as null too."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value
