from __future__ import annotations

import errno
import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
import pytest

from storage import files
from storage.errors import Fatal, UserError
from storage.lake import Lake


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_written_file_has_the_digest_it_says(tmp_path: Path) -> None:
    digest = files.write_bytes(str(tmp_path / "deep" / "file"), b"content")
    assert digest == files.Digest(7, hashlib.sha256(b"content").hexdigest())
    assert files.sha256_of(str(tmp_path / "deep" / "file")) == digest.sha256
    assert names(tmp_path) == ["file"]


def test_a_failing_writer_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_bytes(str(path), b"old")

    def fail(stream: BinaryIO) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_atomic(str(path), fail)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("root", ["/proc/nowhere", "under-a-file"])
def test_a_place_that_cannot_be_written_is_a_users_mistake(tmp_path: Path, root: str) -> None:
    (tmp_path / "under-a-file").write_text("x")
    with pytest.raises(UserError, match="Cannot write") as caught:
        Lake(str(tmp_path / root / "lake")).check_writable()
    assert "--lake" in caught.value.hint
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


class FullDisk:
    """A file on a disk that is full after a few bytes."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        self.file.close()


def test_a_full_disk_is_fatal_says_what_to_do_and_leaves_nothing(tmp_path: Path) -> None:
    file = files.AtomicFile(str(tmp_path / "file"))
    file._file = FullDisk(file._file)
    with pytest.raises(Fatal, match="No room left") as caught:
        file.write(b"x")
    file.abort()
    assert not isinstance(caught.value, UserError)
    assert "resumes" in caught.value.hint
    assert names(tmp_path) == []


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
import numpy, pyarrow
from storage.errors import Fatal
from storage.shards import write_table
noise = numpy.random.default_rng(0).integers(0, 2**60, 100_000)
try:
    write_table(sys.argv[1], "pages/x.parquet", "pages", pyarrow.table({"noise": noise}))
except Fatal as error:
    print(error)
"""


def test_a_file_that_grows_too_big_for_the_disk_leaves_nothing(tmp_path: Path, project_root: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project_root, check=False)
    assert "No room left to write" in done.stdout
    assert done.stderr == ""
    assert names(tmp_path) == []


def test_listing_is_sorted_and_deep_and_empty_where_nothing_is(tmp_path: Path) -> None:
    for name in ("b.parquet", "a/z.parquet", "a/x.txt"):
        files.write_bytes(str(tmp_path / name), b"")
    found = files.list_files(str(tmp_path), ".parquet")
    assert [Path(path).relative_to(tmp_path).as_posix() for path in found] == ["a/z.parquet", "b.parquet"]
    assert files.list_files(str(tmp_path / "none")) == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file .*nowhere"):
        files.open_read(str(tmp_path / "nowhere"))


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    files.remove(str(tmp_path / "nowhere"))


def test_a_store_behaves_as_a_directory_does() -> None:
    root = "memory://files-test"

    def fail(stream: BinaryIO) -> None:
        stream.write(b"half")
        raise ValueError

    with pytest.raises(ValueError):
        files.write_atomic(f"{root}/a", fail)
    assert not files.exists(f"{root}/a")
    digest = files.write_bytes(f"{root}/a", b"whole")
    assert files.sha256_of(f"{root}/a") == digest.sha256
    assert files.open_read(f"{root}/a").read() == b"whole"
    assert len(files.list_files(root)) == 1
    files.remove(f"{root}/a")
    files.remove(f"{root}/a")
    assert files.list_files(root) == []
    fsspec.filesystem("memory").store.clear()
