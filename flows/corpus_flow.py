"""Archives to a mixed corpus: annotate every archive, find duplicates in each crawl, mix. Resumes by default.

What is done is known from the lake, by fingerprint: the same command after Ctrl-C or kill -9 does only the rest,
and gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from prefect import flow
from prefect.futures import PrefectFuture

from flows import mix_task
from flows.alarms import alarms, count_judged, sentence
from flows.annotate_task import AnnotateJob, annotate
from flows.artifacts import plain, publish_corpus
from flows.corpus_plan import CorpusPlan, CorpusRequest, plan_corpus
from flows.dataset_card import provenance_of
from flows.dedup_steps import dedup_all, outputs_of, texts_to_mix
from flows.events import announce
from flows.progress import progress, tell
from flows.recorded import name_of, recipe_record
from flows.report.words import plural
from flows.runners import Pools, open_pools
from flows.settings import settings
from flows.stall import watched
from flows.steps import Step, run_step
from flows.survival import Ended, at_work, marks, survive
from flows.work import WINDOW, gather, phase, unit_of_work
from flows.writing import writing
from storage import addresses, schema
from storage.catalog import Catalog
from storage.errors import Fatal, ShardFailed
from storage.files import exists, sha256_of
from storage.lake import Lake, fingerprint
from storage.lease import committing, held
from storage.manifest import refresh
from storage.redaction import redacted
from storage.shards import Output, read_table, write_table

Submit = Callable[[AnnotateJob], PrefectFuture[dict[str, Any]]]
"""Starts the task that writes an archive's rows."""


@dataclass(frozen=True)
class CorpusResult:
    """What a corpus run did."""

    run_id: str
    archives: list[dict[str, Any]]
    dedup: dict[str, Step]
    mix: Step
    failures: dict[str, ShardFailed] = field(default_factory=dict)


@flow(name="corpus", flow_run_name="corpus-{request.recipe}")
def corpus_flow(request: CorpusRequest) -> CorpusResult:
    """Archives to a mixed corpus, with its ledger, its duplicates and its views."""
    lake = Lake(request.lake)
    lake.check_writable()
    with (
        writing(lake, f"winnow corpus {request.recipe}", request.wait_seconds) as lease,
        open_pools(request.runner, request.address, request.workers) as pools,
    ):
        plan = plan_corpus(request)
        lease.tell_run(plan.run_id)
        return run_plan(plan, submit_annotation, pools)


def run_plan(plan: CorpusPlan, submit: Submit, pools: Pools) -> CorpusResult:
    """Everything a corpus run does, the rows of archives that are not in the lake yet made by what `submit` starts."""
    lake = plan.lake
    if not exists(lake.absolute(lake.run_path(plan.run_id))):
        write_run(plan, "running", plan.fingerprints, [])
    there = len(plan.jobs) - len(plan.pending)
    tell(f"{plural(len(plan.jobs), 'archive')}, {there:,} of them already in the lake {lake.root}")
    rows, failures = annotate_all(plan, submit, pools)
    dedup = phase("dedup", pools.threads, lambda: dedup_all(lake, plan.recipe.dedup, plan.workers, rows))
    mix = phase("mix", pools.threads, lambda: mix_all(plan, rows, dedup))
    done = {label: fp for label, fp in plan.fingerprints.items() if label not in failures}
    steps = [*plan.selections, *dedup.values(), mix]
    write_run(plan, "finished", done, steps, failures, count_judged(lake, plan.jobs, rows))
    refresh(lake)
    Catalog(lake).rebuild()
    publish_corpus(lake)
    tell_corpus(plan, mix, failures)
    return CorpusResult(plan.run_id, rows, dedup, mix, failures)


@unit_of_work("annotate")
def annotate_archive(label: str, job: AnnotateJob, marks: str | None, stall_seconds: float) -> dict[str, Any]:
    """One archive, in a process of the pool."""
    addresses.allow_private(settings().allow_private)
    with at_work(label, marks), watched(label, stall_seconds):
        return annotate(job)


def submit_annotation(job: AnnotateJob) -> PrefectFuture[dict[str, Any]]:
    """Start reading one archive."""
    job = replace(job, fence=held(job.lake))
    return annotate_archive.submit(job.label, job, marks(), settings().stall_seconds)


def tell_archive(label: str, outcome: dict[str, Any] | ShardFailed) -> None:
    """The event of an archive that was read or given up."""
    if isinstance(outcome, ShardFailed):
        announce("archive.failed", label, {"cause": str(outcome)})
        return
    counted = ("records", "kept_records", "dropped_records", "skipped_records", "unreadable_records", "file_bytes")
    announce("archive.done", label, {name: outcome[name] for name in counted})


def tell_corpus(plan: CorpusPlan, mix: Step, failures: Mapping[str, ShardFailed]) -> None:
    """The events of a finished run: its corpus, and its alarms."""
    documents = sum(output.rows for output in mix.outputs_of("corpus"))
    done, tokens = len(plan.jobs) - len(failures), mix.summary["given_tokens"]
    said = f"{mix.key}: {documents:,} documents, {tokens:,} tokens to train on, of {done:,} archives"
    counts = {"archives": done, "failed": len(failures), "documents": documents, "tokens": tokens}
    announce("corpus.done", mix.key, counts | {"fingerprint": mix.fingerprint, "run_id": plan.run_id, "sentence": said})
    for alarm in alarms(plan.lake):
        if alarm["run_id"] == plan.run_id:
            announce("alarm", alarm["rule"], plain(alarm) | {"sentence": sentence(alarm)})


def annotate_all(plan: CorpusPlan, submit: Submit, pools: Pools) -> tuple[list[dict[str, Any]], dict[str, ShardFailed]]:
    """Every archive's row, in the plan's order; those that failed apart.

    Raises:
        Fatal: More archives failed than the recipe allows.
    """
    jobs = {job.label: job for job in plan.pending}

    def do(labels: Iterable[str], ended: Ended) -> None:
        def end(label: str, outcome: dict[str, Any] | ShardFailed) -> None:
            ended(label, outcome)
            tell_archive(label, outcome)

        window = max(WINDOW, 4 * plan.workers)
        gather(labels, lambda label: submit(jobs[label]), shown, end, window)

    with progress("annotate", len(jobs)) as shown:
        _, failures = survive(jobs, lambda labels, ended: phase("annotate", pools.processes, lambda: do(labels, ended)))
    allowed = plan.recipe.max_failed_share * len(plan.jobs)
    for label, error in failures.items():
        tell(f"archive {label} failed: {error}")
    if len(failures) > allowed:
        raise Fatal(
            f"{len(failures)} of {len(plan.jobs)} archives failed, more than max_failed_share allows.",
            "The same command tries them again.",
        )
    found = (plan.lake.archive_row(j.source.crawl, j.source.archive, j.fingerprint) for j in plan.jobs)
    return [row for row in found if row], failures


def mix_all(plan: CorpusPlan, rows: Sequence[dict[str, Any]], dedup: Mapping[str, Step]) -> Step:
    """The corpus: survivors of every crawl without their duplicates, in the proportions asked for."""
    recipe, lake = plan.recipe, plan.lake
    name = name_of(recipe)
    upstream = [sorted(row["fingerprint"] for row in rows), [step.fingerprint for step in dedup.values()]]
    counter = sha256_of(recipe.mix.tokenizer) if recipe.mix.tokenizer else None
    key = fingerprint("mix", mix_task.VERSION, recipe.mix, counter, name, upstream)
    duplicates = [output for step in dedup.values() for output in step.outputs_of("duplicates")]
    documents = texts_to_mix(outputs_of(rows, "documents"), dedup)

    def work() -> tuple[Sequence[Output], Mapping[str, Any]]:
        provenance = provenance_of(lake, recipe, rows, duplicates)
        mixed = mix_task.write_mixture(
            lake, name, key, documents, duplicates, recipe.mix, outputs_of(rows, "pages"), provenance
        )
        tokens = sum(row["given_tokens"] for row in mixed.rows)
        return mixed.outputs, {"name": name, "given_tokens": tokens, "shortfall": mixed.shortfall}

    return run_step(lake, "mix", name, key, work)


def write_run(
    plan: CorpusPlan,
    state: str,
    archives: Mapping[str, str],
    steps: Sequence[Step],
    failures: Mapping[str, ShardFailed] = MappingProxyType({}),
    judged: list[dict[str, Any]] | None = None,
) -> None:
    """The run's row: the archives planned at the start; at the end those done, those failed, and the steps."""
    lake, path = plan.lake, plan.lake.absolute(plan.lake.run_path(plan.run_id))
    now = datetime.now(UTC)
    row = {
        "run_id": plan.run_id,
        "flow": "corpus",
        "name": name_of(plan.recipe),
        "recipe": redacted(json.dumps(recipe_record(plan.recipe), sort_keys=True)),
        "state": state,
        "started_at": read_table(path)["started_at"][0].as_py() if exists(path) else now,
        "finished_at": now if state == "finished" else None,
        "steps": [{"step": "annotate", "key": label, "fingerprint": fp} for label, fp in archives.items()]
        + [{"step": s.step, "key": s.key, "fingerprint": s.fingerprint} for s in steps],
        "failed": [{"archive": label, "cause": str(error)} for label, error in failures.items()],
        "judged": judged,
    }
    with committing(lake.root):
        write_table(lake.root, lake.run_path(plan.run_id), "runs", pa.Table.from_pylist([row], schema.RUNS))
