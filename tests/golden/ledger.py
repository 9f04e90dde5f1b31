"""Golden output of the commands that question the ledger: what they print of the lake of `tests.golden.lake`.

A change of these files is a change of what people and their scripts read. After one that is meant:

    python -m tests.golden.ledger && git diff tests/golden/ledger
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from typer.testing import CliRunner

from flows.cli import app
from storage.lake import Lake
from tests.golden.lake import make_lake

FILES = Path(__file__).parent / "ledger"
LOOSER = ("--set", "gopher.min_words=40", "--set", "fineweb.min_punctuated_line_frac=0.05")
STRICTER = ("--set", "gopher.min_words=60", "--set", "language.min_prob=0.8")
COMMANDS: dict[str, tuple[str, ...]] = {
    "funnel": ("funnel",),
    "funnel-by-language": ("funnel", "--by", "language"),
    "funnel-by-crawl": ("funnel", "--by", "crawl"),
    "funnel-by-host": ("funnel", "--by", "host"),
    "books": ("books",),
    "alarms": ("alarms",),
    "why-kept": ("why", "https://bakery.test/good-article-in-paragraphs"),
    "why-dropped": ("why", "https://bakery.test/forty-nine-words"),
    "why-duplicate": ("why", "https://lighthouse.test/good-article"),
    "what-if-looser": ("what-if", "fineweb", *LOOSER),
    "what-if-stricter": ("what-if", "fineweb", *STRICTER, "--examples", "1"),
    "what-if-nothing": ("what-if", "fineweb"),
    "rule-overlap": ("sql", "FROM rule_overlap LIMIT 12"),
    "removed-alone-by": ("sql", "FROM removed_alone_by"),
    "near-limit": ("sql", "FROM near_limit ORDER BY rule, distance, doc_id, crawl"),
    "examples": ("sql", "SELECT * EXCLUDE (doc_id) FROM examples WHERE rule LIKE 'gopher.%word%'"),
}
FORMS = {"txt": (), "json": ("--json",)}


def printed(lake: Lake, command: tuple[str, ...]) -> str:
    """What a command prints of the lake, its place left out."""
    result = CliRunner().invoke(app, [*command, "--lake", lake.root])
    if result.exit_code:
        raise AssertionError(f"{command}: {result.output} {result.exception!r}")
    return result.output.replace(str(Path(lake.root).parent), "PLACE")


def main() -> None:
    """Write the files anew."""
    with tempfile.TemporaryDirectory() as folder:
        lake = make_lake(Path(folder))
        for name, command in COMMANDS.items():
            for form, option in FORMS.items():
                (FILES / f"{name}.{form}").write_text(printed(lake, (*command, *option)), encoding="utf-8")


if __name__ == "__main__":
    main()
