"""Archives to a corpus: the same bytes for any number of workers, any order, and after kill -9."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import query
from flows.check import check
from flows.corpus_flow import CorpusRequest, CorpusResult, corpus_flow, plan_corpus
from flows.report.page import render
from flows.runners import RunnerKind
from flows.watch_flow import watch_flow
from flows.work import prefect_api
from storage.errors import UserError
from storage.files import list_files, sha256_of
from storage.lake import Lake
from tests.flows.archives import article, page, write_jsonl, write_warc
from tests.storage.crawl_layout import SNAPSHOT, make_crawl

REPRODUCIBLE = ("pages/", "documents/", "bands/", "pii/", "duplicates/", "corpus/")


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Prefect server for all tests of this file, with a home of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        patch.setenv("PREFECT_LOGGING_LEVEL", "CRITICAL")
        with prefect_api() as url:
            yield url


@pytest.fixture(scope="session")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three archives with copies within and between them, and a curated source."""
    folder = tmp_path_factory.mktemp("inbox")
    for number in range(3):
        pages = {f"http://h{number}.test/{n}": page(article(10 * number + n)) for n in range(8)}
        pages["http://copy.test/exact"] = page(article(3))
        pages[f"http://copy{number}.test/near"] = page(article(4) + f"\nPrinted on day {number} of the month.")
        pages[f"http://intl{number}.test/"] = page("Das Amt ist am Montag und am Dienstag geöffnet. " * 12)
        write_warc(folder / f"crawl-{number}.warc.gz", pages)
    write_jsonl(folder / "verse.jsonl.gz", ["Roses are red", "Violets are blue", "Roses are red"])
    return folder


def request(inbox: Path, lake: Path, workers: int = 2, reverse: bool = False) -> CorpusRequest:
    inputs = [*map(str, sorted(inbox.glob("*.warc.gz"))), f"books={inbox / 'verse.jsonl.gz'}"]
    return CorpusRequest(
        recipe="fineweb", inputs=tuple(inputs[::-1] if reverse else inputs), lake=str(lake), workers=workers
    )


def digests(lake: Path) -> dict[str, str]:
    """Every file that must come out the same, by its path in the lake."""
    names = {str(Path(path).relative_to(lake)): path for path in list_files(str(lake))}
    return {name: sha256_of(path) for name, path in names.items() if name.startswith(REPRODUCIBLE)}


@pytest.fixture(scope="session")
def finished(api: str, inbox: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CorpusResult]:
    """A lake made by one worker."""
    lake = tmp_path_factory.mktemp("one") / "lake"
    return lake, corpus_flow(request(inbox, lake, workers=1))


def test_nothing_is_lost_and_everything_is_explained(finished: tuple[Path, CorpusResult]) -> None:
    lake = Lake(str(finished[0]))
    [row] = query.sql(
        lake, "SELECT count(*) AS rows, count(DISTINCT (crawl, archive, \"offset\")) AS keys, "
        "count(*) FILTER (fate = 'duplicate') AS duplicates FROM ledger"
    ).to_pylist()  # fmt: skip
    assert row["rows"] == row["keys"] == 3 * 11 + 3
    assert row["duplicates"] == 3 + 3 + 1  # of one page each: exact copies, near ones; and a verse
    assert all(not r["balance_records"] and not r["balance_bytes"] for r in query.books(lake).to_pylist())


def test_a_duplicate_names_a_page_that_is_kept(finished: tuple[Path, CorpusResult]) -> None:
    sql = "SELECT d.kind, d.jaccard, l.fate FROM duplicates d JOIN ledger l ON l.archive = d.survivor_archive "
    rows = query.sql(Lake(str(finished[0])), sql + 'AND l."offset" = d.survivor_offset').to_pylist()
    assert {row["fate"] for row in rows} == {"kept"}
    assert all(row["jaccard"] >= 0.8 for row in rows)


def test_two_workers_and_another_order_give_the_same_bytes(
    finished: tuple[Path, CorpusResult], inbox: Path, tmp_path: Path
) -> None:
    corpus_flow(request(inbox, tmp_path / "lake", workers=2, reverse=True))
    assert digests(tmp_path / "lake") == digests(finished[0])


@pytest.mark.parametrize("runner", ["dask", "ray"])
def test_a_cluster_of_two_workers_gives_the_same_bytes(
    runner: RunnerKind, finished: tuple[Path, CorpusResult], inbox: Path, tmp_path: Path
) -> None:
    pytest.importorskip(f"prefect_{runner}", reason=f"winnow[{runner}] is not installed", exc_type=ImportError)
    ask = request(inbox, tmp_path / "lake").model_copy(update={"runner": runner})
    corpus_flow(ask)
    assert digests(tmp_path / "lake") == digests(finished[0])


def test_again_does_nothing(finished: tuple[Path, CorpusResult], inbox: Path) -> None:
    lake, first = finished
    before = {path: Path(path).stat().st_mtime_ns for path in list_files(str(lake), ".parquet") if "/runs/" not in path}
    assert corpus_flow(request(inbox, lake)).run_id == first.run_id
    after = {path: Path(path).stat().st_mtime_ns for path in list_files(str(lake), ".parquet") if "/runs/" not in path}
    assert after == before


@pytest.mark.parametrize("wait", [1, 3])
def test_killed_and_run_again_gives_the_same_bytes(
    wait: int, api: str, finished: tuple[Path, CorpusResult], inbox: Path, tmp_path: Path
) -> None:
    """Kill -9 some moments after the first file of the run appears; the same command does the rest."""
    lake = tmp_path / "lake"
    inputs = request(inbox, lake).inputs
    command = [
        sys.executable,
        "-m",
        "flows.cli",
        "corpus",
        "fineweb",
        *inputs,
        "--lake",
        str(lake),
        "--workers",
        "2",
    ]
    process = subprocess.Popen(
        command, env=os.environ | {"PREFECT_API_URL": api}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(lake.rglob("*")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    time.sleep(wait * random.Random(wait).uniform(1, 3))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    corpus_flow(request(inbox, lake, workers=2))
    assert digests(lake) == digests(finished[0])
    assert not list(lake.rglob("*.tmp"))


def test_watch_takes_what_is_new_and_no_more(api: str, inbox: Path, tmp_path: Path) -> None:
    watched = tmp_path / "inbox"
    watched.mkdir()
    ask = CorpusRequest(recipe="raw", inputs=(str(watched),), lake=str(tmp_path / "lake"), workers=1, max_new=1)
    assert watch_flow(ask) is None
    for path in sorted(inbox.glob("*.warc.gz"))[:2]:
        (watched / path.name).write_bytes(path.read_bytes())
    assert [len(result.archives) for _ in range(2) if (result := watch_flow(ask))] == [1, 2]
    assert watch_flow(ask) is None


def test_records_chosen_by_an_index_make_a_corpus_whose_books_balance(api: str, tmp_path: Path) -> None:
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
    assert all(not row["balance_records"] and not row["balance_bytes"] for row in query.books(lake).to_pylist())
    assert check(lake).problems == ()
    assert f"index {SNAPSHOT}" in render(lake)
    assert not plan_corpus(ask).pending


def test_a_plan_writes_nothing(inbox: Path, tmp_path: Path) -> None:
    plan = plan_corpus(request(inbox, tmp_path / "lake"))
    assert len(plan.pending) == len(plan.jobs) == 4
    assert not (tmp_path / "lake").exists()


def test_no_input_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to read"):
        plan_corpus(CorpusRequest(lake=str(tmp_path)))
