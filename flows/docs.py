"""What the documentation takes from the code, so that it cannot be wrong: `python -m flows.docs` writes it.

It is docs/files.md (each file's own first sentence), docs/tables.md and docs/recipes.md.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path

import pyarrow as pa

from flows.recipe import STAGE_SECTIONS, load_recipe
from flows.recipe_reference import recipes_page
from pipeline.stage import Rule
from storage import schema
from storage.columns import describe
from storage.views import VIEWS

ROOMS = {
    "flows": "WHEN: Prefect, the command line, reports, the demo's source. Nothing clever.",
    "pipeline": "WHAT: pure functions of bytes and Arrow batches. No files, no network, no torch.",
    "model": "LEARNING: the only home of torch.",
    "storage": "WHERE: everything that touches a disk or a store; the only door to DuckDB.",
}
TABLES = {
    "pages": (
        schema.PAGES,
        "one row a content record or unreadable span; the stages' signals come after these",
    ),
    "documents": (schema.DOCUMENTS, "texts of the pages that no rule dropped"),
    "bands": (schema.BANDS, "keys under which near-duplicates of a survivor are looked for"),
    "duplicates": (schema.DUPLICATES, "one row a page removed for another"),
    "pii": (schema.PII, "one row a replacement of personal data"),
    "contamination": (schema.CONTAMINATION, "one row a stretch of a page that is in a benchmark"),
    "benchmarks": (schema.BENCHMARKS, "one row an archive and benchmark that was looked for in its pages"),
    "archives": (schema.ARCHIVES, "one row an archive: its books"),
    "steps": (schema.STEPS, "one row a finished whole-corpus step"),
    "costs": (schema.COSTS, "what each stage cost"),
    "mixture": (schema.MIXTURE, "mixture.parquet beside a corpus: domains asked for and given"),
    "corpus": (schema.CORPUS, "the shards people train on"),
    "sequences": (schema.SEQUENCES, "packed tokens; `doc_ids` lead from a sequence back to its documents"),
    "fertility": (schema.FERTILITY, "fertility.parquet beside packed tokens: how finely each domain is cut"),
    "forgotten": (schema.FORGOTTEN, "one row a tombstone: what was forgotten, as a digest"),
    "runs": (schema.RUNS, "one row a run"),
    "trainings": (schema.TRAININGS, "one row a trained model"),
    "evaluations": (schema.EVALUATIONS, "one row a number found about trained models"),
}


def files_page(root: Path) -> str:
    """docs/files.md: every source file with its caption, room by room."""
    rooms = "\n".join(f"## `{room}/`\n\n{says}\n\n{_room(root, room)}\n" for room, says in ROOMS.items())
    return FILES_PAGE.format(rooms=rooms)


FILES_PAGE = """# Files

Written by `python -m flows.docs`; a test compares. The captions are the files' own first sentences. `flows` may use the
other rooms; `pipeline` and `model` take only schemas and errors (and files, for checkpoints) from `storage`; nothing
imports upwards.

{rooms}
Beside them: `flows/recipes/*.toml` the shipped recipes, `storage/sql/*.sql` the views and the whole-corpus steps,
`flows/demo/written/*.toml` the pages written for the demo, `prefect.yaml` deployments and schedules, `tests/golden`
verdicts that must not change by accident, `tests/bench` what `make bench` measures.
"""


def tables_page(root: Path) -> str:
    """docs/tables.md: the lake's tables, the signals and rules of the fineweb recipe, the views."""
    tables = "\n".join(f"### `{name}`\n\n{says}\n\n{_columns(columns)}\n" for name, (columns, says) in TABLES.items())
    views = "\n".join(f"### `{name}`\n\n{_header(root / 'storage' / 'sql' / f'{name}.sql')}\n" for name in VIEWS)
    return TABLES_PAGE.format(tables=tables, signals=_signals(), views=views)


TABLES_PAGE = """# Tables, signals, views

Written by `python -m flows.docs` from `storage/schema.py`, the stages and `storage/sql`; a test compares.

## Tables

Parquet files of the lake. Null is not zero: the third column says what it means; where it says nothing there
is never one.

{tables}
## Signals and rules

Columns that the stages of the `fineweb` recipe add, and the limits its rules set. A page passes when every
limit holds; limits are inclusive and null fails.

{signals}

## Views

What `winnow sql` sees; each is a file of `storage/sql`, whose head this is.

{views}"""


def _room(root: Path, room: str) -> str:
    files = sorted(path for path in (root / room).rglob("*.py") if path.name != "__init__.py")
    captions = {path.relative_to(root / room).as_posix(): _caption(path) for path in files}
    width = max(map(len, captions))
    lines = [f"{name:{width}}  {caption}" for name, caption in captions.items()]
    return "\n".join(["```", *lines, "```"])


def _caption(path: Path) -> str:
    """The first sentence of a file's docstring, on one line."""
    doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = " ".join(doc.partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) (?=[A-Z])", first)[0].rstrip(".")


def _columns(columns: pa.Schema) -> str:
    rows = ((f"`{c['column']}`", f"`{c['type']}`", c["null"], _meaning(c["doc"], c["unit"])) for c in describe(columns))
    return _markdown(("column", "type", "null", "meaning"), rows)


def _signals() -> str:
    rows = []
    recipe = load_recipe("fineweb")
    parts = [part for name in STAGE_SECTIONS for part in recipe.section(name)]  # those that are off, too
    for stage in (stage for part in parts for stage in part.stages()):
        rules = {rule.signal: rule for rule in stage.rules}
        for column in describe(stage.adds):
            name = column["column"]
            rule = _limits(rules[name]) if name in rules else ""
            rows.append((f"`{stage.name}`", f"`{name}`", rule, _meaning(column["doc"], column["unit"])))
    return _markdown(("stage", "signal", "rule", "meaning"), rows)


def _limits(rule: Rule) -> str:
    low = f"{_number(rule.low)} ≤ " if rule.low is not None else ""
    high = f" ≤ {_number(rule.high)}" if rule.high is not None else ""
    return f"{low}x{high} (`{rule.knob}`)"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _meaning(doc: str, unit: str) -> str:
    return f"{doc} [{unit}]" if unit else doc


def _header(path: Path) -> str:
    """The comment at the head of an SQL file."""
    comment = takewhile(lambda line: line.startswith("--"), path.read_text("utf-8").splitlines())
    lines = [line.removeprefix("--").strip() for line in comment]
    return "\n".join(lines)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def main() -> None:
    """Write all three into this source tree."""
    root = Path(__file__).resolve().parent.parent
    (root / "docs" / "files.md").write_text(files_page(root), "utf-8")
    (root / "docs" / "tables.md").write_text(tables_page(root), "utf-8")
    (root / "docs" / "recipes.md").write_text(recipes_page(), "utf-8")


if __name__ == "__main__":
    main()
