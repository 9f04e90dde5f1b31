"""Records chosen by the columnar index: the same as a plain loop over its rows chooses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from storage import index
from storage.database import querying
from storage.errors import ShardFailed, Transient, UserError
from storage.excerpts import excerpt_ranges, excerpts_of
from storage.index_config import IndexConfig
from storage.lake import Lake
from storage.ranges import plan_requests
from storage.shards import read_table
from storage.snapshots import Store
from storage.sources import Excerpt
from tests.storage.crawl_layout import SNAPSHOT, make_crawl
from tests.storage.crawl_server import CrawlServer, Trouble, serving

Row = dict[str, Any]
PLAN = "selections/plan.parquet"


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_crawl(tmp_path_factory.mktemp("crawl"), archives=3, pages=12, parts=3)


@pytest.fixture(scope="module")
def rows(crawl: Path) -> list[Row]:
    """Every row of the index, as the tests wrote it."""
    return [row for file in sorted(crawl.rglob("subset=warc/*.parquet")) for row in pq.read_table(file).to_pylist()]


@pytest.fixture
def server(crawl: Path, pauses: list[float]) -> Iterator[CrawlServer]:
    with serving(crawl) as server:
        yield server


def archives_of(rows: list[Row]) -> list[str]:
    return sorted({row["warc_filename"] for row in rows})


def chosen(base: str, lake: Path, rows: list[Row], archives: list[str] | None = None, **config: Any) -> list[Row]:
    """What the index step writes into its plan."""
    asked = IndexConfig(enabled=True, **config)
    files = index.index_files(Store(base), SNAPSHOT)
    parts = [index.search_file(Lake(str(lake)), SNAPSHOT, uri, archives or archives_of(rows), asked) for uri in files]
    index.choose(Lake(str(lake)), parts, PLAN, asked)
    found: list[Row] = read_table(str(lake / PLAN)).to_pylist()
    return found


def places(found: list[Row]) -> list[tuple[str, int, int]]:
    return [(row["archive"], row["offset"], row["length"]) for row in found]


def expected(rows: list[Row], wanted: Callable[[Row], bool]) -> list[tuple[str, int, int]]:
    """The same by hand: one copy of each digest, the first in archive order."""
    found = sorted((r["warc_filename"], r["warc_record_offset"], r["warc_record_length"], r["content_digest"])
                   for r in rows if wanted(r))  # fmt: skip
    seen: set[str] = set()
    return [row[:3] for row in found if not (row[3] in seen or seen.add(row[3]))]  # type: ignore[func-returns-value]


def is_page(row: Row) -> bool:
    return bool(row["fetch_status"] == 200 and row["content_mime_detected"] == "text/html")


CASES: dict[str, tuple[dict[str, Any], Callable[[Row], bool]]] = {
    "pages": ({}, is_page),
    "any status": ({"statuses": ()}, lambda row: row["content_mime_detected"] == "text/html"),
    "404": ({"statuses": (404,)}, lambda row: row["fetch_status"] == 404),
    "language": ({"languages": ("deu",)}, lambda row: is_page(row) and row["content_languages"].startswith("deu")),
    "languages": ({"languages": ("deu", "eng")}, is_page),
    "no such language": ({"languages": ("fra",)}, lambda row: False),
    "host": ({"hosts": ("h1.example.org",)}, lambda row: row["url_host_name"] == "h1.example.org"),
    "domain": ({"hosts": ("example.org",)}, lambda row: row["url_host_name"].endswith(".example.org")),
    "domains": (
        {"hosts": ("*.Example.org", "shop.test")},
        lambda row: row["url_host_name"].endswith((".example.org", "shop.test")),
    ),
    "www": ({"hosts": ("www.shop.test",)}, lambda row: row["url_host_name"] == "www.shop.test"),
    "no part of a name": ({"hosts": ("ample.org", "op.test")}, lambda row: False),
    "mime": ({"mimes": ("application/pdf",)}, lambda row: False),
    "where": (
        {"where": "url LIKE '%/3' OR url_host_tld = 'org'"},
        lambda row: is_page(row) and (row["url"].endswith("/3") or row["url_host_tld"] == "org"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_conditions_choose_what_a_loop_would(case: str, crawl: Path, rows: list[Row], tmp_path: Path) -> None:
    config, wanted = CASES[case]
    assert places(chosen(str(crawl), tmp_path, rows, **config)) == expected(rows, wanted)


HOSTS = {  # host to its sort key, as Common Crawl writes them
    "example.org": "org,example)/",
    "www.example.org": "org,example)/w",
    "www2.example.org": "org,example)/w2",
    "shop.example.org": "org,example,shop)/",
    "a.shop.example.org": "org,example,shop,a)/",
    "example.org.uk": "uk,org,example)/",
    "example-x.org": "org,example-x)/",
    "badexample.org": "org,badexample)/",
    "10.0.0.7": "7.0.0.10)/",
}


@pytest.mark.parametrize(
    ("host", "found"),
    [
        (
            "example.org",
            {"example.org", "www.example.org", "www2.example.org", "shop.example.org", "a.shop.example.org"},
        ),
        ("*.shop.example.org.", {"shop.example.org", "a.shop.example.org"}),
        ("WWW2.example.org", {"www2.example.org"}),
        ("example.org.uk", {"example.org.uk"}),
        ("10.0.0.7", {"10.0.0.7"}),
        ("it's.test", set()),
    ],
)
def test_a_host_is_itself_and_all_below_it_whatever_its_sort_key(host: str, found: set[str], tmp_path: Path) -> None:
    rows = pa.table({"url_host_name": list(HOSTS), "url_surtkey": list(HOSTS.values())})
    pq.write_table(rows, tmp_path / "hosts.parquet")
    config = IndexConfig(statuses=(), mimes=(), hosts=(host,))
    statement = f"SELECT url_host_name FROM read_parquet($uri) WHERE {config.conditions()}"
    with querying(str(tmp_path / "hosts.parquet"), statement, {}) as answer:
        assert set(answer.read_all()["url_host_name"].to_pylist()) == found


def test_one_copy_of_a_content_or_all_of_them(crawl: Path, rows: list[Row], tmp_path: Path) -> None:
    copies = [row for row in rows if row["url"] == "http://copy.test/same"]
    assert len(copies) == 3
    one = chosen(str(crawl), tmp_path, rows, hosts=("copy.test",))
    assert [row["archive"] for row in one] == archives_of(rows)[:1]
    assert len(chosen(str(crawl), tmp_path, rows, hosts=("copy.test",), one_per_digest=False)) == 3


def test_archives_that_were_not_asked_for_are_left_alone(crawl: Path, rows: list[Row], tmp_path: Path) -> None:
    asked = archives_of(rows)[1:2]
    found = chosen(str(crawl), tmp_path, rows, asked)
    assert {row["archive"] for row in found} == set(asked)
    assert places(found) == expected(rows, lambda row: is_page(row) and row["warc_filename"] in asked)


def test_more_records_of_the_same_seed_only_add(crawl: Path, rows: list[Row], tmp_path: Path) -> None:
    def drawn(count: int, seed: int = 0) -> set[tuple[str, int, int]]:
        return set(places(chosen(str(crawl), tmp_path, rows, max_records=count, seed=seed)))

    everything = set(expected(rows, is_page))
    assert [len(drawn(count)) for count in (1, 10, len(everything), 1000)] == [1, 10, *[len(everything)] * 2]
    assert drawn(3) < drawn(10) < drawn(11) < everything
    assert len({frozenset(drawn(10, seed)) for seed in range(4)}) == 4


def test_through_a_failing_server_the_choice_is_the_same(
    crawl: Path, server: CrawlServer, rows: list[Row], tmp_path: Path
) -> None:
    server.trouble = 0.4
    there = chosen(server.url, tmp_path / "there", rows)
    assert there == chosen(str(crawl), tmp_path / "here", rows)
    assert (tmp_path / "there" / PLAN).read_bytes() == (tmp_path / "here" / PLAN).read_bytes()


def test_only_the_subset_of_successful_fetches_is_asked(crawl: Path) -> None:
    files = index.index_files(Store(str(crawl)), SNAPSHOT)
    assert len(files) == 3 and all("subset=warc" in uri for uri in files)


def test_a_file_of_the_index_is_asked_once(server: CrawlServer, rows: list[Row], tmp_path: Path) -> None:
    first = chosen(server.url, tmp_path, rows)
    server.asked.clear()
    assert chosen(server.url, tmp_path, rows) == first
    assert chosen(server.url, tmp_path, rows, max_records=3, seed=4) != first
    assert not [path for path, _ in server.asked if path.endswith(".parquet")]


def test_a_local_index_made_anew_is_asked_anew(crawl: Path, rows: list[Row], tmp_path: Path) -> None:
    uri = index.index_files(Store(str(crawl)), SNAPSHOT)[0]
    ask = lambda: index.search_file(Lake(str(tmp_path)), SNAPSHOT, uri, archives_of(rows), IndexConfig())  # noqa: E731
    first = ask()
    table = pq.read_table(uri)
    pq.write_table(table.slice(0, 5), uri)
    try:
        assert ask() != first
    finally:
        pq.write_table(table, uri)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nosuch = 1", "nosuch"),
        ("url LIKE", "syntax error"),
        ("true); DROP TABLE x; SELECT (1", "syntax error|SELECT"),
        ("url IN (SELECT column0 FROM read_csv('/etc/passwd'))", "/etc/passwd"),
    ],
)
def test_a_condition_that_is_none_is_a_users_mistake(
    where: str, message: str, crawl: Path, rows: list[Row], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        chosen(str(crawl), tmp_path, rows, where=where)
    assert not list(tmp_path.rglob("*.parquet"))


def test_languages_are_the_indexs_codes() -> None:
    with pytest.raises(ValidationError, match="three letters"):
        IndexConfig(languages=("de",))


def test_trouble_with_the_index_is_told_as_what_it_is(server: CrawlServer, rows: list[Row], tmp_path: Path) -> None:
    server.always["part-00001.c000.gz.parquet"] = Trouble(status=503)
    with pytest.raises(Transient, match="busy"):
        chosen(server.url, tmp_path, rows)
    server.always["part-00001.c000.gz.parquet"] = Trouble(body=b"PAR1 this is none PAR1")
    with pytest.raises(ShardFailed, match="cannot be read"):
        chosen(server.url, tmp_path, rows)
    server.always["part-00001.c000.gz.parquet"] = Trouble(status=404)
    with pytest.raises(UserError, match="no file"):
        chosen(server.url, tmp_path, rows)
    server.always["cc-index-table.paths.gz"] = Trouble(status=404)
    with pytest.raises(UserError, match="cc-index-table"):
        chosen(server.url, tmp_path, rows)


def test_counting_records_reads_no_more_than_the_footer(server: CrawlServer, crawl: Path, rows: list[Row]) -> None:
    files = index.index_files(Store(server.url), SNAPSHOT)
    assert sum(map(index.count_records, files)) == len(rows)


def test_excerpts_add_up_to_the_plan_and_know_their_places(crawl: Path, rows: list[Row], tmp_path: Path) -> None:
    found = chosen(str(crawl), tmp_path, rows)
    excerpts = excerpts_of(Lake(str(tmp_path)), PLAN)
    assert list(excerpts) == archives_of(rows)
    for archive, excerpt in excerpts.items():
        own = [(row["offset"], row["length"]) for row in found if row["archive"] == archive]
        assert excerpt_ranges(str(tmp_path), archive, excerpt) == own
        assert (excerpt.records, excerpt.bytes) == (len(own), sum(length for _, length in own))
        assert excerpt.fetched_bytes == sum(request.end - request.start for request in plan_requests(own))
    assert len({excerpt.digest for excerpt in excerpts.values()}) == len(excerpts)
    other = Excerpt(PLAN, hashlib.sha256(b"other").hexdigest(), 1, 1, 1)
    with pytest.raises(ShardFailed, match="not what it was"):
        excerpt_ranges(str(tmp_path), archives_of(rows)[0], other)
    (tmp_path / PLAN).write_bytes(b"PAR1 damaged")
    with pytest.raises(ShardFailed, match="is not a readable Parquet file"):
        excerpt_ranges(str(tmp_path), archives_of(rows)[0], other)
