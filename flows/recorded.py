"""A run as the lake recorded it: its recipe, and its archives as they were read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc
from pydantic import ValidationError

from flows.annotate_task import AnnotateJob
from flows.recipe import Recipe
from storage.errors import UserError
from storage.lake import Lake
from storage.shards import read_table
from storage.sources import WEB, Source, expand_inputs

_NOT_SETTINGS = ("stages", "rules")
"""What a recorded recipe holds besides its keys: see `flows.corpus_flow.recipe_record`."""


@dataclass(frozen=True)
class RecordedRun:
    """A finished corpus run, its recipe, and the committed row of every archive it put in force, in its order."""

    run_id: str
    recipe: Recipe
    archives: tuple[Mapping[str, Any], ...]


def recorded_recipe(text: str) -> Recipe:
    """The recipe of a run's row.

    Raises:
        UserError: Its keys are not this version's.
    """
    values = {key: value for key, value in json.loads(text).items() if key not in _NOT_SETTINGS}
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UserError(
            "the run's recipe has keys this version of Winnow does not know.", "Run `winnow corpus` again first."
        ) from error


def find_run(lake: Lake, recipe: Recipe) -> RecordedRun:
    """The newest finished corpus run of a recipe of that name.

    Raises:
        UserError: There is none.
    """
    lake.check_exists()
    name = recipe.mix.name or recipe.name
    runs = [run for run in lake.rows("runs") if run["flow"] == "corpus" and run["state"] == "finished"]
    named = [run for run in runs if run["name"] == name]
    if not named:
        known = ", ".join(sorted({run["name"] for run in runs}))
        hint = f"It has: {known}." if known else f"Make one: `winnow corpus {name} INPUT... --lake {lake.root}`."
        raise UserError(f"the lake {lake.root} has no finished run of a recipe named {name!r}.", hint)
    newest = max(named, key=lambda run: (run["finished_at"], run["run_id"]))
    rows = [_archive_row(lake, step) for step in newest["steps"] if step["step"] == "annotate"]
    return RecordedRun(newest["run_id"], recorded_recipe(newest["recipe"]), tuple(row for row in rows if row))


def job_of(lake: Lake, recipe: Recipe, row: Mapping[str, Any]) -> AnnotateJob:
    """The task that wrote an archive's row, found again from the row alone.

    What a source was declared to hold stands nowhere in the row: it is the domain whose fingerprint is the row's.
    So a job that is returned is also proof that this version of Winnow reads that archive as the row says.

    Raises:
        UserError: No domain gives that fingerprint: the recipe, the archive or Winnow has changed since.
    """
    size = row["file_bytes"]
    versions = [(size, None)] if row["sha256"] else [(0, None), (size, _etag(row)), (size, None)]
    for domain in _domains(lake, row):
        for known_size, etag in versions:  # a snapshot's list tells neither sizes nor marks
            source = Source(row["uri"], row["archive"], row["crawl"], domain, known_size, row["sha256"], etag)
            job = AnnotateJob(lake.root, source, recipe)
            if job.fingerprint == row["fingerprint"]:
                return job
    raise UserError(
        f"archive {row['crawl']}/{row['archive']} was read by another version of Winnow, or has changed since.",
        "Run `winnow corpus` with these settings instead: it reads the archives again.",
    )


def _domains(lake: Lake, row: Mapping[str, Any]) -> list[str]:
    """The web, then whatever the archive's pages say."""
    [pages] = [output["path"] for output in row["outputs"] if output["table"] == "pages"]
    found: list[Any] = pc.unique(read_table(lake.absolute(pages), ["domain"])["domain"]).to_pylist()
    return [WEB, *sorted(set(found) - {WEB})]


def _archive_row(lake: Lake, step: Mapping[str, str]) -> dict[str, Any] | None:
    """The committed row of a run's (annotate, crawl/archive); either name may have slashes of its own."""
    parts = step["key"].split("/")
    names = (("/".join(parts[:n]), "/".join(parts[n:])) for n in range(1, len(parts)))
    return next((row for name in names if (row := lake.archive_row(*name, step["fingerprint"]))), None)


def _etag(row: Mapping[str, Any]) -> str | None:
    """The store's own mark of the version it has now."""
    return expand_inputs([row["uri"]], crawl=row["crawl"])[0].etag
