"""Which pages are compared with which: the searches for duplicates of a run, each a step of the lake.

A crawl is compared with itself, with the other crawls of its run, or also with crawls that were in the lake before it
(`dedup.scope`, `dedup.against`). Pages of earlier crawls are settled: they are matched from their stored band keys,
named as survivors, and never touched. Earlier means: whose first archive came into the lake first.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flows import dedup_buckets, dedup_parts, dedup_results, dedup_task, spans_task
from flows.dedup_job import DedupJob
from flows.progress import progress, tell
from flows.steps import Step, run_step
from flows.trim_task import document_path
from flows.work import gather, unit_of_work
from pipeline.dedup.config import DedupConfig
from storage.catalog import Catalog
from storage.errors import UserError
from storage.lake import Lake, fingerprint
from storage.manifest import committed
from storage.selection import DEDUP, InForce, Selection
from storage.shards import Output

Rows = Sequence[Mapping[str, Any]]
"""Rows of archives."""


@dataclass(frozen=True)
class Settled:
    """Pages of one earlier crawl, as its archives and its own search for duplicates left them.

    Attributes:
        crawl: Its name.
        documents, bands: Its files, in the same order.
        duplicates: Pages of it that were removed.
        state: Fingerprints of its archives and searches: what it decides here depends on nothing else.
    """

    crawl: str
    documents: tuple[Output, ...]
    bands: tuple[Output, ...]
    duplicates: tuple[Output, ...]
    state: tuple[str, ...]


def outputs_of(rows: Rows, table: str) -> list[Output]:
    """The files of one table that archives' rows list."""
    outputs = (Output.from_dict(output) for row in rows for output in row["outputs"])
    return [output for output in outputs if output.table == table]


def dedup_all(lake: Lake, config: DedupConfig, workers: int, rows: Rows) -> dict[str, Step]:
    """The searches for duplicates of a run's archives, crawl by crawl; none where deduplication is off.

    Raises:
        UserError: `dedup.against` names a crawl that is not there, or one whose band keys do not compare.
    """
    if not config.enabled:
        return {}
    crawls: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        crawls[row["crawl"]].append(row)
    earlier = _earlier_crawls(lake, config, crawls)
    if config.scope == "run":
        settled = {one.crawl: one for found in earlier.values() for one in found}
        return dedup_group(lake, config, workers, crawls, [settled[name] for name in sorted(settled)])
    steps: dict[str, Step] = {}
    done: list[Settled] = []
    for crawl in sorted(crawls, key=lambda name: (name not in config.against, name)):
        here = [one for one in done if config.scope == "lake" or one.crawl in config.against]
        steps |= dedup_group(lake, config, workers, {crawl: crawls[crawl]}, [*earlier[crawl], *here])
        done.append(_as_settled(crawl, crawls[crawl], steps[crawl]))
    return dict(sorted(steps.items()))


def dedup_group(
    lake: Lake, config: DedupConfig, workers: int, crawls: Mapping[str, Rows], settled: Sequence[Settled]
) -> dict[str, Step]:
    """The search among some crawls' survivors: one step a crawl, all made by the same search."""
    names = tuple(sorted(crawls))
    rows = [row for name in names for row in crawls[name]]
    states = [(one.crawl, one.state) for one in settled]
    key = fingerprint("dedup", dedup_task.VERSION, config, sorted(row["fingerprint"] for row in rows), states)
    if settled:
        tell(f"dedup: {'+'.join(names)} is also compared with {', '.join(one.crawl for one in settled)}")
    job = DedupJob(
        *(lake.root, names, key, tuple(outputs_of(rows, "documents")), tuple(outputs_of(rows, "bands")), config),
        settled_documents=tuple(output for one in settled for output in one.documents),
        settled_bands=tuple(output for one in settled for output in one.bands),
        settled_duplicates=tuple(output for one in settled for output in one.duplicates if output.rows),
    )
    made: dict[str, tuple[list[Output], dict[str, Any]]] = {}

    def work(crawl: str) -> tuple[list[Output], dict[str, Any]]:
        if not made:
            made.update(dedup_units(job, workers))
        return made[crawl]

    return {name: run_step(lake, DEDUP, name, key, lambda name=name: work(name)) for name in names}  # type: ignore[misc]


def dedup_units(job: DedupJob, workers: int) -> dict[str, tuple[list[Output], dict[str, Any]]]:
    """One search, each unit a task; how many there are changes nothing of what comes out.

    Returns:
        For every crawl of the job its files and the search's summary.
    """
    unit_task.submit(f"{job.name} rank", dedup_task.rank_pages, replace(job, threads=workers)).result()
    ranges = dedup_buckets.plan_bands(job, units=2 * workers)
    _all_units({f"{job.name} bands {low}-{high}": (dedup_buckets.link_bands, job, (low, high)) for low, high in ranges})
    parts = dedup_parts.plan_parts(job, ranges)
    numbers = dedup_parts.plan_texts(job)
    _all_units({f"{job.name} texts {number}": (dedup_parts.gather_texts, job, number) for number in numbers})
    _all_units({f"{job.name} part {part}": (dedup_parts.judge_part, job, part) for part in range(parts)})
    outputs, summary = dedup_results.write_duplicates(replace(job, threads=workers))
    files = {crawl: [output] for crawl, output in zip(job.crawls, outputs, strict=True)}
    if job.config.spans_wanted:
        found, counts = spans_task.find_spans(replace(job, threads=workers), outputs, _all_units)
        files = {crawl: [*files[crawl], *found[crawl]] for crawl in job.crawls}
        summary |= counts
    if summary["cut_buckets"]:
        tell(
            f"dedup: {summary['cut_buckets']:,} giant buckets of {job.name} were cut at max_bucket="
            f"{job.config.max_bucket}; {summary['uncompared_pages']:,} pages stayed, not compared with all others"
        )
    return {crawl: (files[crawl], summary) for crawl in job.crawls}


def texts_to_mix(documents: Sequence[Output], steps: Mapping[str, Step]) -> list[Output]:
    """The documents files, each replaced by the one without its repeated spans where a search wrote one."""
    shorter = {document_path(output.path): output for step in steps.values() for output in step.outputs_of("trimmed")}
    return [shorter.get(output.path, output) for output in documents]


@unit_of_work("dedup")
def unit_task(label: str, work: Callable[..., None], *arguments: Any) -> None:
    """One unit of deduplication."""
    work(*arguments)


def _all_units(units: Mapping[str, tuple[Any, ...]]) -> None:
    with progress("dedup", len(units)) as shown:
        _, failures = gather(units, lambda label: unit_task.submit(label, *units[label]), shown)
    for error in failures.values():
        raise error


def _as_settled(crawl: str, rows: Rows, step: Step) -> Settled:
    fingerprints = sorted({row["fingerprint"] for row in rows} | {step.fingerprint})
    return Settled(
        *(crawl, tuple(outputs_of(rows, "documents")), tuple(outputs_of(rows, "bands"))),
        *(tuple(step.outputs_of("duplicates")), tuple(fingerprints)),
    )


def _earlier_crawls(lake: Lake, config: DedupConfig, crawls: Mapping[str, Rows]) -> dict[str, list[Settled]]:
    """For every crawl of the run, the crawls of other runs that it is compared with."""
    if config.scope != "lake" and not config.against:
        return {crawl: [] for crawl in crawls}
    arrived = _arrivals(lake)
    if unknown := sorted(set(config.against) - set(arrived)):
        raise UserError(
            f"dedup.against names crawl {unknown[0]!r}, which is not in the lake;",
            f"it has {', '.join(sorted(arrived))}.",
        )
    selection = Catalog(lake).selection()
    recipes = {row["run_id"]: json.loads(row["recipe"]) for row in lake.rows("runs")}
    found: dict[str, Settled] = {}
    chosen: dict[str, list[Settled]] = {}
    for crawl in crawls:
        others = [name for name in sorted(arrived) if name not in crawls and _applies(name, crawl, config, arrived)]
        for name in others:
            if name not in found:
                found[name] = _settled(selection, name, config, recipes)
        chosen[crawl] = [found[name] for name in others]
    return chosen


def _applies(name: str, crawl: str, config: DedupConfig, arrived: Mapping[str, datetime]) -> bool:
    return name in config.against or (config.scope == "lake" and arrived[name] < arrived[crawl])


def _arrivals(lake: Lake) -> dict[str, datetime]:
    """When the first archive of every crawl came into the lake, under whatever recipe."""
    arrived: dict[str, datetime] = {}
    for row in committed(lake).select(["crawl", "finished_at"]).to_pylist():
        arrived[row["crawl"]] = min(row["finished_at"], arrived.get(row["crawl"], row["finished_at"]))
    return arrived


def _settled(
    selection: Selection, crawl: str, config: DedupConfig, recipes: Mapping[str, Mapping[str, Any]]
) -> Settled:
    archives = [archive for archive in selection.archives if archive.row["crawl"] == crawl]
    for archive in archives:
        _check_comparable(archive, config, recipes.get(archive.run_id or "", {}).get("dedup"))
    searches = {selection.dedup[archive.name] for archive in archives if archive.name in selection.dedup}
    steps = [step for step in selection.steps if step.name == (DEDUP, crawl) and step.row["fingerprint"] in searches]
    rows = [archive.row for archive in archives]
    duplicates = outputs_of([step.row for step in steps], "duplicates")
    state = sorted({row["fingerprint"] for row in rows} | searches)
    documents, bands = outputs_of(rows, "documents"), outputs_of(rows, "bands")
    return Settled(crawl, tuple(documents), tuple(bands), tuple(duplicates), tuple(state))


def _check_comparable(archive: InForce, config: DedupConfig, section: Mapping[str, Any] | None) -> None:
    if not config.near or section is None:
        return
    wanted = config.signature_settings()
    for name, value in wanted.items():
        if section.get(name) != value or not section.get("enabled", True):
            crawl = archive.row["crawl"]
            raise UserError(
                f"crawl {crawl} was signed with dedup.{name}={section.get(name)}, this recipe has {value}: "
                "their band keys do not compare.",
                f"Set dedup.{name} as it was, or run `winnow corpus` on {crawl} again with this recipe first.",
            )
