from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.errors import UserError
from storage.files import list_files
from storage.outputs import folder_beside, prepare_output, publishing
from storage.unfinished import TEMPORARY, remove_stale, writer_tag


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


KILLED = """
import sys, time
from storage.files import AtomicFile
file = AtomicFile(sys.argv[1] + "/file")
file.write(b"half")
print("writing", flush=True)
time.sleep(60)
"""


def test_what_a_killed_writer_leaves_is_ignored_and_removed_later(tmp_path: Path, project_root: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=project_root) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        assert remove_stale(str(tmp_path)) == []  # it lives: its file is not ours to remove
        writer.send_signal(signal.SIGKILL)
    assert len(names(tmp_path)) == 1
    assert list_files(str(tmp_path)) == []
    deadline = time.monotonic() + 10
    while not remove_stale(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="zombies are told from /proc")
def test_what_a_killed_process_left_is_stale_before_it_is_reaped(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    tag = writer_tag().replace(f"-{os.getpid()}-", f"-{child.pid}-")
    left = tmp_path / f".{tag}{TEMPORARY}"
    left.write_bytes(b"half")
    log = left.with_name(f"{left.name}.wal")  # of a database that was being made
    log.write_bytes(b"half")
    assert list_files(str(tmp_path)) == remove_stale(str(tmp_path)) == []
    child.kill()
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    (deeper := tmp_path / "lake" / left.name).parent.mkdir()
    deeper.write_bytes(b"half")
    prepare_output(str(tmp_path / "model.bin"))
    assert not left.exists() and not log.exists() and deeper.exists()  # only what is beside it
    assert remove_stale(str(tmp_path)) == [str(deeper)]
    child.wait()


def test_a_folder_beside_an_output_is_gone_with_the_block_whatever_happens(tmp_path: Path) -> None:
    output = str(tmp_path / "model.bin")
    with pytest.raises(ZeroDivisionError), folder_beside(output) as folder:
        (folder / "lines.txt").write_text("half")
        assert folder.parent == tmp_path
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_file_for_a_library_to_write_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    output = tmp_path / "model.bin"
    with pytest.raises(ZeroDivisionError), publishing(str(output)) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with publishing(str(output)) as temporary:
        temporary.write_bytes(b"whole")
        assert not output.exists()
    assert output.read_bytes() == b"whole" and list(tmp_path.iterdir()) == [output]
    with pytest.raises(UserError, match="Cannot write"), publishing(str(output / "below")):
        pass


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="dead processes are told from /proc")
def test_a_folder_that_a_killed_process_left_beside_an_output_goes_with_the_next(
    tmp_path: Path, project_root: Path
) -> None:
    output = str(tmp_path / "model.bin")
    died = f"import os; from storage.outputs import folder_beside\nwith folder_beside({output!r}) as folder:\n"
    died += " (folder / 'lines.txt').write_text('half'); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", died], check=False, cwd=project_root).returncode == -9
    [left] = tmp_path.iterdir()
    assert (left / "lines.txt").exists()
    prepare_output(output)
    assert not left.exists()
