"""The rules that pages failed, read as flags: those of the lists, in any file, however many rules there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import ShardFailed, UserError
from storage.failures import UNJUDGED, flags_of, read_failures, word_columns, words_of
from storage.lake import Lake
from storage.shards import write_table

RULES = [f"r{number}" for number in range(150)]  # three words
SCHEMA = pa.schema(
    {"fate": pa.string(), "dropped_by": pa.string(), "failed_rules": pa.list_(pa.string()), "length": pa.int64()}
)
ROWS = st.lists(
    st.one_of(
        st.lists(st.sampled_from([*RULES, "another"]), max_size=5, unique=True).map(
            lambda failed: ("dropped" if failed else "kept", "c4" if failed else None, failed)
        ),
        st.sampled_from([("unreadable", None, []), ("dropped", "archive", ["archive.not_html"])]),
    ),
    max_size=40,
)


def table_of(rows: Sequence[tuple[str, str | None, list[str]]]) -> pa.Table:
    fates, stages, failed = zip(*rows, strict=True) if rows else ((), (), ())
    columns = {"fate": fates, "dropped_by": stages, "failed_rules": failed, "length": range(len(rows))}
    return pa.table({name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()})


def flags(rows: pa.Table, rules: Sequence[str]) -> np.ndarray:
    names = word_columns("failed", len(rules) + 1)
    return flags_of([rows[name].to_numpy() for name in names], len(rules) + 1)


@given(
    rows=ROWS, count=st.sampled_from([0, 1, 62, 63, 64, 126, 150]), group=st.integers(1, 50), statistics=st.booleans()
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flags_are_those_of_the_lists(
    rows: list[tuple[str, str | None, list[str]]], count: int, group: int, statistics: bool, tmp_path: Path
) -> None:
    path, rules = str(tmp_path / "pages.parquet"), RULES[:count]
    pq.write_table(table_of(rows), path, row_group_size=group, write_statistics=statistics)
    found = read_failures(path, rules, ["length"])
    assert found["length"].to_pylist() == list(range(len(rows)))
    for (fate, stage, failed), told, unjudged in zip(
        rows, flags(found, rules), found["unjudged"].to_pylist(), strict=True
    ):
        known = set(failed) & set(rules)
        assert {rule for rule, fails in zip(rules, told, strict=False) if fails} == known
        assert told[-1] == (len(known) < len(failed))
        place = "read" if fate == "unreadable" else "archive" if stage == "archive" else None
        assert (UNJUDGED[unjudged - 1] if unjudged else None) == place


def test_a_rule_that_is_listed_twice_is_one(tmp_path: Path) -> None:
    rows = [("dropped", "c4", ["r62", "r3", "r62"]), ("kept", None, []), ("dropped", "c4", ["r3"])]
    output = write_table(str(tmp_path), "pages.parquet", "pages", table_of(rows))
    found = flags(read_failures(Lake(str(tmp_path)).absolute(output.path), RULES, []), RULES)
    assert [np.flatnonzero(row).tolist() for row in found] == [[3, 62], [], [3]]


@pytest.mark.parametrize("count", [0, 1, 62, 63, 64, 126, 130])
@pytest.mark.parametrize("rows", [0, 7])
def test_words_hold_any_number_of_flags(count: int, rows: int) -> None:
    flags = np.random.default_rng(count).random((rows, count)) < 0.5
    words = words_of(list(flags.T), rows)
    assert len(words) == len(word_columns("x", count)) and all((word >= 0).all() for word in words)
    assert np.array_equal(flags_of(words, count), flags)


def test_what_is_no_file_of_the_ledger_is_told_as_such(tmp_path: Path) -> None:
    pq.write_table(table_of([("kept", None, [])]).drop_columns(["fate"]), tmp_path / "fateless.parquet")
    (tmp_path / "text.parquet").write_text("no Parquet")
    for name in ("fateless", "text"):
        with pytest.raises(ShardFailed, match=f"{name}.parquet is not a readable file of the ledger"):
            read_failures(str(tmp_path / f"{name}.parquet"), RULES, ["length"])
    with pytest.raises(UserError):
        read_failures(str(tmp_path / "none.parquet"), RULES, [])
