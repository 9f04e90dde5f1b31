"""What a scaling paper shows beside its curves: valleys, contours, residuals, back-tests, and all counts together.

Each figure is made from a record of `model.scaling.record` (or rows of a view), so that it can be drawn again from
the lake, or from anyone's table of runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from flows.report.figures import Column, Figure, Table, with_interval
from flows.report.svg import Axis, Plot, pairs, ramp
from flows.report.words import power, short
from flows.rungs import IN_LADDER
from flows.scaling_words import COUNT_NAMES, describe_counts
from model.scaling.fit import LEVEL, Fit
from model.scaling.isoflop import find_budgets
from model.scaling.points import FLOPS_PER_PARAM_TOKEN, Points

COLOURS = ("c1", "c2", "c3", "c4", "c5", "c6")
COMMAND = "`winnow scaling run RECIPE` made it; `winnow scaling fit POINTS.csv --json` gives the same of any runs."

Record = Mapping[str, Any]


def valleys(record: Record, fit: Fit, unit: str) -> Figure | None:
    """Loss over size at each budget, and where its minimum lies; None without budgets of enough sizes."""
    points = fit.points
    budgets = find_budgets(points.flops, points.params)
    if not budgets:
        return None
    found = {method: record["by_compute"]["6ND"][method] for method in ("parabola", "interpolation")}
    x = Axis.over("parameters N", points.params, log=True)
    plot = Plot("Loss by size at each budget of compute", x, Axis.over(f"loss, {unit}", points.loss), 420)
    legend = []
    for rows, colour in zip(budgets, cycle(COLOURS), strict=False):
        budget = float(np.exp(np.log(points.flops[rows]).mean()))
        sizes = np.geomspace(points.params[rows].min(), points.params[rows].max(), 60)
        curve = fit.surface.predict(sizes, budget / FLOPS_PER_PARAM_TOKEN / sizes)
        plot.line(pairs(sizes, curve), f"{colour} thin", f"the fitted surface at {power(budget)} FLOP")
        for row in rows:
            plot.dot(float(points.params[row]), float(points.loss[row]), colour, run_words(points, row))
        legend.append((f"{power(budget)} FLOP", colour))
    legend.append(("least loss by the parabola", "ink"))
    for valley in (found["parabola"] or {"valleys": []})["valleys"]:
        words = f"least loss by the parabola: {short(valley['params'])} parameters"
        plot.dot(valley["params"], valley["loss"], "ink", words, 3.5)
    caption = (
        "Dots are runs; thin lines the fitted surface; dark dots the vertex of each budget's parabola over log N. "
        f"{_exponents(found)}"
    )
    return Figure(
        "scaling-valleys",
        "IsoFLOP valleys",
        caption,
        Table(_VALLEY_COLUMNS, list(_valley_rows(found))),
        plot.render(),
        tuple(legend),
        source=COMMAND,
        notes=(
            "A valley is no parabola: where the sizes are not centred on the optimum its vertex is off. The bias is "
            "what the same procedure does to noise-free losses of the fitted surface at these runs.",
        ),
    )


def run_words(points: Points, row: int) -> str:
    """One run of a ladder: its size, its tokens and its loss."""
    return f"{short(points.params[row])} parameters, {short(points.tokens[row])} tokens: {points.loss[row]:.4g}"


LABEL_ROOM = 0.06
"""Of an axis: the label of a line that ends nearer to the one before it would be written over that."""


def contours(fit: Fit, unit: str) -> Figure | None:
    """Lines of equal loss over compute and size, the frontier through their lowest points; None without one."""
    surface, points = fit.surface, fit.points
    if not (surface.A > 0 and surface.B > 0):
        return None
    x = Axis.over("compute C = 6ND, FLOP", points.flops, log=True, powers=True, margin=0.2)
    y = Axis.over("parameters N", points.params, log=True, margin=0.12)
    plot = Plot("Contours of the fitted loss over compute and size", x, y, 420)
    least_loss, most_loss = np.quantile(points.loss, (0.02, 0.9)).tolist()
    levels = np.linspace(least_loss, most_loss, 8)
    sizes = np.geomspace(y.low, y.high, 160)
    rows, before = [], -math.inf
    for level in levels[::-1]:
        left = level - surface.E - surface.A * sizes**-surface.alpha
        with np.errstate(invalid="ignore", divide="ignore"):
            tokens = np.where(left > 0, (surface.B / left) ** (1 / surface.beta), np.nan)
        flops = FLOPS_PER_PARAM_TOKEN * sizes * tokens
        plot.line(pairs(flops, sizes), "c0 thin", f"{level:.4g} {unit}")
        if np.isfinite(flops).any():
            least = int(np.nanargmin(flops))
            rows.append({"loss": float(level), "flops": float(flops[least]), "params": float(sizes[least])})
            if (at := x.place(float(flops[least]))) > before + LABEL_ROOM:
                plot.text(float(flops[least]), float(sizes[least]), f"{level:.3g}", "small", (-6.0, -4.0), end=True)
            before = at
    budgets = np.geomspace(x.low, x.high, 60)
    plot.line(pairs(budgets, [float(surface.best_params(c)) for c in budgets]), "c2 dashed", "least loss")
    for n, c, loss in zip(points.params, points.flops, points.loss, strict=True):
        plot.dot(float(c), float(n), "c1", f"{short(n)} parameters, {power(c)} FLOP: {loss:.4g} {unit}")
    columns = (Column("loss", "Loss", "loss"), Column("flops", "Least C", "power"), Column("params", "at N", "short"))
    caption = (
        f"Grey lines join sizes and budgets of the same fitted loss, in {unit}; the dashed line is the best size for "
        "each budget, and dots are the runs: where none lies near, the surface is a guess."
    )
    legend = (("runs", "c1"), ("equal loss", "c0"), ("best size", "c2"))
    return Figure(
        "scaling-contours", "The surface", caption, Table(columns, rows), plot.render(), legend, source=COMMAND
    )


def residuals(fit: Fit) -> Figure:
    """What the surface misses at each run, over compute: a pattern is a law that does not hold."""
    points = fit.points
    off = np.log(fit.surface.predict(points.params, points.tokens) / points.loss)
    x = Axis.over("compute C = 6ND, FLOP", points.flops, log=True, powers=True)
    plot = Plot("Residuals by compute", x, Axis.over("log(fitted / measured)", [*off, *-off]), 320)
    plot.line([(x.low, 0.0), (x.high, 0.0)], "ink dashed")
    colours = ramp(points.params.tolist())
    for n, c, value in zip(points.params.tolist(), points.flops, off, strict=True):
        plot.dot(float(c), float(value), colours[n], f"{short(n)} parameters, {power(c)} FLOP: {value:+.2%}")
    rows = [
        {"params": n, "tokens": d, "off": value}
        for n, d, value in zip(points.params.tolist(), points.tokens.tolist(), off.tolist(), strict=True)
    ]
    columns = (
        Column("params", "N", "count"),
        Column("tokens", "D", "count"),
        Column("off", "Fitted over measured", "frac"),
    )
    caption = (
        "Above the line the fit is too high. A slope or a bend with compute, or one size off as a whole, would be "
        f"something the surface cannot say; scatter alone is noise. Root mean square {fit.log_rms:.2%}."
    )
    return Figure("scaling-residuals", "Residuals", caption, Table(columns, rows), plot.render(), source=COMMAND)


def back_tests(record: Record) -> Figure | None:
    """Errors of predictions of larger runs from smaller ones, by where the cut was; None without any."""
    tests = record["back_tests"]
    if not tests["free"]:
        return None
    cuts = [test["cut"] for test in tests["free"]]
    errors = [test["error"] for form in tests.values() for test in form]
    x = Axis.over("cut, FLOP: fitted below, predicted from it on", cuts, log=True, powers=True, margin=0.1)
    plot = Plot("Errors of predictions by the cut", x, Axis.over("rms of log error", [0.0, *errors]), 320)
    for form, colour in (("free", "c1"), ("tied", "c2")):
        found = tests[form]
        plot.line([(test["cut"], test["error"]) for test in found], f"{colour} thin")
        for test in found:
            words = f"{test['trained']} runs fitted, {test['held']} predicted: {test['error']:.2%}"
            plot.dot(test["cut"], test["error"], colour, words)
    columns = (
        Column("form", "Form"),
        Column("cut", "Cut", "power"),
        Column("trained", "Fitted", "count"),
        Column("held", "Predicted", "count"),
        Column("reach", "Up to, times", "number"),
        Column("error", "rms error", "frac"),
        Column("bias", "Mean error", "frac"),
    )
    names = {"free": "two exponents", "tied": "one exponent"}
    rows = [{**test, "form": names[form]} for form, found in tests.items() for test in found]
    caption = f"For each budget the runs below it predict the others. {record['reason']}"
    legend = (("two exponents", "c1"), ("one exponent, alpha = beta", "c2"))
    table = Table(columns, rows)
    return Figure("scaling-back-tests", "Back-tests", caption, table, plot.render(), legend, source=COMMAND)


def counts(records: Mapping[str, Record]) -> Figure:
    """The exponent of N_opt by every approach, count of N and count of C."""
    rows = [
        {
            "count": COUNT_NAMES[part],
            "compute": compute,
            "envelope": _range(found["envelope"]),
            "parabola": _range(found["parabola"]),
            "interpolation": _range(found["interpolation"]),
            "surface": _words(record["constants"]["params_exponent"]) if compute == "6ND" else "",
        }
        for part, record in records.items()
        for compute, found in record["by_compute"].items()
    ]
    columns = (
        Column("count", "N counts"),
        Column("compute", "C counts"),
        Column("envelope", "1, envelope"),
        Column("parabola", "2, parabola"),
        Column("interpolation", "2, interpolation"),
        Column("surface", "3, two exponents"),
    )
    caption = f"a in N_opt ~ C^a, with {LEVEL:.0%} intervals, by how parameters and compute are counted."
    box = " ".join(line.removeprefix("| ") for line in describe_counts(records) if line.startswith("|"))
    return Figure(
        "scaling-counts", "Every count side by side", caption, Table(columns, rows), source=COMMAND, notes=(box,)
    )


def ladder_curves(rows: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Training loss of every rung over its tokens; None without curves."""
    curves = [row for row in rows if row["curve"]]
    if not curves:
        return None
    smooth = {row["name"]: _smoothed(row["curve"]) for row in curves}
    x = Axis.over("tokens seen", [p[0] for c in smooth.values() for p in c], log=True, margin=0.03)
    plot = Plot(
        "Training loss of every run", x, Axis.over("loss, nats a token", [p[1] for c in smooth.values() for p in c])
    )
    colours = ramp([row["params_total"] for row in curves])
    for row in curves:
        plot.line(smooth[row["name"]], f"{colours[row['params_total']]} thin", row["name"])
    ends = [{"name": r["name"], "tokens": r["train_tokens"], "loss": smooth[r["name"]][-1][1]} for r in curves]
    columns = (Column("name", "Run"), Column("tokens", "Tokens", "count"), Column("loss", "Last training loss", "loss"))
    caption = (
        "Each run has a schedule of its own, matched to its tokens: points half-way down a longer schedule are not "
        "those of a shorter training, and none is used. Means over nearby steps."
    )
    legend = tuple((f"{short(size)} parameters", colour) for size, colour in colours.items())
    return Figure(
        "scaling-training", "Training curves", caption, Table(columns, ends), plot.render(), legend, sql=CURVES
    )


def comparison(record: Record, name: str) -> Figure:
    """The difference between two corpora over compute, and where it is heading."""
    rungs = [{**rung, **rung["delta"]} for rung in record["rungs"]]
    far = record["far"]
    flops = [*(rung["flops"] for rung in rungs), record["far_flops"]]
    ends = [0.0, *(rung[end] for rung in rungs for end in ("low", "high")), far["low"], far["high"]]
    x = Axis.over("compute C = 6ND, FLOP", flops, log=True, powers=True, margin=0.1)
    plot = Plot("Difference in loss by compute", x, Axis.over("loss of b less that of a, bits a byte", ends), 340)
    plot.line([(x.low, 0.0), (x.high, 0.0)], "ink dashed", "no difference")
    for rung in rungs:
        words = f"{rung['rung']}: {rung['words']}"
        plot.estimate(rung["flops"], rung["value"], rung["low"], rung["high"], "c1", words)
    plot.estimate(record["far_flops"], far["value"], far["low"], far["high"], "c2", "extrapolated")
    columns = (
        Column("rung", "Rung"),
        Column("flops", "C", "power"),
        Column("loss_a", "a", "loss"),
        Column("loss_b", "b", "loss"),
        *with_interval(Column("value", "b - a", "loss"), level=f"{LEVEL:.0%}"),
        Column("words", "Verdict"),
    )
    caption = f"{name}: {record['verdict']}. Bars are {LEVEL:.0%} intervals from the differences between seeds."
    table, legend = Table(columns, rungs), (("rungs", "c1"), ("extrapolated", "c2"))
    source = "`winnow scaling compare A B` made it; the lake's evaluations of kind comparison hold it."
    return Figure("scaling-comparison", "Two corpora", caption, table, plot.render(), legend, source=source)


CURVES = f"""\
SELECT name, params_total, train_tokens, curve FROM trainings WHERE {IN_LADDER} ORDER BY flops, name"""

_VALLEY_COLUMNS = (
    Column("method", "Minimum by"),
    Column("flops", "C", "power"),
    Column("sizes", "Sizes", "count"),
    *with_interval(Column("params", "N of least loss", "short"), level=f"{LEVEL:.0%}"),
    Column("loss", "Loss there", "loss"),
    Column("inside", "Inside"),
)


def _valley_rows(found: Mapping[str, Record | None]) -> Iterator[dict[str, Any]]:
    for method, item in found.items():
        for valley in item["valleys"] if item else ():
            yield {**valley, "method": method, "inside": "yes" if valley["inside"] else "no: left out"}


def _exponents(found: Mapping[str, Record | None]) -> str:
    parts = []
    for method, item in found.items():
        if item is None:
            parts.append(f"By {method} fewer than two budgets have their minimum inside: no exponent.")
            continue
        words = f"By {method} N_opt ~ C^{_words(item['exponent'])}"
        if item["exponent_bias"] is not None:
            words += f", of which this grid makes {item['exponent_bias']:+.3f}"
        parts.append(f"{words}.")
    return " ".join(parts)


def _range(item: Record | None) -> str:
    return _words(item["exponent"]) if item and item["exponent"] else "not from these runs"


def _words(estimate: Record) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


def _smoothed(curve: Sequence[Mapping[str, Any]], window: int = 9) -> list[tuple[float, float]]:
    """Means over nearby points, at most sixty of them."""
    losses = np.array([point["loss"] for point in curve])
    kernel = np.ones(min(window, len(losses)))
    mean = np.convolve(losses, kernel, "same") / np.convolve(np.ones(len(losses)), kernel, "same")
    chosen = np.unique(np.linspace(0, len(curve) - 1, 60).round().astype(int))
    return [(float(curve[i]["tokens"]), float(mean[i])) for i in chosen]
