"""Everything that can be said of one set of runs: all forms and approaches, side by side, and which to trust.

found = analyse(points, draws=1000)
found.chosen.surface, found.reason
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from model.scaling.checks import table_warnings
from model.scaling.envelope import Envelope, fit_envelope
from model.scaling.fit import LEVEL, Fit, fit_scaling, fit_surface
from model.scaling.holdout import BackTest, back_tests, prefers_tied
from model.scaling.intervals import Estimate, bootstrap_weights, percentile
from model.scaling.isoflop import IsoFlop, fit_isoflop, seed_noise
from model.scaling.points import Floats, Points
from model.scaling.powerlaw import JointLaw, PowerLaw, fit_joint_law, fit_power_laws
from model.scaling.repetition import effective_tokens, fit_token_decay
from storage.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Approaches:
    """What depends on how compute is counted.

    Attributes:
        flops: float64[n], the compute.
        envelope: Approach 1, None where the runs do not allow it.
        envelope_exponent: Its exponent with the interval of the bootstrap by run; None without the envelope.
        parabola, interpolation: Approach 2 in both ways, None where the runs do not allow it.
        power_laws: L(N), L(D), L(C).
    """

    flops: Floats
    envelope: Envelope | None
    envelope_exponent: Estimate | None
    parabola: IsoFlop | None
    interpolation: IsoFlop | None
    power_laws: dict[str, PowerLaw]


@dataclass(frozen=True)
class Analysis:
    """Everything fitted to one set of runs.

    Attributes:
        free, tied: Approach 3 with two exponents, and with alpha = beta.
        uses_tied: Whether the tied form is the one to predict with.
        reason: Why, in a sentence.
        back_tests: Rolling hold-outs of the free and of the tied form.
        by_compute: Approaches 1 and 2 and Kaplan's laws, by how C is counted: "6ND", and "given" where the runs
            came with a compute of their own.
        joint: Kaplan's joint law.
        noise: Standard deviation of log loss between seeds; nan without repeated rungs.
        token_decay: R* with which repeated tokens were discounted before anything else; nan where none repeat.
        warnings: Of the table and of the form chosen.
    """

    free: Fit
    tied: Fit
    uses_tied: bool
    reason: str
    back_tests: dict[str, list[BackTest]]
    by_compute: dict[str, Approaches]
    joint: JointLaw | None
    noise: float
    token_decay: float
    warnings: tuple[str, ...]

    @property
    def chosen(self) -> Fit:
        """The fit to predict with; with one exponent, its intervals hold those of two as well."""
        return replace(self.tied, beside=self.free) if self.uses_tied else self.free


def analyse(points: Points, draws: int = 1000, seed: int = 0) -> Analysis:
    """Fit the runs in every way.

    Args:
        points: The runs, N under one convention, loss in one unit.
        draws: Bootstrap samples of every interval.
        seed: Of the bootstrap and of the noise added.

    Raises:
        UserError: Too few runs; see `model.scaling.fit.fit_surface`.
    """
    used, decay = _discount_repeats(points)
    free, tied = fit_scaling(used, draws, seed), fit_scaling(used, draws, seed, tied=True)
    tests = {"free": back_tests(used, tied=False), "tied": back_tests(used, tied=True)}
    uses_tied = prefers_tied(tests["free"], tests["tied"])
    chosen = tied if uses_tied else free
    noise = seed_noise(used)
    counts = {"6ND": used.flops} | ({"given": used.flops_given} if used.flops_given is not None else {})
    return Analysis(
        free=free,
        tied=tied,
        uses_tied=uses_tied,
        reason=_reason(tests, uses_tied),
        back_tests=tests,
        by_compute={name: _approaches(used, flops, chosen, noise, draws, seed) for name, flops in counts.items()},
        joint=fit_joint_law(used),
        noise=noise,
        token_decay=decay,
        warnings=(*table_warnings(points), *chosen.warnings),
    )


def analyse_groups(points: Points, draws: int = 1000, seed: int = 0) -> dict[str, Analysis]:
    """An analysis of each group, by its name.

    Raises:
        UserError: A group cannot be fitted; its name and why.
    """
    return each_group(points, lambda members: analyse(members, draws, seed))


def each_group(points: Points, work: Callable[[Points], T]) -> dict[str, T]:
    """What `work` makes of each group, by its name.

    Raises:
        UserError: What `work` raises, with the group's name.
    """
    found = {}
    for name, members in points.groups().items():
        try:
            found[name] = work(members)
        except UserError as error:
            raise UserError(f"group {name}: {error.message}" if name else error.message, error.hint) from error
    return found


def predict_larger(points: Points, below: float) -> list[dict[str, float | str]]:
    """Fits of the runs below a size against the larger ones: a row a larger run, errors relative, both forms.

    `form` is the one the rolling hold-out of the smaller runs alone chooses, `error` that form's.

    Raises:
        UserError: No run on one side, or too few below.
    """
    small, large = points.where(points.params < below), points.where(points.params >= below)
    if not len(small) or not len(large):
        side = "below" if not len(small) else "at or above"
        raise UserError(f"no run lies {side} {below:g} parameters.", "Choose a size between the runs'.")
    forms = {name: fit_surface(small, tied=name == "tied") for name in ("free", "tied")}
    best = "tied" if prefers_tied(back_tests(small, False), back_tests(small, True)) else "free"
    rows: list[dict[str, float | str]] = []
    for n, d, loss in zip(large.params.tolist(), large.tokens.tolist(), large.loss.tolist(), strict=True):
        errors = {name: float(surface.predict(n, d) / loss - 1) for name, surface in forms.items()}
        rows.append({"params": n, "tokens": d, "loss": loss, **errors, "form": best, "error": errors[best]})
    return rows


def _discount_repeats(points: Points) -> tuple[Points, float]:
    """Points with repeated tokens counted at their worth, and R*; unchanged, and nan, where none repeat."""
    if points.unique is None or not (points.tokens > 1.02 * points.unique).any():
        return points, float("nan")
    decay = fit_token_decay(points, points.unique)
    return replace(points, tokens=effective_tokens(points.tokens, points.unique, decay)), decay


def _approaches(points: Points, flops: Floats, fit: Fit, noise: float, draws: int, seed: int) -> Approaches:
    added = noise if np.isfinite(noise) else fit.log_rms
    envelope = fit_envelope(points, flops)

    def isoflop(method: str) -> IsoFlop | None:
        how: Callable[..., IsoFlop | None] = fit_isoflop
        return how(points, method, flops, added, min(draws, 200), seed, fit.surface)

    return Approaches(
        flops=flops,
        envelope=envelope,
        envelope_exponent=_envelope_exponent(points, flops, envelope, min(draws, 200), seed),
        parabola=isoflop("parabola"),
        interpolation=isoflop("interpolation"),
        power_laws=fit_power_laws(points, flops),
    )


def _envelope_exponent(
    points: Points, flops: Floats, envelope: Envelope | None, draws: int, seed: int
) -> Estimate | None:
    if envelope is None:
        return None
    weights = bootstrap_weights(points.run, draws, seed)
    found = [again.exponent for weight in weights if (again := fit_envelope(points, flops, weight)) is not None]
    ends = percentile(found, LEVEL) if found else (envelope.exponent, envelope.exponent)
    return Estimate(envelope.exponent, *ends)


def _reason(tests: dict[str, list[BackTest]], uses_tied: bool) -> str:
    if not tests["free"] or not tests["tied"]:
        return "Two exponents: there are too few runs for a rolling hold-out to choose."
    errors = {name: float(np.mean([test.error for test in found])) for name, found in tests.items()}
    held_out = (
        f"rolling hold-outs at {len(tests['tied'])} budgets predict larger runs to {errors['tied']:.2%} rms with one "
        f"exponent, {errors['free']:.2%} with two"
    )
    if not uses_tied:
        return f"Two exponents: {held_out}, a difference of more than a standard error."
    better = errors["tied"] < errors["free"]
    within = "" if better else ", a difference within a standard error"
    return f"One exponent, alpha = beta: {held_out}{within}. Intervals hold both forms'."
