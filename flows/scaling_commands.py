"""`winnow scaling`: ladders, fits of anyone's runs, and plans. Added to the app in `flows.cli`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.options import (
    DEFAULT_LAKE,
    DEFAULT_WORKERS,
    JsonOption,
    LakeOption,
    RecipeArgument,
    SetOption,
    WorkersOption,
)


def run(
    recipe: RecipeArgument = "demo",
    name: Annotated[str | None, typer.Option(help="Token set to train on; by default the newest.")] = None,
    lake: LakeOption = DEFAULT_LAKE,
    workers: WorkersOption = DEFAULT_WORKERS,
    changes: SetOption = [],  # noqa: B006  typer reads the default, nobody changes it
) -> None:
    """Train the recipe's ladder of small models and fit L(N, D) to their losses. Run it again to resume."""
    from flows.recipe import load_recipe
    from flows.scaling_flow import ScalingRequest, scaling_flow
    from flows.work import prefect_api

    loaded = load_recipe(recipe, changes)
    request = ScalingRequest(
        name=name,
        config=loaded.scaling,
        model=loaded.model,
        train=loaded.training,
        lake=lake,
        workers=workers,
    )
    with prefect_api():
        scaling_flow(request)


def fit(
    points: Annotated[
        Path, typer.Argument(help="CSV: params, tokens or flops, loss; optional params_no_embed, group, run.")
    ],
    loss: Annotated[str, typer.Option(help="Column that holds the loss.")] = "",
    draws: Annotated[int, typer.Option(min=0, help="Bootstrap samples for the intervals.")] = 1000,
    as_json: JsonOption = False,
) -> None:
    """Fit L(N, D) = E + A/N^alpha + B/D^beta to anyone's runs, with intervals and what they cannot tell."""
    from model.scaling.record import fit_to_record

    fits = {
        part: {group: fit_to_record(found) for group, found in by_group.items()}
        for part, by_group in _fit_file(points, loss, draws).items()
    }
    if as_json:
        print(json.dumps(fits))
        return
    for part, by_group in fits.items():
        for group, record in by_group.items():
            print("\n".join(describe_fit(f"{group or points.name}, N {part.replace('_', ' ')}", record)) + "\n")


def plan(
    flops: Annotated[float, typer.Option(help="Budget: 6 N D, in FLOP; for example 1e21.")],
    points: Annotated[
        Path | None, typer.Option(help="CSV of runs to plan from; by default the lake's newest ladder.")
    ] = None,
    loss: Annotated[str, typer.Option(help="Column of the CSV that holds the loss.")] = "",
    draws: Annotated[int, typer.Option(min=0, help="Bootstrap samples for the intervals.")] = 1000,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """The size and the tokens of least loss for a budget of compute, with intervals."""
    from dataclasses import asdict

    from model.scaling.plan import plan as plan_for

    fits = _fit_file(points, loss, draws) if points else _fits_of_lake(lake)
    plans = {
        part: {group: asdict(plan_for(found, flops)) for group, found in by_group.items()}
        for part, by_group in fits.items()
    }
    if as_json:
        print(json.dumps(plans))
        return
    for part, by_group in plans.items():
        for group, found in by_group.items():
            print("\n".join(describe_plan(f"{group or 'plan'}, N {part.replace('_', ' ')}", found)) + "\n")


def describe_fit(title: str, record: Mapping[str, Any]) -> list[str]:
    """A fit's constants with their intervals, its power laws and its doubts, in lines."""
    constants = record["constants"]
    lines = [
        f"{title}: {len(record['points']['loss'])} runs, off by {record['log_rms']:.2%} rms",
        f"  {record['form']}",
    ]
    level = f"{record['interval_level']:.0%}"
    for name, shown in _CONSTANT_NAMES.items():
        estimate = constants[name]
        lines.append(f"  {shown:22}{estimate['value']:12.4g}   {level} {estimate['low']:.4g} to {estimate['high']:.4g}")
    for name, law in record["power_laws"].items():
        lines.append(f"  {_LAW_NAMES[name]:22}{law['exponent']:12.4g}   {law['rows']} runs on the frontier")
    return [*lines, *(f"  ! {warning}" for warning in record["warnings"])]


def describe_plan(title: str, found: Mapping[str, Any]) -> list[str]:
    """A plan in lines; every number with its interval."""
    lines = [f"{title}: {found['flops']:.3g} FLOP, {found['extrapolation']:,.3g} times the largest run"]
    for name, shown in _PLAN_NAMES.items():
        estimate = found[name]
        lines.append(f"  {shown:22}{estimate['value']:12.4g}   {estimate['low']:.4g} to {estimate['high']:.4g}")
    return [*lines, *(f"  ! {warning}" for warning in found["warnings"])]


_CONSTANT_NAMES = {
    "E": "E",
    "A": "A",
    "B": "B",
    "alpha": "alpha",
    "beta": "beta",
    "params_exponent": "a in N_opt ~ C^a",
}
_LAW_NAMES = {"params": "Kaplan alpha_N", "tokens": "Kaplan alpha_D", "flops": "Kaplan alpha_C"}
_PLAN_NAMES = {
    "params": "parameters",
    "tokens": "tokens",
    "tokens_per_param": "tokens a parameter",
    "loss": "loss",
}


def _fit_file(path: Path, loss: str, draws: int) -> dict[str, Any]:
    """Fits of a CSV's runs, by how N is counted, then by group."""
    from model.scaling.fit import fit_groups
    from model.scaling.points import read_points
    from storage.errors import UserError

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UserError(f"{path} cannot be read: {cause}.") from error
    return {part: fit_groups(points, draws) for part, points in read_points(text, path.name, loss).items()}


def _fits_of_lake(lake: str) -> dict[str, Any]:
    from flows.scaling_flow import read_fit_records
    from model.scaling.record import fit_from_record
    from storage.errors import UserError
    from storage.lake import Lake

    records = read_fit_records(Lake(lake))
    if not records:
        raise UserError(
            f"the lake {lake} has no fitted ladder.", "Run `winnow scaling run`, or give --points RUNS.csv."
        )
    return {part: {"": fit_from_record(record)} for part, record in records.items()}
