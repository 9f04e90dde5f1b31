"""Ledger rows restated: the same pages with other verdicts, and rows of pages read again in the place of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.annotate_rows import pages_schema
from flows.what_if.verdicts import Move, Outcome
from storage.errors import Fatal


def column_values(table: pa.Table, name: str) -> list[Any]:
    """A column's values."""
    values: list[Any] = table[name].to_pylist()
    return values


def restate(old: pa.Table, outcomes: Sequence[Outcome | None], move: Move, domain: str) -> pa.Table:
    """The rows with the new verdicts, and without the values of stages that would not have measured them."""
    stages = move.new
    columns: dict[str, Any] = {name: old[name].combine_chunks() for name in old.column_names}
    for stage in move.restated:
        columns |= stage.follows.restate(old) if stage.follows else {}
    columns |= _verdicts(old, outcomes, {rule.name: stage.name for stage in stages for rule in stage.rules})
    measures: dict[str, set[str]] = {}
    for stage in stages:
        for column in stage.adds.names:
            measures.setdefault(column, set()).add(stage.name)
    wanted = pages_schema(tuple(stages))
    for column in wanted.names:
        if column in measures:
            keep = np.array([o is None or bool(o.judged_by & measures[column]) for o in outcomes], dtype=bool)
            if not keep.all():  # `domain` goes back to what the source declared, everything else to not measured
                without = pa.scalar(domain if column == "domain" else None, columns[column].type)
                columns[column] = pc.if_else(pa.array(keep), columns[column], without)
    return pa.table([columns[name] for name in wanted.names], names=wanted.names).cast(wanted)


def with_rows(pages: pa.Table, positions: Sequence[int], rows: Iterable[pa.Table]) -> pa.Table:
    """The table with the rows at those positions replaced."""
    order = np.arange(len(pages))
    order[list(positions)] = len(pages) + np.arange(len(positions))
    return pa.concat_tables([pages, *rows]).take(pa.array(order, pa.int64()))


def check_agreement(pages: pa.Table, outcomes: Sequence[Outcome | None]) -> None:
    """A page read again must fail what the ledger already knew it to fail."""
    rows = zip(column_values(pages, "offset"), column_values(pages, "failed_rules"), outcomes, strict=True)
    for offset, failed, outcome in rows:
        if outcome and not set(outcome.failed) <= set(failed):
            raise Fatal(
                f"the page at {offset:,} fails {failed} when read again; by the ledger it fails {outcome.failed}.",
                "The ledger was made by other code; `winnow corpus` reads the archives anew.",
            )


def _verdicts(
    old: pa.Table, outcomes: Sequence[Outcome | None], stage_of: Mapping[str, str]
) -> dict[str, pa.Array[Any]]:
    names = ("fate", "dropped_by", "dropped_by_rule", "failed_rules")
    rows = old.select(list(names)).to_pylist()
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome is not None:
            first = outcome.failed[0] if outcome.failed else None
            by = stage_of[first] if first else None
            row.update(fate=outcome.fate, dropped_by=by, dropped_by_rule=first, failed_rules=list(outcome.failed))
    return {name: pa.array([row[name] for row in rows], old.schema.field(name).type) for name in names}
