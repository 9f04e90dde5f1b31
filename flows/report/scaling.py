"""The scaling law: runs, fitted curves, predictions against measurements, and the best use of compute."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from flows.fit_records import read_fit_records
from flows.report import scaling_figures
from flows.report.allocation import allocation, published
from flows.report.explorer import explorer
from flows.report.figures import Column, Figure, Section, Table
from flows.report.source import Source
from flows.report.svg import Axis, Plot, pairs, ramp
from flows.report.words import count, frac, number, power, short
from flows.rungs import IN_LADDER
from flows.scaling_words import COUNT_NAMES
from model.scaling.fit import LEVEL, Fit
from model.scaling.points import FLOPS_PER_PARAM_TOKEN
from model.scaling.published import CHINCHILLA, KAPLAN_EXPONENTS
from model.scaling.record import chosen_fit
from model.scaling.surface import CONSTANTS, Surface
from storage.shards import read_table

POINTS = f"""\
SELECT training_id, name, params_total, params_non_embedding, train_tokens, flops, learning_rate, seed,
    eval_loss, eval_bits_per_byte
FROM scaling_points WHERE {IN_LADDER} ORDER BY flops, name"""

FITS_SOURCE = "The fits in the lake's evaluations; `winnow scaling fit` makes the same of any table of runs."


def scaling_section(source: Source) -> Section:
    """Figures of the newest fitted ladder; of the runs alone where they could not be fitted."""
    records = read_fit_records(source.lake)
    runs = source.rows(POINTS)
    if not records:
        lead = "No ladder has been fitted yet: `winnow scaling run` trains and fits one."
        return Section("scaling", "Scaling", lead, (_runs(runs, set()),) if runs else ())
    fits = {name: chosen_fit(record) for name, record in records.items()}
    fit, unit = fits["total"], str(records["total"]["unit"])
    lead = (
        f"{len(fit.points)} runs from {power(float(fit.points.flops.min()))} to {power(fit.max_flops)} "
        f"FLOP; the fitted surface is off by {frac(fit.log_rms)} (root mean square). N counts all "
        f"parameters unless said otherwise; C = 6 N D; losses in {unit} on held-out documents."
    )
    record = records["total"]
    figures = (
        explorer(source, fit, unit),
        loss_by_compute(fit, unit),
        scaling_figures.valleys(record, fit, unit),
        scaling_figures.contours(fit, unit),
        _agreement(fit, unit),
        scaling_figures.residuals(fit),
        scaling_figures.back_tests(record),
        allocation(fit),
        published(),
        _constants(fits, records, unit),
        scaling_figures.counts(records),
        scaling_figures.ladder_curves(source.rows(scaling_figures.CURVES)),
        *_comparisons(source),
        *((_runs(runs, set(fit.points.run)),) if runs else ()),
    )
    return Section("scaling", "Scaling", lead, tuple(figure for figure in figures if figure is not None))


def _comparisons(source: Source) -> tuple[Figure, ...]:
    """The newest comparison of two corpora, where there is one."""
    tables = (read_table(uri).to_pylist() for uri in source.lake.files_of("evaluations"))
    rows = [row for table in tables for row in table if row["kind"] == "comparison" and row["part"] == "all"]
    if not rows:
        return ()
    newest = max(rows, key=lambda row: (row["finished_at"], row["evaluation_id"]))
    return (scaling_figures.comparison(json.loads(newest["details"]), newest["name"]),)


def loss_by_compute(fit: Fit, unit: str) -> Figure:
    """Loss against compute: a curve and its runs for each size, and the frontier below them."""
    points, surface = fit.points, fit.surface
    x = Axis.over("compute C = 6ND, FLOP", points.flops, log=True, powers=True, margin=0.12)
    budgets = np.geomspace(x.low, x.high, 80)
    frontier = [(float(c), float(surface.best_loss(c))) for c in budgets]
    best_ends = [loss for _, loss in frontier if np.isfinite(loss)]
    y = Axis.over(f"loss, {unit}", [*points.loss, *best_ends])
    plot = Plot("Loss against compute, by size, with the fitted frontier", x, y)
    low, high = _envelope(fit, budgets)
    plot.band(low, high, "c0")
    plot.line(frontier, "ink dashed", "least loss the compute can buy")
    legend = [("frontier, 90 % band", "ink")]
    for size, colour in ramp(points.params.tolist()).items():
        rows = np.flatnonzero(points.params == size)
        span = np.geomspace(points.flops[rows].min() / 1.5, points.flops[rows].max() * 1.5, 40)
        plot.line([(float(c), float(surface.predict(size, c / 6 / size))) for c in span], f"{colour} thin")
        for row in rows:
            words = scaling_figures.run_words(points, int(row))
            plot.dot(float(points.flops[row]), float(points.loss[row]), colour, words)
        legend.append((f"{short(float(size))} parameters", colour))
    caption = (
        "Dots are runs, each with a schedule of its own; thin lines the fitted L(N, D) at each size; "
        f"the dashed line the least loss a budget can buy by the fit, with its {LEVEL:.0%} bootstrap "
        "band."
    )
    return Figure(
        "scaling-curves",
        "Loss against compute",
        caption,
        _point_table(fit),
        plot.render(),
        tuple(legend),
        sql=POINTS,
    )


def _agreement(fit: Fit, unit: str) -> Figure:
    """Predicted against measured, in the sample."""
    points = fit.points
    predicted = fit.surface.predict(points.params, points.tokens)
    both = [*points.loss, *predicted]
    x, y = Axis.over(f"measured, {unit}", both), Axis.over(f"fitted, {unit}", both)
    plot = Plot("Fitted against measured loss", x, y, 380)
    ends = [(max(x.low, y.low),) * 2, (min(x.high, y.high),) * 2]
    plot.line(ends, "ink dashed")
    colours = ramp(points.params.tolist())
    for size, tokens, loss, guess in zip(points.params, points.tokens, points.loss, predicted, strict=True):
        words = f"{short(size)} parameters, {short(tokens)} tokens: measured {loss:.4g}, fitted {guess:.4g}"
        plot.dot(float(loss), float(guess), colours[float(size)], words)
    worst = float(np.abs(np.log(predicted / points.loss)).max())
    caption = (
        f"On the dashed line the fit is exact; the worst run is off by {frac(worst)}. These are the "
        "runs it was fitted to: how well it foretells others shows only in larger ones."
    )
    legend = tuple((f"{short(size)} parameters", colour) for size, colour in colours.items())
    return Figure(
        "scaling-agreement",
        "Fitted against measured",
        caption,
        _point_table(fit),
        plot.render(),
        legend,
        sql=POINTS,
    )


def _constants(fits: Mapping[str, Fit], records: Mapping[str, Mapping[str, Any]], unit: str) -> Figure:
    published = {name: float(quantity(CHINCHILLA)) for name, quantity in CONSTANTS.items()}
    rows = []
    for name, label in CONSTANT_LABELS.items():
        row: dict[str, Any] = {"constant": label, "published": published[name]}
        for part, fit in fits.items():
            estimate = fit.interval(CONSTANTS[name])
            row[part], row[f"{part}_range"] = (
                estimate.value,
                f"{number(estimate.low)} to {number(estimate.high)}",
            )
        rows.append(row)
    for name, exponent in KAPLAN_EXPONENTS.items():
        row = {"constant": LAW_LABELS[name], "published": exponent}
        for part, record in records.items():
            row[part] = record["power_laws"].get(name, {}).get("exponent")
        rows.append(row)
    columns = [Column("constant", "Constant")]
    for part in fits:
        columns += [
            Column(part, f"N: {COUNT_NAMES[part]}", "number"),
            Column(f"{part}_range", f"{LEVEL:.0%} interval"),
        ]
    columns.append(Column("published", "Published", "number"))
    notes = _notes(fits)
    caption = (
        "L(N, D) = E + A / N^alpha + B / D^beta by least Huber loss on log loss; intervals by "
        f"bootstrap over runs. E, A and B are in {unit} here and in nats a token in the paper: compare "
        "exponents only. Published: Hoffmann et al. 2022, and for the single power laws Kaplan et al. "
        "2020, who leave embeddings out of N."
    )
    return Figure(
        "scaling-constants",
        "The constants",
        caption,
        Table(tuple(columns), rows),
        source=FITS_SOURCE,
        notes=notes,
    )


def _notes(fits: Mapping[str, Fit]) -> tuple[str, ...]:
    """Every doubt once, with the counts of N it is about."""
    about: dict[str, list[str]] = {}
    for part, fit in fits.items():
        for warning in fit.warnings:
            about.setdefault(warning, []).append(COUNT_NAMES[part])
    return tuple(
        warning if len(parts) == len(fits) else f"{warning} (N {', '.join(parts)})" for warning, parts in about.items()
    )


CONSTANT_LABELS = {
    "E": "E, irreducible loss",
    "A": "A",
    "B": "B",
    "alpha": "alpha, of N",
    "beta": "beta, of D",
    "params_exponent": "a in N_opt ~ C^a",
}
LAW_LABELS = {"params": "alpha_N alone", "tokens": "alpha_D alone", "flops": "alpha_C alone"}


def _runs(rows: Sequence[Mapping[str, Any]], fitted: Container[str]) -> Figure:
    marked = [{**row, "fitted": "yes" if row["training_id"] in fitted else ""} for row in rows]
    columns = (
        Column("name", "Run"),
        Column("params_total", "N", "count"),
        Column("params_non_embedding", "without embeddings", "count"),
        Column("train_tokens", "D", "count"),
        Column("flops", "C", "power"),
        Column("learning_rate", "Peak rate", "number"),
        Column("eval_loss", "Nats a token", "loss"),
        Column("eval_bits_per_byte", "Bits a byte", "loss"),
        Column("fitted", "In the fit"),
    )
    caption = f"Every run of the ladders in the lake, cheapest first: {count(len(rows))} of them."
    return Figure("scaling-runs", "The runs", caption, Table(columns, marked), sql=POINTS)


def _point_table(fit: Fit) -> Table:
    points = fit.points
    predicted = fit.surface.predict(points.params, points.tokens)
    rows = [
        {
            "params": n,
            "tokens": d,
            "flops": FLOPS_PER_PARAM_TOKEN * n * d,
            "loss": loss,
            "fitted": guess,
            "off": guess / loss - 1,
        }
        for n, d, loss, guess in zip(
            *(v.tolist() for v in (points.params, points.tokens, points.loss, predicted)), strict=True
        )
    ]
    columns = (
        Column("params", "N", "count"),
        Column("tokens", "D", "count"),
        Column("flops", "C", "power"),
        Column("loss", "Measured", "loss"),
        Column("fitted", "Fitted", "loss"),
        Column("off", "Off by", "frac"),
    )
    return Table(columns, rows)


def _envelope(fit: Fit, budgets: np.ndarray) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    estimates = [fit.interval(partial(_best_loss, flops=float(c))) for c in budgets]
    return pairs(budgets, [e.low for e in estimates]), pairs(budgets, [e.high for e in estimates])


def _best_loss(surface: Surface, flops: float) -> float:
    return float(surface.best_loss(flops))
