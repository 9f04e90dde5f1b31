"""Rules that remove more or less than expected: counted at the end of a run, told in its artifact and at its exit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flows.annotate_task import AnnotateJob
from flows.progress import tell
from flows.what_if.verdicts import Move
from storage.catalog import Catalog
from storage.lake import Lake
from storage.views import literal_list, sql_text

SENTENCES = 5
"""Alarms told one by one at the end of a run; `winnow alarms` has them all."""


def count_judged(lake: Lake, jobs: Sequence[AnnotateJob], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For every rule the pages it judged and those that failed it, as a run's row keeps them: `RUNS.judged`.

    Args:
        lake: Where the archives are.
        jobs: The run's tasks.
        rows: The committed rows of those that were done.
    """
    done = {(row["crawl"], row["archive"]): row for row in rows}
    routes: dict[tuple[str, ...], tuple[Move, list[str]]] = {}
    for job in jobs:
        if row := done.get((job.source.crawl, job.source.archive)):
            key = (str(job.source.domain == "web"), *row["stages"])
            if key not in routes:
                routes[key] = (Move(job.stages, job.stages), [])
            routes[key][1].extend(o["path"] for o in row["outputs"] if o["table"] == "pages")
    judged, failed = Counter[str](), Counter[str]()
    for move, paths in routes.values():
        _count(lake, move, paths, judged, failed)
    return [{"rule": rule, "pages": judged[rule], "failed": failed[rule]} for rule in judged]


def alarms(lake: Lake) -> list[dict[str, Any]]:
    """Rows of the view `alarms`."""
    found: list[dict[str, Any]] = Catalog(lake).query("FROM alarms").to_pylist()
    return found


def tell_alarms(lake: Lake, run_id: str) -> None:
    """A sentence an alarm of that run, for whoever waited for it."""
    found = [alarm for alarm in alarms(lake) if alarm["run_id"] == run_id]
    for alarm in found[:SENTENCES]:
        tell(f"alarm: {sentence(alarm)}")
    if len(found) > SENTENCES:
        tell(f"{len(found) - SENTENCES} more alarms: `winnow alarms`.")


def sentence(alarm: Mapping[str, Any]) -> str:
    """One alarm in words: what the rule removed, what was expected, which knob moves it."""
    band = f"{max(alarm['expected_low_frac'], 0):.2%} to {alarm['expected_high_frac']:.2%}"
    source = f"{alarm['runs']} earlier runs had {band}" if alarm["runs"] else f"expected are {band}"
    return (
        f"{alarm['rule']} removed {alarm['drop_frac']:.2%} of {alarm['pages']:,} pages, {alarm['alarm']} "
        f"({source}); its knob is {alarm['knob']}."
    )


def _count(lake: Lake, move: Move, paths: Sequence[str], judged: Counter[str], failed: Counter[str]) -> None:
    listed = literal_list([lake.absolute(path) for path in paths])
    of_stage = {stage.name: [rule.name for rule in stage.rules] for stage in move.old}
    for row in Catalog(lake).query(sql_text("alarms/sets").format(files=listed)).to_pylist():
        for stage in move.measured(row["failed_rules"]):
            for rule in of_stage[stage]:
                judged[rule] += row["pages"]
        for rule in row["failed_rules"]:
            failed[rule] += row["pages"]
