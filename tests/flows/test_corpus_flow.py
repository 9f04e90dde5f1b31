"""Archives to a corpus: nothing is lost, again does nothing, and a watch takes what is new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows import query
from flows.check import check
from flows.corpus_flow import corpus_flow
from flows.corpus_plan import CorpusRequest, plan_corpus
from flows.report.page import render
from flows.watch_flow import watch_flow
from storage.errors import UserError
from storage.files import list_files
from storage.lake import Lake
from tests.flows import plain
from tests.storage.crawl_layout import SNAPSHOT, make_crawl

pytestmark = pytest.mark.usefixtures("api", "in_threads")


def test_nothing_is_lost_and_everything_is_explained(small_crawl: plain.SmallCrawl) -> None:
    lake = Lake(small_crawl.lake)
    [row] = query.sql(
        lake, "SELECT count(*) AS rows, count(DISTINCT (crawl, archive, \"offset\")) AS keys, "
        "count(*) FILTER (fate = 'duplicate') AS duplicates FROM ledger"
    ).to_pylist()  # fmt: skip
    assert row["rows"] == row["keys"] == 3 * 11 + 3
    assert row["duplicates"] == 3 + 3 + 1  # of one page each: exact copies, near ones; and a verse
    assert all(not r["balance_records"] and not r["balance_bytes"] for r in query.view(lake, "books").to_pylist())


def test_a_duplicate_names_a_page_that_is_kept(small_crawl: plain.SmallCrawl) -> None:
    sql = "SELECT d.kind, d.jaccard, l.fate FROM duplicates d JOIN ledger l ON l.archive = d.survivor_archive "
    rows = query.sql(Lake(small_crawl.lake), sql + 'AND l."offset" = d.survivor_offset').to_pylist()
    assert {row["fate"] for row in rows} == {"kept"}
    assert all(row["jaccard"] >= 0.8 for row in rows)


def test_again_does_nothing(small_crawl: plain.SmallCrawl) -> None:
    before = stamps(small_crawl.lake)
    assert corpus_flow(small_crawl.request(Path(small_crawl.lake), workers=2)).run_id == small_crawl.result.run_id
    assert stamps(small_crawl.lake) == before


def stamps(lake: str) -> dict[str, int]:
    """When each file of data was written."""
    return {path: Path(path).stat().st_mtime_ns for path in list_files(lake, ".parquet") if "/runs/" not in path}


def test_watch_takes_what_is_new_and_no_more(small_crawl: plain.SmallCrawl, tmp_path: Path) -> None:
    watched = tmp_path / "inbox"
    watched.mkdir()
    ask = CorpusRequest(recipe="raw", inputs=(str(watched),), lake=str(tmp_path / "lake"), workers=1, max_new=1)
    assert watch_flow(ask) is None
    for path in sorted(small_crawl.inbox.glob("*.warc.gz"))[:2]:
        (watched / path.name).write_bytes(path.read_bytes())
    assert [len(result.archives) for _ in range(2) if (result := watch_flow(ask))] == [1, 2]
    assert watch_flow(ask) is None


def test_records_chosen_by_an_index_make_a_corpus_whose_books_balance(tmp_path: Path) -> None:
    crawl, lake = make_crawl(tmp_path / "crawl", archives=2, pages=6), Lake(str(tmp_path / "lake"))
    ask = CorpusRequest(
        inputs=(SNAPSHOT,), base_url=str(crawl), changes=("index.enabled=true",), lake=lake.root, workers=1
    )
    corpus_flow(ask)
    [ledger] = query.sql(
        lake, "SELECT count(*) AS rows, count(*) FILTER (fate = 'kept') AS kept FROM ledger"
    ).to_pylist()
    [choice] = query.sql(lake, "SELECT summary FROM steps WHERE step = 'index'").to_pylist()
    assert ledger["rows"] == json.loads(choice["summary"])["records"] == 6 * 2 + 1 + 2
    assert ledger["kept"] == 6 * 2 + 1  # the German pages are read, and dropped by their language
    assert all(not row["balance_records"] and not row["balance_bytes"] for row in query.view(lake, "books").to_pylist())
    assert check(lake).problems == ()
    assert f"index {SNAPSHOT}" in render(lake)
    assert not plan_corpus(ask).pending


def test_a_plan_writes_nothing(small_crawl: plain.SmallCrawl, tmp_path: Path) -> None:
    plan = plan_corpus(small_crawl.request(tmp_path / "lake"))
    assert len(plan.pending) == len(plan.jobs) == 4
    assert not (tmp_path / "lake").exists()


def test_no_input_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to read"):
        plan_corpus(CorpusRequest(lake=str(tmp_path)))
