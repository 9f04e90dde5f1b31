"""docs/operate.md: its commands exist with their options, and those that look at a lake run on one."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import typer
from typer.testing import CliRunner

from flows.cli import app
from flows.settings import Settings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operate.md").read_text("utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line[line.index("winnow ") :] for block in BLOCKS for line in block.splitlines() if "winnow " in line
            and not line.startswith("prefect ")]  # fmt: skip
LOOKING = [command for command in COMMANDS if command.split()[1] in ("check", "books", "alarms", "sql")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists_with_its_options(command: str) -> None:
    known, words = typer.main.get_command(app), shlex.split(command)[1:]
    while isinstance(known, click.Group):
        known = known.commands[words.pop(0)]
    known.make_context("winnow", words, resilient_parsing=False)


def test_what_looks_at_a_lake_runs(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    assert len(LOOKING) >= 6
    for command in LOOKING:
        words = shlex.split(command)[1:]
        words += [] if "--lake" in words else ["--lake", "lake"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{command}: {result.output} {result.exception}"


def test_settings_that_it_names_exist() -> None:
    named = set(re.findall(r"WINNOW_([A-Z_]+)", PAGE))
    assert named and named <= {name.upper() for name in Settings.model_fields}
