from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import UserError
from storage.lake import Lake, fingerprint, safe_name
from storage.schema import PAGES, Section
from tests.lakes import PageSpec, add_archive


class Limits(Section):
    """A section for the tests."""

    low: float = 1.0
    names: tuple[str, ...] = ("a", "b")


@dataclass(frozen=True)
class Knob:
    name: str
    low: float | None = None


class Colour(Enum):
    RED = "red"


def test_a_fingerprint_is_sixteen_hexadecimal_digits_and_the_same_in_every_process(
    project_root: Path,
) -> None:
    parts = "{'b', 'a', 'c'}, {'y': 1, 'x': [1.5, None]}"
    code = f"from storage.lake import fingerprint; print(fingerprint({parts}))"
    seen = set()
    for seed in ("0", "1"):
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=project_root,
            env={"PYTHONHASHSEED": seed},
            check=True,
        )
        seen.add(done.stdout.strip())
    assert seen == {fingerprint({"a", "b", "c"}, {"x": [1.5, None], "y": 1})}
    assert len(seen.pop()) == 16


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Limits(), Limits(low=2)),
        (Knob("a"), Knob("a", 1.0)),
        (PAGES, pa.schema([*PAGES, pa.field("word_count", pa.float64())])),
        (("a", "b"), ("ab",)),
        (b"a", "a"),
        (None, "null"),
        ({"a": 1}, {"a": "1"}),
        (Path("a/b"), Path("a/c")),
    ],
)
def test_different_parts_have_different_fingerprints(one: Any, other: Any) -> None:
    assert fingerprint(one) == fingerprint(one)
    assert fingerprint(one) != fingerprint(other)


def test_documentation_of_a_column_does_not_move_a_path() -> None:
    bare = pa.schema([pa.field(column.name, column.type, column.nullable) for column in PAGES])
    assert fingerprint(PAGES) == fingerprint(bare)


def test_functions_count_as_their_name_and_other_objects_are_refused() -> None:
    assert fingerprint(fingerprint) == fingerprint("storage.lake:fingerprint")
    assert fingerprint(Colour.RED) == fingerprint("red")
    with pytest.raises(TypeError, match="object has no stable form"):
        fingerprint(object())


@given(st.text(max_size=300), st.text(max_size=300))
def test_every_name_is_safe_and_no_two_share_one(one: str, other: str) -> None:
    safe = safe_name(one)
    assert 0 < len(safe.encode()) < 200
    assert not set(safe) & set("/\\*?[]{}'\"\0 \n=") and not safe.startswith(".")
    assert (safe == safe_name(other)) == (one == other)


@pytest.mark.parametrize("hostile", ["../../etc/passwd", "/etc/passwd", "..", "", "a\0b", "x" * 5000, "ü/日本.warc.gz"])
def test_hostile_archive_names_stay_in_their_directory(tmp_path: Path, hostile: str) -> None:
    lake = Lake(str(tmp_path))
    paths = [lake.pages_path(hostile, hostile, "f" * 16), lake.costs_path("annotate", hostile, "f" * 16)]
    for path in paths:
        whole = Path(lake.absolute(path)).resolve()
        assert whole.is_relative_to(tmp_path.resolve())
        assert len(whole.relative_to(tmp_path.resolve()).parts) == 3
    add_archive(lake, hostile, [PageSpec("one")], crawl=hostile)
    row = lake.archive_row(hostile, hostile, "a" * 16)
    assert row is not None and (row["crawl"], row["archive"]) == (hostile, hostile)


def test_an_archive_without_its_row_does_not_exist(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert lake.archive_row("c1", "a.warc.gz", "a" * 16) is None
    assert lake.archive_rows() == []
    add_archive(lake, "a.warc.gz", [PageSpec("one")])
    assert [row["archive"] for row in lake.archive_rows()] == ["a.warc.gz"]


def test_a_lake_that_is_not_there_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no lake at"):
        Lake(str(tmp_path / "none")).check_exists()


def test_paths_join_to_directories_and_bucket_prefixes() -> None:
    assert Lake("/data/lake/").absolute("runs/x.parquet") == "/data/lake/runs/x.parquet"
    assert Lake("s3://bucket/lake").absolute("runs/x.parquet") == "s3://bucket/lake/runs/x.parquet"
