"""The lake's views as SQL: statements from `storage/sql`, over exactly the files that are in force."""

from __future__ import annotations

import re
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
    *("contaminated_items", "benchmark_contamination", "evaluations_with_contamination", "finetunings"),
)
"""Every view, each after those it reads; `storage/sql/<view>.sql` says what it answers."""

EXAMPLE_PAGES = 100_000
"""Pages that examples are drawn from, at least, where there are as many."""

_SEEN_ENOUGH = 20
"""Pages expected to fail a rule among those, below which its failed pages are looked for everywhere."""

_LOOKS_AROUND = re.compile(r"\b(show|describe|summarize|information_schema|duckdb_\w+|pragma_\w+)\b", re.IGNORECASE)
"""What asks which views there are."""

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


def needed(statement: str) -> tuple[str, ...]:
    """The views that a statement names, and those that they read; all of them where it names none."""
    named = {view for view in VIEWS if _names(statement, view)}
    if not named or _LOOKS_AROUND.search(statement):
        return VIEWS
    for view in reversed(VIEWS):  # each is after those it reads
        if view in named:
            text = _body(sql_text(view))
            named |= {other for other in VIEWS if _names(text, other)}
    return tuple(view for view in VIEWS if view in named)


def statements(
    lake: Lake, selection: Selection, list_of: Callable[[Sequence[str]], str], wanted: Sequence[str] = VIEWS
) -> list[str]:
    """What to execute, in order, for those views.

    Args:
        lake: Where everything lies.
        selection: What is in force; a step's row says as `filename` where it lies.
        list_of: Gives an SQL expression for a list of files.

    The tables of `in_force` must be in the schema `state` already.
    """
    rows = _rows(lake, selection, list_of)
    texts = {name: _filled(sql_text(name), rows[name]() if name in rows else None) for name in wanted}
    near = "\nUNION ALL\n".join(near_limits.queries(selection)) or near_limits.NONE
    if "near_limit" in wanted:
        texts["near_limit"] = texts["near_limit"].format(queries=near)
    if "examples" in wanted:
        texts["examples"] = _examples(lake, selection, near, list_of)
    views = [f"CREATE VIEW {name} AS\n{texts[name]}" for name in wanted]
    return [*_rule_table(selection), *views]


def in_force(selection: Selection) -> dict[str, pa.Table]:
    """What the views take from the selection, as tables: `books` (the archives' rows) and which archives and steps."""
    archives = [
        (a.row["crawl"], a.row["archive"], a.row["fingerprint"], a.run_id, selection.dedup.get(a.name))
        for a in selection.archives
    ]
    steps = [(*item.name, item.row["fingerprint"], item.run_id) for item in (*selection.archives, *selection.steps)]
    return {
        "books": selection.rows.drop_columns(["path"]),
        "archives": _table(("crawl", "archive", "fingerprint", "run_id", "dedup_fingerprint"), archives),
        "steps": _table(("step", "key", "fingerprint", "run_id"), steps),
    }


def literal_list(uris: Sequence[str]) -> str:
    """Files as an SQL list."""
    return f"[{', '.join(map(quoted, uris))}]"


def _examples(lake: Lake, selection: Selection, near: str, list_of: Callable[[Sequence[str]], str]) -> str:
    """The view `examples`: whole archives drawn for it, and the rules that fail too rarely to be met in them."""
    drawn = spread(selection.archives, EXAMPLE_PAGES)
    files = alike(lake, (output for archive in drawn for output in archive.outputs("pages")))
    share = 1.0 if len(drawn) == len(selection.archives) else records_of(drawn) / records_of(selection.archives)
    rare = [rule for rule, pages in selection.failed.items() if pages and share < 1 and pages * share < _SEEN_ENOUGH]
    rules = ", ".join(map(quoted, sorted(rare)))
    return sql_text("examples").format(
        pages=EXAMPLE_PAGES,
        sample=relation(files, _with_signals(_PAGES, selection), list_of),
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


def _rows(lake: Lake, selection: Selection, list_of: Callable[[Sequence[str]], str]) -> dict[str, Callable[[], str]]:
    """What gives, for each base view, what it reads from: a parenthesised query."""

    def read(outputs: Iterable[Row], columns: pa.Schema) -> str:
        return relation(alike(lake, outputs), columns, list_of)

    def keyed(table: str, columns: pa.Schema, label: str | None) -> str:
        return _keyed(selection.steps_with(table), table, columns, label, read)

    def small(uris: Sequence[str], columns: pa.Schema) -> str:
        return relation([("", uris)], columns, list_of)

    def costs() -> str:
        of_steps = [output for step in selection.steps for output in step.outputs("costs")]
        return read([*selection.archive_outputs("costs"), *of_steps], schema.COSTS)

    def of_archives(table: str, columns: pa.Schema) -> Callable[[], str]:
        return lambda: read(selection.archive_outputs(table), columns)

    return {
        "archives": lambda: "state.books",
        "steps": lambda: small([step.row["filename"] for step in selection.steps], schema.STEPS),
        "runs": lambda: small(lake.files_of("runs"), schema.RUNS),
        "trainings": lambda: small(lake.files_of("trainings"), schema.TRAININGS),
        "evaluations": lambda: small(lake.files_of("evaluations"), schema.EVALUATIONS),
        "pages": of_archives("pages", _with_signals(_PAGES, selection)),
        "documents": of_archives("documents", schema.DOCUMENTS),
        "pii": of_archives("pii", schema.PII),
        "contamination": of_archives("contamination", schema.CONTAMINATION),
        "benchmarks": of_archives("benchmarks", schema.BENCHMARKS),
        "costs": costs,
        "duplicates": lambda: keyed("duplicates", schema.DUPLICATES, None),
        "spans": lambda: keyed("spans", schema.SPANS, None),
        "mixture": lambda: keyed("mixture", schema.MIXTURE, "corpus"),
        "fertility": lambda: keyed("fertility", schema.FERTILITY, "corpus"),
        "corpus": lambda: keyed("corpus", schema.CORPUS, "corpus"),
    }


def alike(lake: Lake, outputs: Iterable[Row]) -> list[tuple[str, list[str]]]:
    """Absolute paths of files by the digest of their columns; under "" those whose row does not record a digest."""
    groups: dict[str, list[str]] = {}
    for output in outputs:
        groups.setdefault(output.get("columns") or "", []).append(lake.absolute(output["path"]))
    return list(groups.items())


def relation(
    groups: Iterable[tuple[str, Sequence[str]]],
    columns: pa.Schema,
    list_of: Callable[[Sequence[str]], str] = literal_list,
) -> str:
    """A query over files, in parentheses: typed columns even without a file, further ones as the files have them.

    Args:
        groups: Files that have the same columns, of which the first is asked for them; those of "" are all looked into.
        columns: What there is in any case.
        list_of: Gives an SQL expression for a list of files.
    """
    nothing = ", ".join(f'NULL::{sql_type(column.type)} AS "{column.name}"' for column in columns)
    parts = [f"SELECT {nothing} WHERE false"]
    for digest, uris in groups:
        if uris:
            by_name = "" if digest else "union_by_name = true, "
            parts.append(f"FROM read_parquet({list_of(uris)}, {by_name}hive_partitioning = false)")
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


def _table(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    """Rows of strings."""
    return pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(columns)})


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


def _names(text: str, view: str) -> bool:
    return re.search(rf"\b{view}\b", text, re.IGNORECASE) is not None


def _body(statement: str) -> str:
    """A statement without its header, and near_limit's without the place of its queries, which read `pages`."""
    lines = statement.splitlines()
    return "\n".join(lines[_first_code(lines) :]).replace("{queries}", "pages")


def _filled(statement: str, rows: str | None) -> str:
    return statement if rows is None else statement.replace("{rows}", rows)


def _header_lines(statement: str) -> list[str]:
    lines = statement.splitlines()
    return [line.removeprefix("--").strip() for line in lines[: _first_code(lines)]]


def _first_code(lines: Sequence[str]) -> int:
    return next((index for index, line in enumerate(lines) if not line.startswith("--")), len(lines))
