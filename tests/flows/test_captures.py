"""A page is found by what people have of it: an address, an id, the beginning of one, a WARC header's value."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.captures import captures_of
from storage.catalog import Catalog
from storage.errors import UserError
from storage.lake import Lake
from tests.lakes import PageSpec, add_archive, add_run

FIRST, SECOND = "1f0c5d3a-77aa-4b6e-9a51-0c8f4f7f2a01", "1f0c5d3b-12ab-4c5d-8e9f-a0b1c2d3e4f5"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Of a lake with two pages whose ids begin alike, one of them captured twice."""
    lake = Lake(str(Path(tmp_path_factory.mktemp("captured"))))
    add_archive(lake, "a", [PageSpec(FIRST), PageSpec(SECOND)])
    add_archive(lake, "b", [PageSpec(FIRST)])
    add_run(lake, "run", [("annotate", f"c1/{archive}", "a" * 16) for archive in "ab"])
    return Catalog(lake)


@pytest.mark.parametrize(
    "named",
    [
        *(FIRST, FIRST.upper(), FIRST[:8], FIRST[:20], f"https://example.org/{FIRST}"),
        *(f"<urn:uuid:{FIRST}>", f"urn:uuid:{FIRST.upper()}"),
    ],
)
def test_a_page_by_any_of_its_names(catalog: Catalog, named: str) -> None:
    assert [(row["doc_id"], row["archive"]) for row in captures_of(catalog, named)] == [(FIRST, "a"), (FIRST, "b")]


def test_a_beginning_that_pages_share_names_them(catalog: Catalog) -> None:
    with pytest.raises(UserError, match="doc_ids of 2 pages begin with 1f0c5d3") as told:
        captures_of(catalog, "1f0c5d3")
    assert FIRST in str(told.value) and f"{SECOND} (https://example.org/{SECOND})" in str(told.value)


@pytest.mark.parametrize("named", ["1f0", "0000", "", "1f0c5d3_", "%", "' OR true --"])
def test_what_names_no_page(catalog: Catalog, named: str) -> None:
    """Three digits are any word, and what SQL or LIKE would read into a name is only text."""
    with pytest.raises(UserError, match="no page with the URL or doc_id"):
        captures_of(catalog, named)
