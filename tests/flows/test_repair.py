"""Damage to a lake's files: found by digest, withdrawn, and made again to the byte by the same command."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.check import check
from flows.repair import repair
from storage.lake import Lake
from storage.lease import CORPUS, LeaseBusy, hold
from tests.flows import plain
from tests.flows.plain import asking, digests


def damage(path: Path) -> None:
    """One bit of a file with a digest; a row has none, and is cut short."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    is_row = path.relative_to(path.parents[2]).parts[0] in ("archives", "steps")
    path.write_bytes(data[:-9] if is_row else data)


@pytest.mark.parametrize(
    ("pattern", "again"),
    [("pages/**/0*.parquet", 1), ("documents/**/*.parquet", 2), ("costs/annotate/*.parquet", 2),
     ("duplicates/**/*.parquet", 0), ("corpus/**/corpus-*.parquet", 0), ("archives/**/1*.parquet", 1),
     ("steps/mix/*.parquet", 0)],
)  # fmt: skip
def test_damage_is_found_and_made_again(pattern: str, again: int, made: Path) -> None:
    lake, before = Lake(str(made / "lake")), digests(made / "lake")
    for path in made.glob(f"lake/{pattern}"):
        damage(path)
    told = repair(lake, deep=True)
    assert told and all("withdrawn" in sentence for sentence in told)
    assert not [problem for problem in check(lake).problems if problem.kind in ("file", "books")]
    sources = {path: path.stat().st_mtime_ns for path in (made / "lake" / "archives").rglob("*.parquet")}
    assert len(sources) == 2 - again, "only what is damaged is read again"
    plain.run_corpus(asking(made / "inbox", made / "lake"))
    assert digests(made / "lake") == before
    assert check(lake).problems == () == tuple(repair(lake, deep=True))


def test_a_sound_lake_is_left_as_it_is(made: Path) -> None:
    before = digests(made / "lake")
    assert repair(Lake(str(made / "lake")), deep=True) == []
    assert digests(made / "lake") == before


def test_nothing_is_withdrawn_while_a_run_writes(made: Path) -> None:
    with hold(str(made / "lake"), CORPUS, "winnow corpus fineweb", beat_seconds=0.05), pytest.raises(LeaseBusy):
        repair(Lake(str(made / "lake")), deep=True)
