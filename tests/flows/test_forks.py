"""Processes forked from one that has imported: to their starter they are what `python -m module argument` is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from flows import forks
from flows.child import run_child
from flows.forks import Forked, fork
from storage.errors import Fatal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere ordinary processes are started")


@pytest.fixture
def errors() -> Iterator[IO[str]]:
    with tempfile.TemporaryFile("w+") as stream:
        yield stream


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    """Of a suite's other tests none finds this one's process; what was there before ends."""
    forks._end()
    yield
    forks._end()


def started(module: str, argument: str, errors: IO[str], environment: dict[str, str] | None = None) -> Forked:
    child = fork(module, argument, errors, environment or dict(os.environ))
    assert child is not None
    return child


def told(child: Forked, words: str) -> tuple[str, int]:
    with child.stdin, child.stdout:
        child.stdin.write(words)
        child.stdin.close()
        return child.stdout.read(), child.wait()


def test_it_reads_writes_and_ends_as_the_module_does(errors: IO[str]) -> None:
    assert told(started("json.tool", "-", errors), '{"a": [1]}') == ('{\n    "a": [\n        1\n    ]\n}\n', 0)
    assert told(started("json.tool", "-", errors), "no JSON")[1] == 1
    errors.seek(0)
    assert "Expecting value" in errors.read()


def test_a_module_that_is_not_there_ends_as_python_does(errors: IO[str]) -> None:
    assert told(started("model.nothing", "-", errors), "")[1] == 1
    errors.seek(0)
    assert "No module named model.nothing" in errors.read()


def test_one_that_dies_before_it_has_read_all_says_how_it_ended() -> None:
    with pytest.raises(Fatal, match=r"model\.nothing ended with code 1\. .*No module named model\.nothing"):
        list(run_child("model.nothing", "-", "more than a pipe holds " * 10_000))


def test_last_words_that_are_no_utf8_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dying.py").write_text("import sys\nsys.stderr.buffer.write(b'caf\\xe9: no\\n')\nsys.exit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(Fatal, match=r"(?s)dying ended with code 3.*caf\ufffd: no"):
        list(run_child("dying", "-"))


def test_one_is_a_group_that_can_be_asked_to_end_or_killed(errors: IO[str]) -> None:
    for end, code in ((Forked.terminate, -signal.SIGTERM), (lambda one: os.killpg(one.pid, signal.SIGKILL), -9)):
        child = started("json.tool", "-", errors)  # waits for its input
        with child.stdin, child.stdout:
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(0.05)
            assert child.poll() is None and os.getpgid(child.pid) != os.getpgid(0)
            end(child)
            assert child.wait(10) == child.poll() == code


def test_another_environment_is_given_to_it(errors: IO[str]) -> None:
    first = forks._current[0]
    environment = dict(os.environ) | {"PYTHONWARNINGS": "ignore", "WINNOW_LAKE": "elsewhere"}
    child = started("json.tool", "-", errors, environment)
    assert b"WINNOW_LAKE=elsewhere" in Path(f"/proc/{child.pid}/environ").read_bytes().split(b"\0")
    told(child, "1")
    assert forks._current[0] is not first
    again = started("json.tool", "-", errors, environment | {"PYTEST_CURRENT_TEST": "another"})
    told(again, "1")
    assert forks._current[0].environment == environment


def test_where_the_first_has_died_another_stands_in(errors: IO[str]) -> None:
    told(started("json.tool", "-", errors), "1")
    forks._current[0]._process.kill()
    forks._current[0]._process.wait()
    assert told(started("json.tool", "-", errors), "1") == ("1\n", 0)
