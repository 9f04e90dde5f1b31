"""A run as the lake recorded it: its recipe, and its archives as they were read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from flows.annotate_task import AnnotateJob
from flows.recipe import Recipe, changed_recipe, load_recipe
from flows.recipe_files import whole_paths
from pipeline.expected import expected_drop
from storage.errors import UserError
from storage.lake import Lake
from storage.manifest import committed
from storage.sources import Source
from storage.uris import whole_uri

LATEST = "latest"
"""As a run: the newest of all."""

_NOT_SETTINGS = ("stages", "rules", "files")
"""What a recorded recipe holds besides its keys."""


@dataclass(frozen=True)
class RecordedRun:
    """A finished corpus run.

    Attributes:
        recipe: As it was made, every `--set` in it.
        archives: The committed row of every archive it put in force, in its order.
        others: Of every other recipe that the lake has a finished run of, the id of the newest and its name, newest
            first; another value of one key makes another recipe.
    """

    run_id: str
    name: str
    recipe: Recipe
    archives: tuple[Mapping[str, Any], ...]
    others: tuple[tuple[str, str], ...]


def recipe_record(recipe: Recipe) -> dict[str, Any]:
    """The recipe as the lake keeps it: its values, with whole paths of files, its stages in order, its rules with their
    knobs, and the sha256 of the files it names."""
    rules = [asdict(rule) | {"expected_drop": expected_drop(rule)} for rule in recipe.rules()]
    stages = [stage.name for stage in recipe.stages()]
    digests = {whole_uri(path): digest for path, digest in recipe.files().items()}
    return whole_paths(recipe.model_dump(mode="json")) | {"stages": stages, "rules": rules, "files": digests}


def recorded_recipe(text: str) -> Recipe:
    """The recipe of a run's row.

    Raises:
        UserError: Its keys are not this version's.
    """
    values = {key: value for key, value in json.loads(text).items() if key not in _NOT_SETTINGS}
    try:
        return Recipe.model_validate(whole_paths(values))  # lakes of before have paths as they were given
    except ValidationError as error:
        raise UserError(
            "the run's recipe has keys this version of Winnow does not know.", "Run `winnow corpus` again first."
        ) from error


def name_of(recipe: Recipe) -> str:
    """What a lake calls the runs and the corpus of a recipe."""
    return recipe.mix.name or recipe.name


def find_run(lake: Lake, wanted: str | None = None) -> RecordedRun:
    """The newest finished corpus run of a recipe of that name, or whose id begins so; of any, where nothing or "latest"
    is wanted.

    Raises:
        UserError: There is none.
    """
    lake.check_exists()
    wanted = None if wanted == LATEST else wanted
    runs = _finished_runs(lake)
    if not runs:
        raise UserError(
            f"the lake {lake.root} has no finished corpus run.",
            f"Make one: `winnow corpus {wanted or 'fineweb'} INPUT... --lake {lake.root}`.",
        )
    found = [run for run in runs if wanted in (None, run["name"])]
    found = found or [run for run in runs if wanted and run["run_id"].startswith(wanted)]
    if not found:
        names = list(dict.fromkeys(run["name"] for run in runs))
        raise UserError(
            f"the lake {lake.root} has no finished run of a recipe named {wanted!r}, nor one of that id.",
            f"It has {', '.join(names)}; `--run` takes {'that' if len(names) == 1 else 'one of these'}.",
        )
    taken = found[0]
    steps = [(step["key"], step["fingerprint"]) for step in taken["steps"] if step["step"] == "annotate"]
    rows = _archive_rows(lake, set(steps))
    archives = tuple(rows[step] for step in steps if step in rows)
    return RecordedRun(
        taken["run_id"], taken["name"], recorded_recipe(taken["recipe"]), archives, _of_other_recipes(taken, runs)
    )


def settings_for(lake: Lake, recipe: str | None, changes: Sequence[str], corpus: str | None = None) -> Recipe:
    """What to train by: a recipe that is named, else what the corpus was made by.

    Args:
        lake: Where the corpus is.
        recipe: A shipped recipe or a .toml file; None takes the settings of the newest run of that corpus, or of all,
            and FineWeb's where no run is known.
        changes: As `section.key=value`.
        corpus: Its name, or that of the tokens made of it.
    """
    if recipe is not None:
        return load_recipe(recipe, changes)
    runs = _finished_runs(lake)
    taken = [run for run in runs if run["name"] == corpus] or runs
    if not taken:
        return load_recipe("fineweb", changes)
    try:
        made_by = recorded_recipe(taken[0]["recipe"])
    except UserError as error:
        raise UserError(error.message, f"{error.hint} --recipe takes the settings of another.".strip()) from error
    return changed_recipe(made_by, changes)


def _finished_runs(lake: Lake) -> list[dict[str, Any]]:
    """Rows of finished corpus runs, newest first."""
    finished = [run for run in lake.rows("runs") if run["flow"] == "corpus" and run["state"] == "finished"]
    return sorted(finished, key=lambda run: (run["finished_at"], run["run_id"]), reverse=True)


def _of_other_recipes(taken: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    newest: dict[str, tuple[str, str]] = {}
    for run in runs:
        newest.setdefault(run["recipe"], (run["run_id"], run["name"]))
    newest.pop(taken["recipe"])
    return tuple(newest.values())


def job_of(lake: Lake, recipe: Recipe, row: Mapping[str, Any]) -> AnnotateJob:
    """The task that wrote an archive's row, found again from the row alone.

    A job that is returned is also proof that this version of Winnow reads that archive as the row says.

    Raises:
        UserError: It gives another fingerprint: the recipe, a file it names, or Winnow has changed since.
    """
    job = AnnotateJob(lake.root, Source.from_json(row["source"]), recipe)
    if job.fingerprint == row["fingerprint"]:
        return job
    raise UserError(
        f"archive {row['crawl']}/{row['archive']} was read by another version of Winnow, or a file that the "
        "recipe names has changed since.",
        "Run `winnow corpus` with these settings instead: it reads the archives again.",
    )


def _archive_rows(lake: Lake, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The committed rows of those archives, by crawl/archive and fingerprint."""
    rows = committed(lake).drop_columns(["path"])
    names = rows.select(["crawl", "archive", "fingerprint"]).to_pylist()
    keys = [(f"{name['crawl']}/{name['archive']}", name["fingerprint"]) for name in names]
    places = [place for place, key in enumerate(keys) if key in wanted]
    found = rows.take(pa.array(places, pa.int64())).to_pylist()
    return dict(zip((keys[place] for place in places), found, strict=True))
