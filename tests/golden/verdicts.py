"""Golden verdicts: what the shipped `fineweb` recipe says of a fixed set of pages, written down.

`pages.json` holds pages written for this purpose (text as a list of lines, a URL where it matters), why each is
there, and the verdicts: `dropped_by` and every failed rule; `others`, the rules of the families that recipe leaves out
(lines, nemo), each over the text as it is. A change of a verdict is a change of what people's corpora
contain: after one that is meant, write the verdicts anew and read the difference before committing it:

    python -m tests.golden.verdicts && git diff tests/golden/pages.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from flows.recipe import load_recipe
from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.stage import Stage

PAGES = Path(__file__).parent / "pages.json"


def read_pages() -> list[dict[str, Any]]:
    """The pages with the verdicts written down."""
    pages: list[dict[str, Any]] = json.loads(PAGES.read_text(encoding="utf-8"))
    return pages


def judge(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The verdicts as they are now: `dropped_by`, `failed_rules` and `others` of each page."""
    recipe = load_recipe("fineweb")
    batch = DocumentBatch(
        {
            "text": pa.array(["\n".join(page["text"]) for page in pages], pa.string()),
            "url": pa.array([page.get("url") for page in pages], pa.string()),
        }
    )
    table = run_stages(batch, _stages(recipe.url, recipe.language, recipe.gopher, recipe.c4, recipe.fineweb)).table
    rows: list[dict[str, Any]] = table.select(["dropped_by", "failed_rules"]).to_pylist()
    others = [run_stages(batch, _stages(section)).table["failed_rules"] for section in (recipe.lines, recipe.nemo)]
    for place, row in enumerate(rows):
        row["others"] = [rule for failed in others for rule in failed[place].as_py()]
    return rows


def _stages(*sections: Any) -> list[Stage]:
    return [stage for section in sections for stage in section.stages()]


def main() -> None:
    """Write the verdicts anew."""
    pages = read_pages()
    renewed = [page | verdict for page, verdict in zip(pages, judge(pages), strict=True)]
    PAGES.write_text(json.dumps(renewed, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
