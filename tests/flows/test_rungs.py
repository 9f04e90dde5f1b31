"""Which trainings are rungs: by their names, in Python and in SQL alike."""

from __future__ import annotations

import duckdb
import pytest

from flows.rungs import COMPARISON, IN_LADDER, IS_RUNG, LADDER, SWEEP, in_ladder, is_rung, rung_label


@pytest.mark.parametrize(
    ("name", "laddered", "rung"),
    [
        (rung_label("demo", LADDER, "d8-l1-100k-s0"), True, True),
        (rung_label("demo", SWEEP, "d8-l1-100k-s0-x2"), False, True),
        (rung_label("demo-compare", COMPARISON, "d8-l1-100k-s0"), False, True),
        ("demo", False, False),
        ("ladder", False, False),
        ("compare/demo", False, False),
        ("", False, False),
    ],
)
def test_python_and_sql_agree_on_what_a_rung_is(name: str, laddered: bool, rung: bool) -> None:
    assert (in_ladder(name), is_rung(name)) == (laddered, rung)
    found = duckdb.execute(f"SELECT {IN_LADDER}, {IS_RUNG} FROM (SELECT ? AS name)", [name]).fetchall()
    assert found == [(laddered, rung)]
