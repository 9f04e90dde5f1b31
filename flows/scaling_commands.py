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
from flows.scaling_words import (
    COUNT_NAMES,
    describe_counts,
    describe_fit,
    describe_one_axis,
    describe_plan,
    describe_predictions,
    describe_published,
    describe_reach,
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


PointsOption = Annotated[Path | None, typer.Option(help="CSV of runs; by default the lake's newest ladder.")]
LossOption = Annotated[str, typer.Option("--loss-column", help="Column of the CSV that holds the loss.")]
DrawsOption = Annotated[int, typer.Option(min=0, help="Bootstrap samples for the intervals.")]
SkipOption = Annotated[bool, typer.Option("--skip-bad", help="Leave out rows without positive numbers.")]


def ladder(
    minutes: Annotated[float, typer.Option(help="Wall time there is.")],
    device: Annotated[
        str, typer.Option(help="cpu, cuda, or a100, h100, h200, b200, rtx4090: measured here, assumed elsewhere.")
    ] = "cpu",
    vocab: Annotated[int, typer.Option(min=512, help="Token ids; small models want few.")] = 1_024,
    sequence_length: Annotated[int, typer.Option(min=8, help="Of the packed tokens.")] = 128,
    budgets: Annotated[int, typer.Option(min=2, help="IsoFLOP budgets, a factor of three apart.")] = 4,
    workers: WorkersOption = DEFAULT_WORKERS,
    branches: Annotated[
        bool, typer.Option("--branches", help="A size's runs share a stem and branch off to decay: cheaper.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Recipe file to write, for `winnow scaling run`.")] = None,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """Design a ladder for a machine and a time, and say what it will cost and tell before anything is spent."""
    from flows.scaling_design import LadderWish, describe_design, design_record, make_design, recipe_text, write_recipe
    from flows.scaling_flow import expected_surface, unique_tokens
    from model.scaling.ladder import LadderConfig
    from storage.lake import Lake

    wish = LadderWish(minutes, device, vocab, sequence_length, workers, budgets)
    found, speed = make_design(wish, expected_surface(Lake(lake)), LadderConfig(branches=branches))
    if output:
        write_recipe(output, recipe_text(found.config, wish))
    if as_json:
        print(json.dumps(design_record(found, speed)))
        return
    print("\n".join(describe_design(found, speed, wish)))
    most, there = max(rung.tokens for rung in found.ladder), unique_tokens(Lake(lake))
    if 0 < there < most:
        print(
            f"! the longest run sees {most:,} tokens, the lake's newest token set has {there:,.0f}: repeats cost loss."
        )
    if output:
        print(f"run it: winnow scaling run {output}")


def fit(
    points: Annotated[
        Path,
        typer.Argument(
            help="CSV: params, tokens or flops, loss; optional params_no_embed, params_blocks_head, group, run, unique."
        ),
    ],
    loss: Annotated[str, typer.Option("--loss", "--loss-column", help="Column that holds the loss.")] = "",
    draws: DrawsOption = 400,
    below: Annotated[
        float, typer.Option(help="Also fit the runs below this size alone and predict the larger ones; 1e9.")
    ] = 0.0,
    skip_bad: SkipOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fit scaling laws to anyone's runs: Kaplan's and Chinchilla's three approaches, with intervals and doubts."""
    from model.scaling.analysis import predict_larger
    from model.scaling.record import fit_groups

    tables = _read(points, loss, skip_bad)
    _tell_work(tables, draws)
    fits = {part: fit_groups(table, draws) for part, table in tables.items()}
    if below:
        for part, table in tables.items():
            for group, members in table.groups().items():
                fits[part][group]["larger"] = predict_larger(members, below)
    if as_json:
        print(json.dumps(fits))
        return
    _print_fits(points.name, fits)


def plan(
    flops: Annotated[float | None, typer.Option(help="Budget: 6 N D, in FLOP; for example 1e21.")] = None,
    gpu_hours: Annotated[float | None, typer.Option(help="Budget in device-hours, with --gpu and --mfu.")] = None,
    loss: Annotated[float | None, typer.Option(help="Loss to reach, in the unit of the runs'.")] = None,
    gpu: Annotated[str, typer.Option(help="a100, h100, h200, b200 or rtx4090.")] = "h100",
    mfu: Annotated[float, typer.Option(help="Share of the device's peak that training reaches.")] = 0.4,
    serve_tokens: Annotated[float, typer.Option(help="Tokens the model will read and write in its lifetime.")] = 0.0,
    unique_tokens: Annotated[float, typer.Option(help="Unique tokens there are; by default the lake's newest.")] = 0.0,
    points: PointsOption = None,
    loss_column: LossOption = "",
    draws: DrawsOption = 400,
    skip_bad: SkipOption = False,
    published: Annotated[bool, typer.Option(help="Also list published models and their distance.")] = True,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """Size, tokens, cost and memory of the best model for a budget or a loss, with intervals."""
    from flows.scaling_plan import Wish, make_plans
    from model.scaling.analysis import analyse_groups
    from model.scaling.published import model_distances

    wish = Wish(flops, gpu_hours, loss, gpu, mfu, serve_tokens, unique_tokens)
    wish.check()
    if points:
        tables = _read(points, loss_column, skip_bad)
        _tell_work(tables, draws)
        fits = {part: {g: a.chosen for g, a in analyse_groups(t, draws).items()} for part, t in tables.items()}
    else:
        fits, wish = _fits_of_lake(lake, wish)
    plans = {part: {group: make_plans(found, wish) for group, found in by.items()} for part, by in fits.items()}
    distances = model_distances() if published else []
    if as_json:
        print(json.dumps({**plans, "published": distances} if published else plans))
        return
    for part, by_group in plans.items():
        for group, found in by_group.items():
            print("\n".join(describe_plan(f"{group or 'plan'}, N {COUNT_NAMES[part]}", found)) + "\n")
    if distances:
        print("\n".join(describe_published(distances)))


def compare(
    recipe_a: Annotated[str, typer.Argument(help="Recipe of the one corpus; its \\[scaling] is the ladder of both.")],
    recipe_b: Annotated[str, typer.Argument(help="Recipe of the other; a name of its own.")],
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Archives, as for `winnow corpus`; none where both corpora are made.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Of every rung, on both corpora.")] = 2,
    lake: LakeOption = DEFAULT_LAKE,
    workers: WorkersOption = DEFAULT_WORKERS,
    changes: SetOption = [],  # noqa: B006  typer reads the default, nobody changes it
    as_json: JsonOption = False,
) -> None:
    """Does a change to the data help? The same ladder on two corpora, paired; 'not distinguishable' is an answer."""
    from dataclasses import asdict

    from flows.compare_flow import compare_corpora, describe_comparison

    found = compare_corpora(recipe_a, recipe_b, tuple(inputs or ()), seeds, lake, workers, tuple(changes))
    print(json.dumps(asdict(found)) if as_json else "\n".join(describe_comparison(found)))


def figures(
    output: Annotated[str, typer.Option(help="Folder to write; by default figures in the lake.")] = "",
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """The figures of the newest ladder as files: SVG, PNG, and the numbers of each as CSV."""
    from flows.report.images import write_images
    from flows.report.scaling import scaling_section
    from flows.report.source import Source
    from storage.errors import UserError
    from storage.lake import Lake

    there = Lake(lake)
    there.check_exists()
    written = write_images(scaling_section(Source(there)).figures, output or there.absolute("figures"))
    if not written:
        raise UserError(f"the lake {lake} has no ladder to draw.", "Train one: `winnow scaling run`.")
    print("\n".join(map(str, written)))


def _print_fits(name: str, fits: Mapping[str, Mapping[str, Any]]) -> None:
    for part, by_group in fits.items():
        for group, record in by_group.items():
            title = f"{group or name}, N {part.replace('_', ' ')}"
            describe = describe_one_axis if "axis" in record else describe_fit
            print("\n".join(describe(title, record)) + "\n")
            if "larger" in record:
                print("\n".join(describe_predictions(title, record["larger"])) + "\n")
    for part, by_group in fits.items():
        if reached := {group or name: max(r["larger"], key=_size) for group, r in by_group.items() if "larger" in r}:
            print(f"N {COUNT_NAMES[part]}:")
            print("\n".join(describe_reach(reached)) + "\n")
    for group in (group for group, record in next(iter(fits.values())).items() if "axis" not in record):
        print(f"{group or name}: every count side by side")
        print("\n".join(describe_counts({part: by_group[group] for part, by_group in fits.items()})) + "\n")


def _tell_work(tables: Mapping[str, Any], draws: int) -> None:
    """What is fitted, before the minutes that it may take."""
    from flows.progress import tell

    groups = len(next(iter(tables.values())).groups())
    tell(f"fitting {groups * len(tables)} laws, each with {draws} bootstrap samples; fewer --draws are quicker")


def _size(row: Mapping[str, Any]) -> float:
    return float(row["params"])


def _read(path: Path, loss: str, skip_bad: bool) -> dict[str, Any]:
    """A CSV's runs by how N is counted."""
    from model.scaling.table import read_points
    from storage.errors import UserError

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UserError(f"{path} cannot be read: {cause}.") from error
    return read_points(text, path.name, loss, skip_bad)


def _fits_of_lake(lake: str, wish: Any) -> tuple[dict[str, Any], Any]:
    """The newest ladder's fits, and the wish with the lake's unique tokens where it named none."""
    from dataclasses import replace

    from flows.fit_records import read_fit_records
    from flows.scaling_flow import unique_tokens
    from model.scaling.record import chosen_fit
    from storage.errors import UserError
    from storage.lake import Lake

    records = read_fit_records(Lake(lake))
    if not records:
        raise UserError(
            f"the lake {lake} has no fitted ladder.", "Run `winnow scaling run`, or give --points RUNS.csv."
        )
    there = wish.unique_tokens or unique_tokens(Lake(lake))
    return {part: {"": chosen_fit(record)} for part, record in records.items()}, replace(wish, unique_tokens=there)
