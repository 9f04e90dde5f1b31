"""Golden verdicts: what the shipped `fineweb` recipe says of a fixed set of pages, written down.

`pages.json` holds pages written for this purpose (text as a list of lines), why each is there, and the
verdict: `dropped_by` and every failed rule. A change of a verdict is a change of what people's corpora
contain: after one that is meant, write the verdicts anew and read the difference before committing it:

    python -m tests.golden.verdicts && git diff tests/golden/pages.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flows.recipe import load_recipe
from pipeline.batch import DocumentBatch
from pipeline.stage import run_stages

PAGES = Path(__file__).parent / "pages.json"


def read_pages() -> list[dict[str, Any]]:
    """The pages with the verdicts written down."""
    pages: list[dict[str, Any]] = json.loads(PAGES.read_text(encoding="utf-8"))
    return pages


def judge(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The verdicts as they are now: `dropped_by` and `failed_rules` of each page."""
    recipe = load_recipe("fineweb")
    sections = (recipe.language, recipe.gopher, recipe.c4, recipe.fineweb)
    stages = [stage for section in sections for stage in section.stages()]
    table = run_stages(DocumentBatch.of_texts(["\n".join(page["text"]) for page in pages]), stages).table
    rows: list[dict[str, Any]] = table.select(["dropped_by", "failed_rules"]).to_pylist()
    return rows


def main() -> None:
    """Write the verdicts anew."""
    pages = read_pages()
    renewed = [page | verdict for page, verdict in zip(pages, judge(pages), strict=True)]
    PAGES.write_text(json.dumps(renewed, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
