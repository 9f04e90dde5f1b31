"""The verdicts on the golden pages are those written down."""

from __future__ import annotations

from typing import Any

import pytest

from tests.golden.verdicts import judge, read_pages

PAGES = read_pages()


@pytest.fixture(scope="module")
def verdicts() -> dict[str, dict[str, Any]]:
    return {page["name"]: verdict for page, verdict in zip(PAGES, judge(PAGES), strict=True)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page["name"])
def test_verdict(page: dict[str, Any], verdicts: dict[str, dict[str, Any]]) -> None:
    written = {key: page[key] for key in ("dropped_by", "failed_rules", "others")}
    assert verdicts[page["name"]] == written, "meant? python -m tests.golden.verdicts"


def test_the_set_has_pages_of_every_fate() -> None:
    fates = {page["dropped_by"] for page in PAGES}
    assert fates == {None, "url", "language", "gopher_repetition", "gopher_quality", "c4", "fineweb"}
