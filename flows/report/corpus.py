"""The books, and what it all cost."""

from __future__ import annotations

from flows.report.bars import shares_bar
from flows.report.figures import Column, Figure, Section, Table
from flows.report.funnel import NOTHING
from flows.report.source import Row, Source
from flows.report.words import count, frac, plural, size

BOOKS = "FROM books ORDER BY stream_bytes DESC, crawl, archive LIMIT 40"
BOOKS_WHOLE = """\
SELECT count(*) AS archives, sum(records)::BIGINT AS records, sum(stream_bytes)::BIGINT AS stream_bytes,
    sum(kept_records)::BIGINT AS kept, sum(dropped_records)::BIGINT AS dropped,
    sum(duplicate_records)::BIGINT AS duplicate, sum(skipped_records)::BIGINT AS skipped,
    sum(unreadable_records)::BIGINT AS unreadable,
    sum(abs(balance_records))::BIGINT AS lost_records, sum(abs(balance_bytes))::BIGINT AS lost_bytes
FROM books"""
COST = """\
SELECT step, stage, rows, cpu_seconds, cpu_seconds / nullif(rows, 0) AS cpu_seconds_each,
    rows_per_cpu_second, step_frac
FROM cost WHERE stage <> 'all' ORDER BY step, cpu_seconds DESC, stage"""
COST_STEPS = """\
SELECT step, rows, cpu_seconds, wall_seconds, rows_per_cpu_second
FROM cost WHERE stage = 'all' ORDER BY cpu_seconds DESC, step"""

FATES = (
    ("kept", "c3"),
    ("dropped", "c2"),
    ("duplicate", "c4"),
    ("unreadable", "c5"),
    ("skipped", "c0"),
)


def books_section(source: Source) -> Section:
    """That nothing is lost."""
    whole = source.row(BOOKS_WHOLE)
    if not whole.get("archives"):
        return Section("books", "Books", NOTHING)
    lost = whole["lost_records"] or whole["lost_bytes"]
    verdict = (
        f"{count(whole['lost_records'])} records and {count(whole['lost_bytes'])} bytes are not "
        "accounted for: run `winnow check`."
        if lost
        else "Every record and every byte is accounted for."
    )
    met = f"{plural(whole['archives'], 'archive')}, {plural(whole['records'], 'record')}"
    lead = f"{met}, {size(whole['stream_bytes'])}. {verdict}"
    return Section("books", "Books", lead, (_fates(whole), _archives(source, whole["archives"])))


def cost_section(source: Source) -> Section:
    """CPU time by stage."""
    steps, stages = source.rows(COST_STEPS), source.rows(COST)
    if not steps:
        return Section("cost", "What it cost", NOTHING)
    cpu = sum(row["cpu_seconds"] for row in steps)
    lead = f"{count(cpu)} CPU seconds in all, of the steps now in force."
    return Section("cost", "What it cost", lead, (_steps(steps), _stage_costs(stages)))


def _fates(whole: Row) -> Figure:
    total = max(whole["records"], 1)
    rows = [{"fate": fate, "records": whole[fate], "share": whole[fate] / total} for fate, _ in FATES]
    parts = [(fate, whole[fate], cls, f"{count(whole[fate])}, {frac(whole[fate] / total)}") for fate, cls in FATES]
    columns = (
        Column("fate", "Fate"),
        Column("records", "Records", "count"),
        Column("share", "Share", "frac"),
    )
    caption = (
        "Where every record of every archive went. Skipped records hold no content: requests, "
        "metadata, crawl information."
    )
    return Figure(
        "books-fates",
        "One record, one fate",
        caption,
        Table(columns, rows),
        svg=shares_bar("Records by fate", parts),
        legend=tuple((f"{fate} {count(whole[fate])}", cls) for fate, cls in FATES),
        sql=BOOKS_WHOLE,
    )


def _archives(source: Source, archives: int) -> Figure:
    rows = source.rows(BOOKS)
    columns = (
        Column("crawl", "Crawl"),
        Column("archive", "Archive"),
        Column("records", "Records", "count"),
        *(Column(f"{fate}_records", fate, "count") for fate, _ in FATES),
        Column("balance_records", "Balance", "count"),
        Column("stream_bytes", "Bytes", "bytes"),
        Column("balance_bytes", "Balance", "count"),
    )
    which = f"The {len(rows)} largest of {count(archives)} archives." if archives > len(rows) else "Every archive."
    caption = f"{which} A balance is what came in less what is accounted for: it is 0, or something is lost."
    return Figure("books-archives", "Archive by archive", caption, Table(columns, rows), sql=BOOKS)


def _steps(rows: list[Row]) -> Figure:
    columns = (
        Column("step", "Step"),
        Column("rows", "Rows", "count"),
        Column("cpu_seconds", "CPU time", "seconds", bar=True),
        Column("wall_seconds", "Elapsed", "seconds"),
        Column("rows_per_cpu_second", "Rows a CPU second", "number"),
    )
    caption = "Each step over all its tasks. Elapsed times of tasks that ran side by side are added up."
    return Figure("cost-steps", "Step by step", caption, Table(columns, rows), sql=COST_STEPS)


def _stage_costs(rows: list[Row]) -> Figure:
    columns = (
        Column("step", "Step"),
        Column("stage", "Stage"),
        Column("rows", "Rows that reached it", "count"),
        Column("cpu_seconds", "CPU time", "seconds", bar=True),
        Column("cpu_seconds_each", "a row", "seconds"),
        Column("rows_per_cpu_second", "Rows a CPU second", "number"),
        Column("step_frac", "Of the step", "frac"),
    )
    caption = "CPU time of one core. A stage sees only the pages no gate before it stopped."
    return Figure("cost-stages", "Stage by stage", caption, Table(columns, rows), sql=COST)
