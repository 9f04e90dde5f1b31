"""The Prefect server dies in the middle of a run: it says so and ends, and the same command gives the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.check import check
from storage.files import list_files
from storage.lake import Lake
from tests.conftest import ROOT
from tests.flows import plain
from tests.soak.service import until

pytestmark = pytest.mark.timeout(600)


def test_a_run_whose_server_died_ends_with_a_sentence_and_resumes(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    for number in range(16):
        plain.arrive(tmp_path / "inbox", number, pages=12)
    ask = plain.asking(tmp_path / "inbox", tmp_path / "lake")
    command = [sys.executable, "-m", "flows.cli", "corpus", "raw", *ask.inputs, "--lake", ask.lake, "--workers", "1"]
    environment = os.environ | {"PREFECT_HOME": str(tmp_path / "prefect"), "PYTHONPATH": str(ROOT)}
    environment.pop("PREFECT_API_URL", None)
    with (tmp_path / "said.txt").open("w") as said:
        run = subprocess.Popen([*command, "--set", ask.changes[0]], env=environment, cwd=ROOT, stdout=said, stderr=said)
        try:
            until(lambda: list_files(ask.lake + "/archives"), run, 240)
            os.kill(server_of(run.pid), signal.SIGKILL)
            code = run.wait(240)
        finally:
            run.kill()
    text = (tmp_path / "said.txt").read_text()
    assert code == 1 and "Traceback" not in text, text[-3000:]
    assert "the Prefect server" in text and "same command" in text
    assert not children(run.pid)
    with plain.without_prefect():
        plain.run_corpus(ask)
        plain.run_corpus(ask.model_copy(update={"lake": str(tmp_path / "whole")}))
    assert check(Lake(ask.lake)).problems == ()
    assert plain.digests(tmp_path / "lake") == plain.digests(tmp_path / "whole")
    assert not list((tmp_path / "lake").rglob("*.tmp*"))


def server_of(process: int) -> int:
    """The temporary server that a run started."""
    [found] = [one for one in children(process) if b"uvicorn" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return found


def children(process: int) -> list[int]:
    """Processes that one started and that have not ended."""
    stats = [path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat")]
    names = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat")]
    return [name for name, stat in zip(names, stats, strict=True) if int(stat[1]) == process and stat[0] != "Z"]
