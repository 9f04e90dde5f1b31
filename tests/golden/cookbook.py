"""The SQL cookbook: every query of docs/sql-cookbook.md with what it prints of the lake of `tests.golden.lake`.

After a change that is meant, or a new question:

    python -m tests.golden.cookbook && git diff docs/sql-cookbook.md
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from storage.lake import Lake
from tests.golden.lake import make_lake
from tests.golden.ledger import printed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sql-cookbook.md"
RECIPE = re.compile(r"```sql\n(?P<query>.*?)\n```\n\n```text\n(?P<output>.*?)```", re.DOTALL)


def recipes() -> list[tuple[str, str]]:
    """Query and output of every question, as the page has them."""
    return [(found["query"], found["output"]) for found in RECIPE.finditer(PAGE.read_text(encoding="utf-8"))]


def output_of(lake: Lake, query: str) -> str:
    """What `winnow sql` prints."""
    return "".join(f"{line.rstrip()}\n" for line in printed(lake, ("sql", query)).splitlines())


def main() -> None:
    """Write the outputs anew."""
    with tempfile.TemporaryDirectory() as folder:
        lake = make_lake(Path(folder))
        page = PAGE.read_text(encoding="utf-8")
        renewed = RECIPE.sub(
            lambda found: f"```sql\n{found['query']}\n```\n\n```text\n{output_of(lake, found['query'])}```", page
        )
        PAGE.write_text(renewed, encoding="utf-8")


if __name__ == "__main__":
    main()
