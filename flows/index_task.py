"""Records of snapshots chosen by their index: which of which archives; done once, known by its row in the lake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from statistics import mean
from typing import Any

from flows.progress import progress
from flows.steps import Step, run_step
from storage import index
from storage.errors import UserError
from storage.excerpts import excerpts_of
from storage.files import size_of
from storage.index_config import IndexConfig
from storage.lake import Lake, fingerprint
from storage.shards import Output, output_of
from storage.snapshots import Store
from storage.sources import Sample, Source

_AT_ONCE = 4
"""Files of the index that are asked at the same time; DuckDB opens connections of its own for each."""

_LOOKED_AT = 20
"""Archives whose size is asked for, to estimate that of all."""


def choose_records(
    lake: Lake, sources: Sequence[Source], config: IndexConfig, store: Store
) -> tuple[list[Source], list[Step]]:
    """The sources, snapshots' archives among them with what the index chose of each; those of no use left out.

    Returns:
        The sources, and a step for each snapshot, whose summary has `records`, `bytes` and `archives` chosen,
        `fetched_bytes` (with the gaps that are read over), `index_records` of the whole index, and `archives_asked`.

    Raises:
        UserError: No snapshot at all, one without a columnar index, or a condition that is none.
        ShardFailed, Transient: A file of the index cannot be read.
    """
    snapshots: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        if source.path is not None:
            snapshots[source.path.split("/")[1]].append(source)
    if not snapshots:
        raise UserError(
            "index.enabled is set, but no input is a CC-MAIN-... snapshot;", "other archives have no index."
        )
    chosen, steps = [source for source in sources if source.path is None], []
    for snapshot in sorted(snapshots):
        step = _choose_in(lake, snapshot, snapshots[snapshot], config, store)
        found = excerpts_of(lake, step.outputs_of("selections")[0].path)
        wanted = ((source, found.get(source.path or "")) for source in snapshots[snapshot])
        chosen += [replace(source, excerpt=excerpt) for source, excerpt in wanted if excerpt]
        steps.append(step)
    return chosen, steps


def _choose_in(lake: Lake, snapshot: str, sources: Sequence[Source], config: IndexConfig, store: Store) -> Step:
    files = index.index_files(store, snapshot)
    archives = sorted({source.path for source in sources if source.path})
    names = [uri.rpartition("/")[2] for uri in files]
    key = fingerprint("selection", index.VERSION, config, archives, names, [index.stamp_of(uri) for uri in files])

    def work() -> tuple[Sequence[Output], Mapping[str, Any]]:
        lake.check_writable()
        parts = _each(files, lambda uri: index.search_file(lake, snapshot, uri, archives, config))
        listed = sum(_each(files, index.count_records))
        plan = index.choose(lake, parts, lake.selection_path(snapshot, key), config)
        excerpts = excerpts_of(lake, plan.path).values()
        summary = {
            "records": plan.rows,
            "bytes": sum(excerpt.bytes for excerpt in excerpts),
            "fetched_bytes": sum(excerpt.fetched_bytes for excerpt in excerpts),
            "archives": len(excerpts),
            "archives_asked": len(archives),
            "index_records": listed,
        }
        return [plan, *(output_of(lake.root, "index", part) for part in parts)], summary

    return run_step(lake, "index", snapshot, key, work)


def _each(files: Sequence[str], action: Callable[[str], Any]) -> list[Any]:
    """The action's result for every file, in their order."""
    with progress("index", len(files)) as shown, ThreadPoolExecutor(_AT_ONCE) as pool:

        def one(uri: str) -> Any:
            result = action(uri)
            shown.advance(uri.rpartition("/")[2])
            return result

        try:
            return list(pool.map(one, files))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def describe_choice(step: Step, sources: Sequence[Source]) -> str:
    """One sentence: what was chosen of a snapshot, and what share of its archives' bytes that is.

    Args:
        sources: The archives with what was chosen of them; a few of the snapshot's are asked for their whole size.
    """
    said = step.summary
    own = [source for source in sources if source.path and source.path.split("/")[1] == step.key]
    sizes = list(_sizes(Sample(_LOOKED_AT).of(own, lambda source: source.archive)))
    about = "" if len(sizes) == said["archives_asked"] else "about "
    whole = mean(sizes) * said["archives_asked"] if sizes else 0
    share = f", {about}{said['fetched_bytes'] / whole:.2%} of {about}{whole:,.0f}" if whole else ""
    return (
        f"{step.key}: {said['records']:,} of the {said['index_records']:,} records its index lists, in "
        f"{said['archives']:,} of {said['archives_asked']:,} archives: {said['bytes']:,} bytes; "
        f"to fetch, with what lies between near ones: {said['fetched_bytes']:,} bytes{share}"
    )


def _sizes(sources: Sequence[Source]) -> Iterator[int]:
    """Bytes of each archive that a mirror has: one that it lacks fails when it is read, and ends no estimate."""
    for source in sources:
        with suppress(UserError):
            yield size_of(source.uri)
