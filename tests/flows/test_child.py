"""The command line of several ranks is one that torch's launcher takes, and its words come back."""

from __future__ import annotations

import argparse
import io
import sys
from typing import Any

import pytest

from flows import child


class Started:
    """A process that was asked for and said what it was told to say."""

    pid = -1

    def __init__(self, command: list[str], **options: Any) -> None:
        self.command, self.options = command, options
        self.stdin, self.stdout = io.StringIO(), io.StringIO('{"event": "done"}\n')

    def poll(self) -> int:
        return 0

    def wait(self, timeout: float | None = None) -> int:
        return 0


def test_torchs_launcher_takes_the_command_line_of_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Started] = []

    def start(command: list[str], **options: Any) -> Started:
        started.append(Started(command, **options))
        return started[0]

    monkeypatch.setattr("subprocess.Popen", start)
    assert list(child.run_child("model.process", "train", "{}", ranks=2)) == [{"event": "done"}]
    [process] = started
    assert process.command[:3] == [sys.executable, "-m", "torch.distributed.run"]
    asked = launcher_arguments(process.command[3:])
    assert (asked.nproc_per_node, asked.standalone, asked.module) == ("2", True, True)
    assert (asked.training_script, asked.training_script_args) == ("model.process", ["train"])
    assert process.options["start_new_session"], "one group, ranks included, to be ended as one"


def launcher_arguments(words: list[str]) -> argparse.Namespace:
    """As torch reads them; its parser ends the process where it does not know a word."""
    from torch.distributed.run import parse_args

    found: argparse.Namespace = parse_args(words)  # type: ignore[no-untyped-call]
    return found
