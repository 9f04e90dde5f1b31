"""The guides in docs: what their commands print of the lake of `tests.golden.lake`, and files that readers save.

In a guide, a block "console" is a command and what it prints; a block such as "python my_filters.py" is a file.
Commands in blocks "sh" are not run, but must be ones that there are. After a change that is meant:

    python -m tests.golden.guides && git diff docs
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from typer.testing import CliRunner

from flows.cli import app
from storage.lake import Lake
from tests.golden.lake import make_lake

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES = ("funnel", "what-if", "filters", "classifier", "snapshot")
RUN = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```", re.DOTALL)
FILE = re.compile(r"```\w+ (?P<name>[\w.]+)\n(?P<content>.*?)```", re.DOTALL)
SHOWN = re.compile(r"```sh\n(?P<commands>.*?)```", re.DOTALL)


def page_of(guide: str) -> str:
    """A guide's text."""
    return (DOCS / f"{guide}.md").read_text(encoding="utf-8")


def words_of(command: str) -> list[str]:
    """A command's arguments, without the program and what is set before it."""
    words = shlex.split(command, comments=True)
    return words[words.index("winnow") + 1 :]


@contextmanager
def saved(guide: str, folder: Path) -> Iterator[None]:
    """The reader's directory, with the guide's files in it, from where modules are imported too."""
    for found in FILE.finditer(page_of(guide)):
        (folder / found["name"]).write_text(found["content"], encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        with chdir(folder):
            yield
    finally:
        sys.path.remove(str(folder))


def printed(lake: Lake, command: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(app, words_of(command), env=os.environ | {"WINNOW_LAKE": lake.root})
    if result.exit_code:
        raise AssertionError(f"{command}: {result.output} {result.exception!r}")
    return "".join(f"{line.rstrip()}\n" for line in result.output.splitlines())


def _block(lake: Lake, command: str) -> str:
    return f"```console\n$ {command}\n{printed(lake, command)}```"


def main() -> None:
    """Write the outputs anew."""
    with tempfile.TemporaryDirectory() as place:
        lake = make_lake(Path(place))
        for guide in GUIDES:
            with saved(guide, Path(place)):
                page = RUN.sub(
                    lambda found: f"```console\n$ {found['command']}\n{printed(lake, found['command'])}```",
                    page_of(guide),
                )
            (DOCS / f"{guide}.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
