"""The lake's views as SQL: statements from `storage/sql`, over exactly the files that are in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from storage import near_limits, schema
from storage.lake import Lake
from storage.selection import InForce, Row, Selection, records_of, spread
from storage.statements import quoted

VIEWS = (
    *(
        "archives",
        "steps",
        "runs",
        "trainings",
        "evaluations",
        "pages",
        "documents",
        "pii",
        "contamination",
        "benchmarks",
        "costs",
        "duplicates",
        "spans",
        "mixture",
        "fertility",
    ),
    *("corpus", "ledger", "books", "funnel", "funnel_by_crawl", "funnel_by_host", "funnel_by_language"),
    *("rules", "rule_overlap", "removed_alone_by", "near_limit", "examples", "alarms", "cost", "scaling_points"),
    *("contaminated_items", "benchmark_contamination", "evaluations_with_contamination"),
)
"""Every view, each after those it reads; `storage/sql/<view>.sql` says what it answers."""

EXAMPLE_PAGES = 100_000
"""Pages that examples are drawn from, at least, where there are as many."""

_SEEN_ENOUGH = 20
"""Pages expected to fail a rule among those, below which its failed pages are looked for everywhere."""

_SQL = Path(__file__).parent / "sql"

_PAGES = pa.schema(
    [*schema.PAGES, *(schema.DOCUMENTS.field(name) for name in ("language", "language_prob", "quality"))]
)
"""Columns that `pages` always has: views that count languages must not break without a language stage."""

_SIMPLE_TYPES = {
    pa.string(): "VARCHAR", pa.large_string(): "VARCHAR", pa.binary(): "BLOB", pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT", pa.int16(): "SMALLINT", pa.int32(): "INTEGER", pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT", pa.uint16(): "USMALLINT", pa.uint32(): "UINTEGER", pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT", pa.float64(): "DOUBLE", pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
}  # fmt: skip


def sql_text(name: str) -> str:
    """The statement in `storage/sql/<name>.sql`, with its header."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


def headers() -> dict[str, str]:
    """What each view answers: the comment at the head of its statement, without the dashes."""
    return {name: "\n".join(_header_lines(sql_text(name))).replace("{pages:,}", f"{EXAMPLE_PAGES:,}") for name in VIEWS}


def statements(lake: Lake, selection: Selection) -> list[str]:
    """What to execute, in order, for every view; the selection's rows say as `filename` where they lie."""
    rows = _rows(lake, selection)
    texts = {name: _filled(sql_text(name), rows.get(name)) for name in VIEWS}
    near = "\nUNION ALL\n".join(near_limits.queries(selection)) or near_limits.NONE
    texts["near_limit"] = texts["near_limit"].format(queries=near)
    texts["examples"] = _examples(lake, selection, near)
    views = [f"CREATE VIEW {name} AS\n{texts[name]}" for name in VIEWS]
    return ["CREATE SCHEMA state", *_current_tables(selection), *views]


def _examples(lake: Lake, selection: Selection, near: str) -> str:
    """The view `examples`: whole archives drawn for it, and the rules that fail too rarely to be met in them."""
    drawn = spread(selection.archives, EXAMPLE_PAGES)
    files = alike(lake, (output for archive in drawn for output in archive.outputs("pages")))
    share = 1.0 if len(drawn) == len(selection.archives) else records_of(drawn) / records_of(selection.archives)
    rare = [rule for rule, pages in selection.failed.items() if pages and share < 1 and pages * share < _SEEN_ENOUGH]
    rules = ", ".join(map(quoted, sorted(rare)))
    return sql_text("examples").format(
        pages=EXAMPLE_PAGES,
        sample=relation(files, _with_signals(_PAGES, selection)),
        queries=near,
        rarely=f"list_has_any(failed_rules, [{rules}])" if rare else "false",
    )


def sql_type(kind: pa.DataType) -> str:
    """DuckDB's name of an Arrow type."""
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return "STRUCT(" + ", ".join(f'"{part.name}" {sql_type(part.type)}' for part in kind) + ")"
    if pa.types.is_map(kind):
        return f"MAP({sql_type(kind.key_type)}, {sql_type(kind.item_type)})"
    return _SIMPLE_TYPES[kind]


def _rows(lake: Lake, selection: Selection) -> dict[str, str]:
    """What each base view reads from, by its name: a parenthesised query."""

    def read(outputs: Iterable[Row], columns: pa.Schema) -> str:
        return relation(alike(lake, outputs), columns)

    def keyed(table: str, columns: pa.Schema, label: str | None) -> str:
        return _keyed(selection.steps_with(table), table, columns, label, read)

    def small(uris: Sequence[str], columns: pa.Schema) -> str:
        return relation([("", uris)], columns)

    costs = [
        *selection.archive_outputs("costs"),
        *(output for step in selection.steps for output in step.outputs("costs")),
    ]
    return {
        "archives": small([archive.row["filename"] for archive in selection.archives], schema.ARCHIVES),
        "steps": small([step.row["filename"] for step in selection.steps], schema.STEPS),
        "runs": small(lake.files_of("runs"), schema.RUNS),
        "trainings": small(lake.files_of("trainings"), schema.TRAININGS),
        "evaluations": small(lake.files_of("evaluations"), schema.EVALUATIONS),
        "pages": read(selection.archive_outputs("pages"), _with_signals(_PAGES, selection)),
        "documents": read(selection.archive_outputs("documents"), schema.DOCUMENTS),
        "pii": read(selection.archive_outputs("pii"), schema.PII),
        "contamination": read(selection.archive_outputs("contamination"), schema.CONTAMINATION),
        "benchmarks": read(selection.archive_outputs("benchmarks"), schema.BENCHMARKS),
        "costs": read(costs, schema.COSTS),
        "duplicates": keyed("duplicates", schema.DUPLICATES, None),
        "spans": keyed("spans", schema.SPANS, None),
        "mixture": keyed("mixture", schema.MIXTURE, "corpus"),
        "fertility": keyed("fertility", schema.FERTILITY, "corpus"),
        "corpus": keyed("corpus", schema.CORPUS, "corpus"),
    }


def alike(lake: Lake, outputs: Iterable[Row]) -> list[tuple[str, list[str]]]:
    """Files, absolute, by the digest of their columns; "" of those whose row does not tell it."""
    groups: dict[str, list[str]] = {}
    for output in outputs:
        groups.setdefault(output.get("columns") or "", []).append(lake.absolute(output["path"]))
    return list(groups.items())


def relation(groups: Iterable[tuple[str, Sequence[str]]], columns: pa.Schema) -> str:
    """A query over files, in parentheses: typed columns even without a file, further ones as the files have them.

    Args:
        groups: Files that have the same columns, of which the first is asked for them; those of "" are all looked into.
        columns: What there is in any case.
    """
    nothing = ", ".join(f'NULL::{sql_type(column.type)} AS "{column.name}"' for column in columns)
    parts = [f"SELECT {nothing} WHERE false"]
    for digest, uris in groups:
        if uris:
            by_name = "" if digest else "union_by_name = true, "
            parts.append(f"FROM read_parquet([{', '.join(map(quoted, uris))}], {by_name}hive_partitioning = false)")
    return f"({' UNION ALL BY NAME '.join(parts)})"


def _keyed(
    steps: Sequence[InForce],
    table: str,
    columns: pa.Schema,
    label: str | None,
    read: Callable[[Iterable[Row], pa.Schema], str],
) -> str:
    """Files of whole-corpus steps, each row with its step's fingerprint (and key, where it has a `label`)."""
    parts = []
    for step in steps:
        key = f"{quoted(step.name[1])} AS {label}, " if label else ""
        rows = read(step.outputs(table), columns)
        parts.append(f"SELECT {key}{quoted(step.row['fingerprint'])} AS fingerprint, * FROM {rows}")
    key = f"NULL::VARCHAR AS {label}, " if label else ""
    parts.append(f"SELECT {key}NULL::VARCHAR AS fingerprint, * FROM {relation([], columns)}")
    return "(" + " UNION ALL BY NAME ".join(parts) + ")"


def _current_tables(selection: Selection) -> list[str]:
    """Two small tables that say what is in force: the views join them."""
    archives = [
        (a.row["crawl"], a.row["archive"], a.row["fingerprint"], a.run_id, selection.dedup.get(a.name))
        for a in selection.archives
    ]
    steps = [(*item.name, item.row["fingerprint"], item.run_id) for item in (*selection.archives, *selection.steps)]
    return [
        *_table("state.archives", ("crawl", "archive", "fingerprint", "run_id", "dedup_fingerprint"), archives),
        *_table("state.steps", ("step", "key", "fingerprint", "run_id"), steps),
        *_rule_table(selection),
    ]


def _table(name: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> list[str]:
    made = [f"CREATE TABLE {name} ({', '.join(f'{column} VARCHAR' for column in columns)})"]
    values = ["(" + ", ".join("NULL" if value is None else quoted(value) for value in row) + ")" for row in rows]
    if values:
        made.append(f"INSERT INTO {name} VALUES {', '.join(values)}")
    return made


def _rule_table(selection: Selection) -> list[str]:
    """The rules of the runs in force, as the runs recorded them."""
    columns = (
        "run_id VARCHAR, position INTEGER, rule VARCHAR, signal VARCHAR, low DOUBLE, high DOUBLE, knob VARCHAR, "
        "gate BOOLEAN, expected_low DOUBLE, expected_high DOUBLE"
    )
    rows = []
    for run_id, position, rule in selection.rules:
        band = rule.get("expected_drop") or (None, None)
        numbers = (rule.get("low"), rule.get("high"))
        texts = [quoted(run_id), str(position), quoted(rule["name"]), quoted(rule["signal"])]
        texts += [*map(_number, numbers), quoted(rule.get("knob") or ""), str(bool(rule.get("gate")))]
        rows.append(f"({', '.join([*texts, *map(_number, band)])})")
    made = [f"CREATE TABLE state.rules ({columns})"]
    return [*made, f"INSERT INTO state.rules VALUES {', '.join(rows)}"] if rows else made


def _number(value: float | None) -> str:
    return "NULL" if value is None else f"'{float(value)!r}'::DOUBLE"


def _with_signals(columns: pa.Schema, selection: Selection) -> pa.Schema:
    """The columns, and every signal that a rule in force reads: views over limits must not miss one."""
    signals = dict.fromkeys(rule["signal"] for _, _, rule in selection.rules)
    new = [pa.field(name, pa.float64()) for name in signals if name not in columns.names]
    return pa.schema([*columns, *new])


def _filled(statement: str, rows: str | None) -> str:
    return statement if rows is None else statement.replace("{rows}", rows)


def _header_lines(statement: str) -> list[str]:
    lines = statement.splitlines()
    return [line.removeprefix("--").strip() for line in lines[: _first_code(lines)]]


def _first_code(lines: Sequence[str]) -> int:
    return next((index for index, line in enumerate(lines) if not line.startswith("--")), len(lines))
