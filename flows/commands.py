"""What the corpus commands print and do, between the command line and the flows."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console

from flows import query
from flows.alarms import tell_alarms
from flows.blocks import print_blocks
from flows.corpus_flow import corpus_flow
from flows.corpus_plan import CorpusPlan, CorpusRequest, plan_corpus
from flows.highlights import highlighted
from flows.index_task import describe_choice
from flows.progress import tell
from flows.recipe import STAGE_SECTIONS, Recipe, changed_recipe, load_recipe, shipped_recipes
from flows.recorded import find_run
from flows.report.words import plural
from flows.work import prefect_api
from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.stage import Rule, Stage
from storage import patience
from storage.errors import UserError
from storage.lake import Lake
from storage.uris import split_url


def run_corpus(request: CorpusRequest, dry_run: bool) -> None:
    """Run the corpus flow and print its funnel; with `dry_run`, say what it would do."""
    patience.announce = tell
    plan = plan_corpus(request)
    if dry_run:
        print_plan(plan)
        return
    Lake(request.lake).check_writable()
    with prefect_api():
        result = corpus_flow(request)
    query.print_view(Lake(request.lake), "funnel", as_json=False)
    tell_losses(Lake(request.lake), result.archives)
    tell_alarms(Lake(request.lake), result.run_id)
    if result.failures:
        tell(f"{plural(len(result.failures), 'archive')} failed and stayed out; the same command tries again.")


def tell_losses(lake: Lake, archives: Sequence[Mapping[str, Any]]) -> None:
    """What of a run's archives could not be read, and what removed most where nothing was kept."""
    if lost := [row for row in archives if row["unreadable_records"]]:
        records, size = (sum(row[f"unreadable_{unit}"] for row in lost) for unit in ("records", "bytes"))
        tell(f"{plural(records, 'record')} ({size:,} bytes) of {plural(len(lost), 'archive')} could not be read:")
        for row in query.sql(lake, _CAUSES, [[row["archive"] for row in lost]]).to_pylist():
            tell(f"  {row['records']:,} of {row['archive']}{' and others' * row['more']}: {row['detail']}")
    if archives and not any(row["kept_records"] for row in archives):
        removed = query.sql(lake, _REMOVED, [[row["archive"] for row in archives]]).to_pylist()
        most = [f"; most pages fell to {row['rule']}{_in_brackets(row['detail'])}" for row in removed]
        tell(f"no page was kept{''.join(most)}. `winnow funnel` and `winnow why URL` say more.")


_CAUSES = """
    SELECT detail, count(*) AS records, min(archive) AS archive, count(DISTINCT archive) > 1 AS more
    FROM ledger WHERE fate = 'unreadable' AND list_contains($1, archive)
    GROUP BY detail ORDER BY records DESC, detail LIMIT 3
"""

_REMOVED = """
    SELECT dropped_by_rule AS rule, mode(detail) AS detail FROM ledger
    WHERE fate = 'dropped' AND list_contains($1, archive) GROUP BY rule ORDER BY count(*) DESC, rule LIMIT 1
"""


def _in_brackets(detail: str | None) -> str:
    return f" ({detail})" if detail else ""


def print_plan(plan: CorpusPlan) -> None:
    """What there is to do, an archive a line; first what was chosen by an index."""
    for step in plan.selections:
        print(describe_choice(step, [job.source for job in plan.jobs]))
    pending = {job.label for job in plan.pending}
    for job in plan.jobs:
        state = "to do" if job.label in pending else "done"
        chosen = job.source.excerpt
        size = f"{chosen.records:,} records, {chosen.bytes:,} bytes" if chosen else f"{job.source.size:,} bytes"
        if not chosen and job.source.path:
            size = ""  # nobody has said yet
        print(f"{state:6} {job.source.domain:14} {job.label}  {job.fingerprint}  {size}".rstrip())


def print_recipe(name: str | None, changes: Sequence[str], run: str | None, lake: str) -> None:
    """Keys and values, as TOML would have them, of a recipe or of a lake's run; without either the shipped names."""
    if name and run:
        raise UserError("a recipe and --run are two answers;", "give one of them.")
    if name is None and run is None:
        if changes:
            raise UserError("--set changes a recipe, and none is named;", "put its name before it.")
        print("\n".join(shipped_recipes()))
        return
    loaded = load_recipe(name, changes) if name else changed_recipe(find_run(Lake(lake), run).recipe, changes)
    for key, value in _flat(loaded.model_dump(mode="json")):
        print(f"{key} = {json.dumps(value, ensure_ascii=False)}")


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            rows.extend(_flat(value, f"{prefix}{key}."))
        else:
            rows.append((prefix + key, value))
    return rows


def try_page(
    section: str, file: Path, url: str, recipe: str, changes: Sequence[str], as_json: bool, why: bool = False
) -> None:
    """Print what the stages of one recipe section make of a page; with `why`, how each block of it was judged."""
    loaded = load_recipe(recipe, changes)
    data = _read(file)
    if why:
        print_blocks(section, loaded, data, as_json)
        return
    stages = _stages_of(loaded, section)
    verdicts = run_stages(_batch_of(data, file, url), stages)
    row = verdicts.table.drop_columns(["body"]).to_pylist()[0]
    if as_json:
        print(json.dumps(row, ensure_ascii=False, default=str))
        return
    text = row.pop("text", None)
    for name, value in row.items():
        if value not in (None, []):
            print(f"{name:34} {_in_rows(value)}")
    for line in _judgement(stages, row):
        print(line)
    if not text:
        print("\n(no text)")
        return
    Console(highlight=False, soft_wrap=True).print("\n", highlighted(section, loaded, text, row), sep="")


def _judgement(stages: Sequence[Stage], row: Mapping[str, Any]) -> list[str]:
    """What the rules said: a line for each that failed, with its limits and the key that moves them."""
    rules = [rule for stage in stages for rule in stage.rules]
    failed = [f"fails {rule.name}: {_wanted(rule, row)}" for rule in rules if rule.name in row["failed_rules"]]
    return failed or [f"passes {_listed([stage.name for stage in stages if stage.rules])}"]


def _wanted(rule: Rule, row: Mapping[str, Any]) -> str:
    value, ends = row.get(rule.signal), [("at least", rule.low), ("at most", rule.high)]
    limits = " and ".join(f"{word} {end:,.6g}" for word, end in ends if end is not None)
    return f"{'not measured' if value is None else f'{value:,.6g}'}, wanted {limits}{_in_brackets(rule.knob or None)}"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _in_rows(value: Any) -> str:
    """A value of a page's row; rows within it, as spans are, on lines of their own."""
    if not (isinstance(value, list) and isinstance(value[0], dict)):
        return str(value)
    return "\n  ".join(["", *("  ".join(f"{name} {part}" for name, part in row.items()) for row in value)])


def _stages_of(recipe: Recipe, section: str) -> list[Stage]:
    """The section's stages, after extraction, which gives every other its text."""
    if section not in STAGE_SECTIONS:
        raise UserError(f"there is no stage {section!r};", f"one of: {', '.join(STAGE_SECTIONS)}.")
    wanted = ["extract"] if section == "extract" else ["extract", section]
    return [stage for name in wanted for part in recipe.section(name) for stage in part.stages()]


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error


def _batch_of(data: bytes, file: Path, url: str) -> DocumentBatch:
    """One page: HTML is extracted, anything else is taken as text already."""
    is_html = file.suffix.lower() in (".html", ".htm", ".xhtml") or data.lstrip()[:1] == b"<"
    text = None if is_html else data.decode("utf-8", "replace")
    return DocumentBatch(
        {
            "doc_id": pa.array(["00000000-0000-0000-0000-000000000000"]),
            "url": pa.array([url or None], pa.string()),
            "host": pa.array([split_url(url).hostname], pa.string()),
            "domain": pa.array(["web"]),
            "mime": pa.array(["text/html" if is_html else "text/plain"]),
            "charset": pa.array([None], pa.string()),
            "charset_hint": pa.array([None], pa.string()),
            "body": pa.array([data if is_html else None], pa.binary()),
            "text": pa.array([text], pa.string()),
        }
    )
