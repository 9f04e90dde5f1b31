"""Fits, plans and comparisons in lines of text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.report.words import plural

COUNT_NAMES = {
    "total": "all parameters",
    "non_embedding": "without embeddings",
    "blocks_and_head": "blocks and head",
}
"""How N is counted, in words."""

CONSTANT_NAMES = {
    "E": "E",
    "A": "A",
    "B": "B",
    "alpha": "alpha",
    "beta": "beta",
    "params_exponent": "a in N_opt ~ C^a",
}
LAW_NAMES = {"params": "alpha_N", "tokens": "alpha_D", "flops": "alpha_C"}
PLAN_NAMES = {
    "params": "parameters",
    "tokens": "tokens",
    "tokens_per_param": "tokens a parameter",
    "loss": "loss",
}

NO_INTERVAL = "no interval"
_APPROACHES = ("1, envelope", "2, parabola", "2, interpolation", "3, two exponents")

CONVENTION_BOX = (
    "N: all parameters; without embeddings: the blocks alone (Kaplan et al. 2020); blocks and head: what each token",
    "is multiplied by (Porian et al. 2024). C: 6 N D with that N; given: the compute column of the table, or, for a",
    "ladder of ours, with attention's own. D: tokens seen. Exponents a are of N_opt ~ C^a; D_opt ~ C^(1 - a).",
)


def describe_fit(title: str, record: Mapping[str, Any]) -> list[str]:
    """An analysis in lines: constants with intervals, the choice of form, other approaches, back-tests, doubts."""
    forms = {"two exponents": record, "one exponent, alpha = beta": record["tied"]}
    lines = [f"{title}: {len(record['points']['loss'])} runs", f"  {record['form']}"]
    for name, form in forms.items():
        lines.append(f"  {name}: off by {form['log_rms']:.2%} rms, Huber {form['objective']:.6g}")
        lines += [f"    {line}" for line in _constants(form)]
    lines.append(f"  {record['reason']}")
    lines.append(_estimate("tokens a parameter", record["tokens_per_param"]) + f" at {record['max_flops']:.2g} FLOP")
    if record["token_decay"] is not None:
        lines.append(f"  repeated tokens discounted: R* = {record['token_decay']:.3g} (Muennighoff et al. 2023: 15.4)")
    if record["noise"] is not None:
        lines.append(f"  seeds of one rung differ by {record['noise']:.3%} (standard deviation of log loss)")
    for name, approaches in record["by_compute"].items():
        lines += [f"  {line}" for line in _approaches(name, approaches)]
    if joint := record["joint"]:
        lines.append(
            f"  Kaplan's joint law: alpha_N {joint['alpha_n']:.4g}, alpha_D {joint['alpha_d']:.4g}, "
            f"off by {joint['log_rms']:.2%} rms"
        )
    lines += [f"  {line}" for line in _back_tests(record["back_tests"])]
    return [*lines, *(f"  ! {warning}" for warning in record["warnings"])]


def describe_one_axis(title: str, record: Mapping[str, Any]) -> list[str]:
    """A fit along one axis in lines."""
    fixed = f"{record['fixed']:,.0f} {'parameters' if record['axis'] == 'tokens' else 'tokens'}"
    lines = [f"{title}: {len(record['points']['loss'])} runs, all of {fixed}", f"  {record['form']}"]
    level = f"{record['interval_level']:.0%}"
    for name, found in record["constants"].items():
        ends = f"{level} {found['low']:.4g} to {found['high']:.4g}" if _has_ends(found) else NO_INTERVAL
        lines.append(f"    {name:20}{found['value']:12.4g}   {ends}")
    lines.append(f"  off by {record['log_rms']:.2%} rms; the best size for a budget cannot be had from such runs")
    return [*lines, *(f"  ! {warning}" for warning in record["warnings"])]


def describe_counts(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Exponents under every count of N and C side by side, and the conventions."""
    head = f"{'N counted':20}{'C counted':10}" + "".join(f"{name:>24}" for name in _APPROACHES)
    lines = [head]
    for part, record in records.items():
        surface = record["constants"]["params_exponent"]
        for compute, found in record["by_compute"].items():
            envelope, parabola, akima = found["envelope"], found["parabola"], found["interpolation"]
            cells = [item and item["exponent"] for item in (envelope, parabola, akima)]
            shown = "".join(f"{_exponent(cell):>24}" for cell in (*cells, surface if compute == "6ND" else None))
            lines.append(f"{COUNT_NAMES[part]:20}{compute:10}{shown}")
    if any(record["chosen"] == "tied" for record in records.values()):
        lines.append("  With one exponent for both terms, approach 3 has a = 0.5 by assumption, not by measurement.")
    return [*lines, *(f"| {line}" for line in CONVENTION_BOX)]


def describe_predictions(title: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Larger runs as a fit of the smaller ones predicts them."""
    lines = [f"{title}: larger runs predicted from the smaller ones"]
    lines.append(f"  {'N':>10}{'D':>10}{'measured':>10}{'two exp.':>10}{'tied':>10}  form chosen by the small runs")
    for row in rows:
        within = "within 1 %" if abs(row["error"]) <= 0.01 else "NOT within 1 %"
        lines.append(
            f"  {row['params']:>10.3g}{row['tokens']:>10.3g}{row['loss']:>10.4f}"
            f"{row['free']:>+10.2%}{row['tied']:>+10.2%}  {row['form']}: {row['error']:+.2%}, {within}"
        )
    return lines


def describe_reach(largest: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """On which groups the largest run was predicted within 1 %, and on which not; its row of each group."""
    words: dict[bool, list[str]] = {True: [], False: []}
    for group, row in largest.items():
        words[abs(row["error"]) <= 0.01].append(f"{group} ({row['error']:+.2%})")
    return [
        f"  the largest run is predicted within 1 % on: {', '.join(words[True]) or 'none'}",
        f"  and not on: {', '.join(words[False]) or 'none'}",
    ]


def describe_plan(title: str, found: Mapping[str, Any]) -> list[str]:
    """A plan in lines; every number with its interval."""
    lines = [f"{title}: {found['flops']:.3g} FLOP, {found['extrapolation']:,.3g} times the largest run"]
    if found.get("compute"):
        lines.append(_estimate("least compute, FLOP", found["compute"]))
    lines += [_estimate(shown, found[name]) for name, shown in PLAN_NAMES.items()]
    if found["scatter"]:
        lines.append(
            f"  intervals are the law's; a run lies off it by {found['scatter']:.2%} besides (rms of those fitted)"
        )
    if cost := found.get("cost"):
        lines += [
            f"  on {cost['gpu']} at {cost['mfu']:.0%} of peak: {cost['hours']:,.4g} GPU hours, about "
            f"${_short(cost['dollars'])}",
            f"  weights and optimiser take {_short(cost['train_bytes'] / 1e9, 1)} GB: "
            f"{plural(cost['train_devices'], 'GPU')} to train, {cost['serve_devices']} to serve",
        ]
    if served := found.get("serving"):
        lines.append(f"  to serve {served['served_tokens']:.3g} tokens at that loss for the least compute in all:")
        lines += [f"  {_estimate(PLAN_NAMES[name], served[name])}" for name in list(PLAN_NAMES)[:3]]
        lines.append(f"  {_estimate('share saved', served['saved'])}")
    if corpus := found.get("corpus"):
        lines += _corpus(corpus)
    return [*lines, *(f"  ! {warning}" for warning in found["warnings"])]


def describe_published(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Published models and how far from the compute optimum they are."""
    lines = ["Published models against Chinchilla's law (tokens a parameter over those best for their compute):"]
    for row in rows:
        lines.append(
            f"  {row['name']:16}{row['tokens'] / row['params']:>8.1f} tokens a parameter   refitted constants "
            f"{row['refit']:>7.2f}, as printed {row['printed']:>7.2f}"
        )
    return lines


def _constants(record: Mapping[str, Any]) -> Iterator[str]:
    level = f"{record['interval_level']:.0%}"
    for name, shown in CONSTANT_NAMES.items():
        estimate = record["constants"][name]
        ends = f"{level} {estimate['low']:.4g} to {estimate['high']:.4g}" if _has_ends(estimate) else NO_INTERVAL
        yield f"{shown:20}{estimate['value']:12.4g}   {ends}"


def _approaches(compute: str, found: Mapping[str, Any]) -> Iterator[str]:
    yield f"N_opt ~ C^a, C {compute}:"
    envelope = found["envelope"]
    yield f"  approach 1, envelope       {_exponent(envelope and envelope['exponent'])}"
    for method in ("parabola", "interpolation"):
        item = found[method]
        words = f"  approach 2, {method:15}{_exponent(item and item['exponent'])}"
        if item:
            inside = sum(valley["inside"] for valley in item["valleys"])
            words += f"  {inside} of {len(item['valleys'])} valleys have their minimum inside"
        if item and item["exponent_bias"] is not None:
            words += (
                f"; this grid alone moves it by {item['exponent_bias']:+.3f}, N_opt by {item['params_bias'] - 1:+.0%}"
            )
        yield words
    laws = ", ".join(f"{LAW_NAMES[name]} {law['exponent']:.4g}" for name, law in found["power_laws"].items())
    yield f"  Kaplan's single laws       {laws or 'none: no frontier of two runs'}"


def _back_tests(tests: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    tied = {test["cut"]: test for test in tests["tied"]}
    if not tests["free"]:
        return
    yield "rolling back-tests: fit C below the cut, predict from it on (rms error, mean error):"
    for free in tests["free"]:
        other = tied.get(free["cut"])
        second = f"{other['error']:7.2%} {other['bias']:+7.2%}" if other else ""
        yield (
            f"  C {free['cut']:.2e}: {free['trained']:3} fitted, {free['held']:3} predicted, up to "
            f"{free['reach']:,.0f} times; two exponents {free['error']:7.2%} {free['bias']:+7.2%}; tied {second}"
        )


def _corpus(found: Mapping[str, Any]) -> Iterator[str]:
    epochs = found["epochs"]
    yield f"  corpus: {found['unique_tokens']:.3g} unique tokens, {epochs['value']:.3g} epochs of them"
    if epochs["value"] <= 1:
        yield "    enough: nothing is repeated"
        return
    yield f"  {_estimate('loss with repeats', found['loss'])}"
    yield f"  {_estimate('cost of repeating', found['loss_cost'])}"
    yield "    best with these tokens:"
    for name, shown in (("best_params", "parameters"), ("best_tokens", "tokens"), ("best_loss", "loss")):
        yield f"  {_estimate(shown, found[name])}"


def _estimate(words: str, estimate: Mapping[str, float | None]) -> str:
    value, low, high = (_number(estimate[name]) for name in ("value", "low", "high"))
    return f"  {words:22}{value:>12}   {f'{low} to {high}' if _has_ends(estimate) else NO_INTERVAL}"


def _has_ends(estimate: Mapping[str, float | None]) -> bool:
    """Whether there is an interval: without samples, and of what a form assumes, both ends are the number itself."""
    return estimate["low"] != estimate["high"] or estimate["value"] is None


def _short(value: float, digits: int = 0) -> str:
    """A number of money or memory; a small one is not rounded to nothing."""
    return f"{value:,.{digits}f}" if value >= 10 else f"{value:.2g}"


def _number(value: float | None) -> str:
    """Null, which stands for what has no bound in JSON, as a word."""
    return "unbounded" if value is None else f"{value:.4g}"


def _exponent(estimate: Mapping[str, float] | None) -> str:
    if not estimate:
        return "not from these runs"
    ends = f"{estimate['low']:.3f} to {estimate['high']:.3f}" if _has_ends(estimate) else NO_INTERVAL
    return f"{estimate['value']:.3f} ({ends})"
