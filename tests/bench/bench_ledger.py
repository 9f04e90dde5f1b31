"""How long the ledger takes to answer over ten million pages: what-if, funnel and the other views.

    python -m tests.bench.bench_ledger [--pages 10000000] [--lake DIR]

The lake is synthetic (nobody has ten million real pages at hand) but of real shape: the fineweb recipe's stages, rules
and columns, a Parquet file an archive of 33,000 pages, written by the lake's own writer. Values are drawn so that each
rule removes a few per cent and language four tenths; a page that failed a gate has no further signals. It is made once
and kept where --lake says (about 1 GB); by default it goes to a temporary directory and is removed.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows import query
from flows.annotate_rows import pages_schema
from flows.annotate_task import AnnotateJob
from flows.recipe import Recipe, load_recipe
from flows.recorded import recipe_record
from flows.what_if import question
from pipeline.stage import Rule, Stage
from storage import schema
from storage.catalog import Catalog
from storage.lake import Lake, fingerprint
from storage.manifest import refresh
from storage.shards import write_table
from storage.sources import Source

PAGES = 10_000_000
ARCHIVE_PAGES = 33_334  # a Common Crawl WARC holds 20,000 to 40,000
DUPLICATE_SHARE = 0.3  # of survivors
NOW = datetime(2026, 1, 1, tzinfo=UTC)
VIEWS = (
    *("funnel", "funnel_by_language", "funnel_by_crawl", "funnel_by_host"),
    *("removed_alone_by", "rule_overlap", "alarms", "examples"),
)

NEAR = "SELECT * FROM near_limit WHERE rule = 'gopher.word_count' ORDER BY distance LIMIT 20"

CHANGES = ("gopher.min_words=30", "language.min_prob=0.5")
MANY = (*CHANGES, "gopher.max_dup_line_frac=0.2", "c4.min_sentences=3", "fineweb.max_short_line_frac=0.5")


def make_lake(lake: Lake, pages: int) -> None:
    """Write archives, duplicates and the run that puts them in force."""
    recipe = load_recipe("fineweb")
    steps = []
    removed: list[pa.Table] = []
    for number in range(-(-pages // ARCHIVE_PAGES)):
        name = f"segments/{number // 100}/warc/CC-MAIN-{number:05}.warc.gz"
        rows = min(ARCHIVE_PAGES, pages - number * ARCHIVE_PAGES)
        table = draw_pages(name, rows, recipe.stages(), np.random.default_rng(number))
        steps.append(("annotate", f"c1/{name}", write_archive(lake, recipe, name, table)))
        removed.append(draw_duplicates(table, np.random.default_rng(number)))
    print_ = fingerprint("duplicates", pages)
    output = write_table(lake.root, lake.duplicates_path("c1", print_), "duplicates", pa.concat_tables(removed))
    step = {
        "step": "dedup", "key": "c1", "fingerprint": print_, "summary": "{}", "outputs": [output.to_dict()],
        "finished_at": NOW,
    }  # fmt: skip
    write_table(lake.root, lake.step_path("dedup", "c1", print_), "steps", pa.Table.from_pylist([step], schema.STEPS))
    write_run(lake, recipe, [*steps, ("dedup", "c1", print_)])
    refresh(lake)  # as a run ends


def draw_pages(archive: str, rows: int, stages: tuple[Stage, ...], draw: np.random.Generator) -> pa.Table:
    """An archive's ledger: signals, and the verdicts that the rules give them."""
    wanted = pages_schema(stages)
    lengths = draw.lognormal(10, 1, rows).astype(np.int64) + 500
    hosts = np.char.add("host", (draw.zipf(1.3, rows) % 50_000).astype(str))
    columns: dict[str, Any] = {
        "doc_id": [f"{archive[-13:-8]}{n:027x}" for n in range(rows)],
        "crawl": np.full(rows, "c1"), "archive": np.full(rows, archive),
        "offset": np.concatenate([[0], np.cumsum(lengths)[:-1]]), "length": lengths, "host": hosts,
        "url": [f"https://{host}.test/{n}" for n, host in enumerate(hosts)], "domain": np.full(rows, "web"),
        "fetched_at": np.full(rows, np.datetime64("2026-01-01", "us")), "http_status": np.full(rows, 200),
        "mime": np.full(rows, "text/html"), "charset": np.full(rows, "utf-8"), "payload_bytes": lengths * 4,
        "payload_digest": [f"{draw.integers(2**62):064x}" for _ in range(rows)],
        "language": np.where(draw.random(rows) < 0.6, "en", draw.choice(["de", "fr", "ru", "zh", "es"], rows)),
    }  # fmt: skip
    failed = np.zeros((rows, sum(len(stage.rules) for stage in stages)), bool)
    measured, position = np.ones(rows, bool), 0
    for stage in stages:
        values = {c.name: draw_signal(c.name, stage.rules, columns, draw, rows) for c in stage.adds}
        for name in (name for name in values if name in wanted.names and wanted.field(name).type == pa.float64()):
            columns[name] = pa.array(values[name], pa.float64(), mask=~measured)
        gone = np.zeros(rows, bool)
        for rule in stage.rules:
            fails = measured & ~inside(rule, values[rule.signal])
            failed[:, position] = fails
            gone |= fails & rule.gate
            position += 1
        measured = measured & ~gone
    rules = [(rule.name, stage.name) for stage in stages for rule in stage.rules]
    columns |= verdict(failed, rules)
    return pa.table([pa.array(columns.get(f.name, [None] * rows), f.type) for f in wanted], schema=wanted)


def draw_signal(
    name: str, rules: tuple[Rule, ...], columns: dict[str, Any], draw: np.random.Generator, rows: int
) -> np.ndarray:
    """Values of a signal, some of them beyond the rule's limits; counts are whole, fractions are ratios."""
    if name == "language_is_target":
        return (columns["language"] == "en").astype(float)
    rule = next((rule for rule in rules if rule.signal == name), None)
    low, high = (rule.low, rule.high) if rule else (None, None)
    if name.endswith("_prob"):
        return np.round(1 - draw.beta(1, 12, rows), 6)
    if low:
        values = low * draw.lognormal(1.3, 0.8, rows)
    elif high:
        values = high * draw.lognormal(-1.6, 0.9, rows)
    else:
        values = draw.geometric(0.95, rows) - 1.0
    if name.endswith(("_count", "_chars", "_bytes", "_steps")):
        return np.floor(values)
    return np.round(values * 997) / 997


def inside(rule: Rule, values: np.ndarray) -> np.ndarray:
    """Whether each value is within the rule's limits."""
    low = -np.inf if rule.low is None else rule.low
    high = np.inf if rule.high is None else rule.high
    return (values >= low) & (values <= high)


def verdict(failed: np.ndarray, rules: list[tuple[str, str]]) -> dict[str, Any]:
    """The verdict columns of boolean[rows, rules]."""
    names, stages = (np.array(part, object) for part in zip(*rules, strict=True))
    dropped = failed.any(axis=1)
    first = failed.argmax(axis=1)
    offsets = np.concatenate([[0], np.cumsum(failed.sum(axis=1))]).astype(np.int32)
    flat = pa.array(names[np.nonzero(failed)[1]], pa.string())
    return {
        "fate": np.where(dropped, "dropped", "kept"),
        "dropped_by": pa.array(stages[first], pa.string(), mask=~dropped),
        "dropped_by_rule": pa.array(names[first], pa.string(), mask=~dropped),
        "failed_rules": pa.ListArray.from_arrays(pa.array(offsets), flat),
    }


def draw_duplicates(pages: pa.Table, draw: np.random.Generator) -> pa.Table:
    """Some of an archive's survivors, as duplicates of the first one."""
    kept = pages.filter(pc.equal(pages["fate"], "kept"))
    first, rest = kept.slice(0, 1).to_pylist()[0], kept.slice(1)
    chosen = rest.filter(pa.array(draw.random(len(rest)) < DUPLICATE_SHARE))
    rows = len(chosen)
    columns = {
        **{name: chosen[name].combine_chunks() for name in ("crawl", "archive", "offset", "doc_id")},
        "survivor_id": [first["doc_id"]] * rows, "survivor_crawl": ["c1"] * rows,
        "survivor_archive": [first["archive"]] * rows, "survivor_offset": [first["offset"]] * rows,
        "kind": np.where(draw.random(rows) < 0.3, "exact", "near"), "jaccard": draw.uniform(0.8, 1, rows),
    }  # fmt: skip
    return pa.table([pa.array(columns[f.name], f.type) for f in schema.DUPLICATES], schema=schema.DUPLICATES)


def write_archive(lake: Lake, recipe: Recipe, name: str, pages: pa.Table) -> str:
    """Pages and the archive's row; its fingerprint."""
    size = int(np.sum(pages["length"].to_numpy()))
    job = AnnotateJob(lake.root, Source(f"/nowhere/{name}", name, "c1", "web", size, "0" * 64), recipe)
    output = write_table(lake.root, lake.pages_path("c1", name, job.fingerprint), "pages", pages)
    kept = int(np.sum(pages["fate"].to_numpy(zero_copy_only=False) == "kept"))
    row = {field.name: 0 for field in schema.ARCHIVES} | {
        "crawl": "c1", "archive": name, "fingerprint": job.fingerprint, "uri": job.source.uri, "sha256": "0" * 64,
        "selection": None,
        "format": "warc", "offsets_in": "file", "source": job.source.to_json(), "file_bytes": size,
        "stream_bytes": size, "records": len(pages), "kept_records": kept,
        "dropped_records": len(pages) - kept, "skipped_by_kind": [],
        "stages": [stage.name for stage in job.stages], "outputs": [output.to_dict()], "finished_at": NOW,
    }  # fmt: skip
    path = lake.archive_row_path("c1", name, job.fingerprint)
    write_table(lake.root, path, "archives", pa.Table.from_pylist([row], schema.ARCHIVES))
    return job.fingerprint


def write_run(lake: Lake, recipe: Recipe, steps: list[tuple[str, str, str]]) -> None:
    """The finished run that lists every archive."""
    row = {
        "run_id": "bench", "flow": "corpus", "name": recipe.name, "recipe": json.dumps(recipe_record(recipe)),
        "state": "finished", "started_at": NOW, "finished_at": NOW, "failed": [],
        "steps": [{"step": step, "key": key, "fingerprint": mark} for step, key, mark in steps],
    }  # fmt: skip
    write_table(lake.root, lake.run_path("bench"), "runs", pa.Table.from_pylist([row], schema.RUNS))


def timed(name: str, work: Callable[[], Any]) -> None:
    """Print wall and CPU seconds of one question."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    work()
    print(f"{name:28} {time.perf_counter() - wall:6.2f} s wall  {cpu_seconds() - cpu:6.2f} s CPU", flush=True)


def cpu_seconds() -> float:
    """CPU time of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ask(lake: Lake, changes: tuple[str, ...]) -> None:
    """Everything `winnow what-if` counts."""
    asked = question.ask(lake, load_recipe("fineweb", changes))
    question.funnel(asked)
    question.rules(asked)
    question.summary(asked)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--lake", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(str(options.lake or Path(folder) / "lake"))
        if not lake.files_of("runs"):
            timed("make the lake", lambda: make_lake(lake, options.pages))
        timed("build the views", lambda: Catalog(lake).rebuild())
        timed("what-if, 2 limits", lambda: ask(lake, CHANGES))
        timed("what-if, 5 limits", lambda: ask(lake, MANY))
        for view in VIEWS:
            timed(view, lambda view=view: query.view(lake, view))  # type: ignore[misc]
        timed("near_limit of one rule", lambda: query.sql(lake, NEAR))


if __name__ == "__main__":
    main()
