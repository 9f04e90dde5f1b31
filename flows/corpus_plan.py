"""What a corpus run is asked for, and what there is to do for it: inputs found, every archive's fingerprint known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import Field

from flows.annotate_task import AnnotateJob
from flows.index_task import choose_records
from flows.looks import Budget, choose, in_parts
from flows.recipe import Recipe, load_recipe
from flows.runners import RunnerKind
from flows.settings import settings
from flows.steps import Step
from storage import addresses
from storage.errors import UserError
from storage.files import exists
from storage.inputs import expand_inputs
from storage.lake import Lake, fingerprint
from storage.schema import Section
from storage.shards import read_table
from storage.snapshots import Store
from storage.sources import Sample, Source, name_apart
from storage.uris import whole_uri


class CorpusRequest(Section):
    """What a corpus run needs to know; Prefect shows it as a form."""

    recipe: str = Field("fineweb", description="a shipped recipe, or the path of a TOML file")
    inputs: tuple[str, ...] = Field(
        (), description="files, directories, globs, URLs, CC-MAIN-...; domain=path declares a domain"
    )
    changes: tuple[str, ...] = Field((), description="section.key=value changes to the recipe")
    crawl: str | None = Field(None, description="name of the crawl; by default the snapshot's, or `local`")
    lake: str = Field(default_factory=lambda: settings().lake, description="directory or URL prefix of the lake")
    workers: int = Field(default_factory=lambda: settings().workers, ge=1, description="processes")
    sample: int | None = Field(None, ge=1, description="archives to take of each input; null for all of them")
    seed: int = Field(0, description="draws the sample; a larger one with the same seed only adds archives")
    base_url: str | None = Field(None, description="where CC-MAIN-... snapshots are read from; null: the settings'")
    max_new: int | None = Field(None, ge=1, description="archives not yet in the lake to take; null for all of them")
    max_bytes: int | None = Field(None, ge=1, description="bytes of archives not yet in the lake to take; null: any")
    max_minutes: float | None = Field(
        None, gt=0, description="minutes that reading new archives may take, by the pace of the last ones; null: any"
    )
    in_parts: bool = Field(
        False,
        description="make what is new a part of its crawl (local.0002) that is compared with the parts before it, "
        "which stay as they are: duplicates are updated, not sought anew",
    )
    runner: RunnerKind = Field("processes", description="what runs the tasks: this machine, or a cluster")
    address: str | None = Field(None, description="of a running Dask or Ray cluster; null starts one on this machine")
    wait_seconds: float = Field(0, ge=0, description="to wait for another run that writes the lake; 0: say who it is")


@dataclass(frozen=True)
class CorpusPlan:
    """A request with its inputs found and every archive's fingerprint known."""

    lake: Lake
    recipe: Recipe
    workers: int
    jobs: tuple[AnnotateJob, ...]
    selections: tuple[Step, ...] = ()
    """What was chosen from the index of each snapshot, where the recipe asks for that."""

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Archive label to fingerprint, in order."""
        return {job.label: job.fingerprint for job in self.jobs}

    @cached_property
    def run_id(self) -> str:
        """Names the run: recipe and inputs. The same command has the same run."""
        return fingerprint("run", self.recipe, self.fingerprints)

    @cached_property
    def is_finished(self) -> bool:
        """Whether this very run has been finished: its corpus, duplicates and views are there."""
        path = self.lake.absolute(self.lake.run_path(self.run_id))
        return exists(path) and read_table(path, ["state"])["state"][0].as_py() == "finished"

    @cached_property
    def pending(self) -> list[AnnotateJob]:
        """Archives whose row is not in the lake yet."""
        return [j for j in self.jobs if not self.lake.archive_row(j.source.crawl, j.source.archive, j.fingerprint)]


def plan_corpus(request: CorpusRequest) -> CorpusPlan:
    """Find the inputs and say what there is to do. Nothing is written, but for what an index was asked.

    Raises:
        UserError: No input, an input that is not there, or a recipe that does not hold.
        ShardFailed, Transient: A list or an index that a snapshot publishes cannot be had.
    """
    addresses.allow_private(settings().allow_private)
    recipe, lake, store = load_recipe(request.recipe, request.changes), Lake(request.lake), store_of(request)
    sources, steps = find_sources(request, recipe, store), list[Step]()
    if recipe.index.enabled:
        sources, steps = choose_records(lake, sources, recipe.index, store)
        if not sources:
            raise UserError("the index has no record that the recipe's index section wants.", "Widen its conditions.")
    if request.runner != "processes":  # its workers may have another working directory
        lake = Lake(whole_uri(lake.root))
        sources = [replace(source, uri=whole_uri(source.uri)) for source in sources]
    if request.in_parts:
        sources = in_parts(lake, sources)
        recipe = recipe.model_copy(update={"dedup": recipe.dedup.model_copy(update={"scope": "lake"})})
    jobs = tuple(AnnotateJob(lake.root, source, recipe) for source in sources)
    plan = CorpusPlan(lake, recipe, request.workers, jobs, tuple(steps))
    budget = Budget(request.max_new, request.max_bytes, request.max_minutes)
    taken = {job.label for job in choose(lake, plan.pending, budget, request.workers)}
    later = {job.label for job in plan.pending if job.label not in taken}
    return replace(plan, jobs=tuple(job for job in jobs if job.label not in later)) if later else plan


def store_of(request: CorpusRequest) -> Store:
    """Where the request's snapshots are read from."""
    return Store(request.base_url or settings().crawl_base_url, settings().crawl_list_url)


def find_sources(request: CorpusRequest, recipe: Recipe, store: Store) -> list[Source]:
    """Every archive that the command line and the recipe name, or a sample of them.

    Raises:
        UserError: There is none.
    """
    sample = Sample(request.sample, request.seed) if request.sample else None
    sources = expand_inputs(request.inputs, request.crawl, store, sample)
    for given in recipe.inputs:
        paths = [path if given.domain == "web" else f"{given.domain}={path}" for path in given.paths]
        drawn = Sample(given.sample, given.seed) if given.sample else sample
        sources += expand_inputs(paths, given.crawl or request.crawl, store, drawn)
    if not sources:
        raise UserError("there is nothing to read:", "name archives on the command line or in the recipe's inputs.")
    return name_apart(sources)
