"""`winnow what-if --apply`: the corpus that a full run with other limits gives, without reading the archives again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture
from pydantic import Field

from flows import query
from flows.alarms import tell_alarms
from flows.corpus_flow import CorpusResult, run_plan
from flows.corpus_plan import CorpusPlan
from flows.progress import tell
from flows.recorded import job_of
from flows.runners import local_pools
from flows.settings import settings
from flows.what_if.derive import DeriveJob, derive
from flows.what_if.question import Question, ask_for
from flows.work import prefect_api, unit_of_work
from flows.writing import writing
from storage.lake import Lake
from storage.lease import held
from storage.schema import Section


class ApplyRequest(Section):
    """What applying other limits needs to know; Prefect shows it as a form."""

    recipe: str | None = Field(
        None, description="a shipped recipe, or the path of a TOML file; null: the settings that the run had"
    )
    changes: tuple[str, ...] = Field((), description="section.key=value changes to the recipe")
    lake: str = Field(default_factory=lambda: settings().lake, description="directory or URL prefix of the lake")
    run: str | None = Field(
        None,
        description="run of the lake, its id or its recipe's name; null: the newest, of the recipe if there is one",
    )
    workers: int = Field(default_factory=lambda: settings().workers, ge=1, description="processes")

    @property
    def label(self) -> str:
        """What it starts from, in a word."""
        return self.recipe or self.run or "newest"


@flow(name="what-if", flow_run_name="what-if-{request.label}")
def apply_flow(request: ApplyRequest) -> CorpusResult:
    """A run made again under other limits: archives derived, then duplicates and mix anew."""
    lake = Lake(request.lake)
    lake.check_writable()
    with writing(lake, f"winnow what-if {request.label} --apply") as lease:
        question = ask_for(lake, request.recipe, request.changes, request.run)
        jobs = derivations(question)
        plan = CorpusPlan(lake, question.recipe, request.workers, tuple(job.new for job in jobs))
        lease.tell_run(plan.run_id)
        of_label = {job.new.label: job for job in jobs}
        return run_plan(plan, lambda job: submit_derivation(of_label[job.label]), local_pools(plan.workers))


def run_apply(request: ApplyRequest, quiet: bool) -> None:
    """Run the flow and print the lake's funnel as it is then; with `quiet`, only say where it is."""
    with prefect_api():
        result = apply_flow(request)
    if quiet:
        tell(f"applied as run {result.run_id}; `winnow funnel` shows it.")
    else:
        query.print_view(Lake(request.lake), "funnel", as_json=False)
    tell_alarms(Lake(request.lake), result.run_id)


def derivations(question: Question) -> list[DeriveJob]:
    """A job an archive of the run, in the order in which a full run would have them.

    Raises:
        UserError: An archive was read by another version of Winnow.
    """
    jobs = []
    for archive in question.run.archives:
        old = job_of(question.lake, question.run.recipe, archive)
        jobs.append(DeriveJob(old, replace(old, recipe=question.recipe), archive))
    return sorted(jobs, key=lambda job: (job.new.source.crawl, job.new.source.archive))


def submit_derivation(job: DeriveJob) -> PrefectFuture[dict[str, Any]]:
    """Start making one archive's rows from those it has."""
    return derive_archive.submit(job.new.label, replace(job, new=replace(job.new, fence=held(job.new.lake))))


@unit_of_work("derive")
def derive_archive(label: str, job: DeriveJob) -> dict[str, Any]:
    """One archive, in a process of the pool."""
    return derive(job)
