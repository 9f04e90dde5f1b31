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


DAMAGED = ("pages/**/0*.parquet", "duplicates/**/*.parquet", "corpus/**/corpus-*.parquet", "archives/**/1*.parquet")


def test_damage_is_found_and_made_again(made: Path) -> None:
    lake, before = Lake(str(made / "lake")), digests(made / "lake")
    for path in (path for pattern in DAMAGED for path in made.glob(f"lake/{pattern}")):
        damage(path)
    told = repair(lake, deep=True)
    assert len(told) == len(DAMAGED) and all("withdrawn" in sentence for sentence in told)
    assert not [problem for problem in check(lake).problems if problem.kind in ("file", "books")]
    assert not list((made / "lake" / "archives").rglob("*.parquet")), "the rows of both archives"
    plain.run_corpus(asking(made / "inbox", made / "lake"))
    assert digests(made / "lake") == before
    assert check(lake).problems == () == tuple(repair(lake, deep=True))


def test_nothing_is_withdrawn_while_a_run_writes(made: Path) -> None:
    with hold(str(made / "lake"), CORPUS, "winnow corpus fineweb", beat_seconds=0.05), pytest.raises(LeaseBusy):
        repair(Lake(str(made / "lake")), deep=True)
