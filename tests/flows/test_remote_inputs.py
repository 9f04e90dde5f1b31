"""Archives from web servers and buckets, whole or chosen by an index: the same rows and bytes as from the disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from typer.testing import CliRunner

from flows import settings as settings_module
from flows.annotate_task import AnnotateJob, annotate
from flows.cli import app
from flows.commands import print_plan
from flows.corpus_plan import CorpusPlan, CorpusRequest, plan_corpus
from flows.options import index_changes
from flows.recipe import load_recipe
from storage import patience
from storage.errors import ShardFailed, UserError
from storage.files import list_files
from storage.inputs import expand_inputs
from storage.lake import Lake
from storage.patience import pace_of
from storage.shards import read_table
from storage.snapshots import Store
from tests.storage.crawl_layout import SNAPSHOT, make_crawl
from tests.storage.crawl_server import CrawlServer, Trouble, serving

Row = dict[str, Any]
TABLES = ("pages", "documents", "bands", "pii")


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_crawl(tmp_path_factory.mktemp("crawl"), archives=3, pages=10)


@pytest.fixture
def server(crawl: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CrawlServer]:
    monkeypatch.setattr(patience, "sleep", lambda seconds: None)
    pace_of.cache_clear()
    with serving(crawl) as server:
        yield server


def plan(base: str, lake: Path, *inputs: str, changes: tuple[str, ...] = (), **more: Any) -> CorpusPlan:
    asked = inputs or (SNAPSHOT,)
    return plan_corpus(CorpusRequest(inputs=asked, base_url=base, lake=str(lake), changes=changes, workers=1, **more))


def contents(found: CorpusPlan) -> dict[tuple[str, str], bytes]:
    """What annotating every archive writes: table and archive to the file's bytes."""
    written = {}
    for job in found.jobs:
        for output in annotate(job)["outputs"]:
            if output["table"] in TABLES:
                path = Path(job.lake) / output["path"]
                written[output["table"], job.label] = path.read_bytes()
    return written


def ledger(found: CorpusPlan) -> dict[tuple[str, int], Row]:
    """Every page row that annotating the plan's archives gives, by archive and offset."""
    rows = {}
    for job in found.jobs:
        [path] = [output["path"] for output in annotate(job)["outputs"] if output["table"] == "pages"]
        for row in read_table(Lake(job.lake).absolute(path)).to_pylist():
            rows[row["archive"], row["offset"]] = row
    return rows


def test_a_failing_server_gives_the_bytes_the_disk_gives(crawl: Path, server: CrawlServer, tmp_path: Path) -> None:
    for number in range(3):
        server.fail(f"{number}.warc.gz", Trouble(cut=1500), Trouble(status=503), Trouble(drop=True), Trouble(cap=700))
        server.fail(
            f"{number}.warc.gz", Trouble(ranges=False, cut=3000), Trouble(status=429, headers={"Retry-After": "9"})
        )
    there = contents(plan(server.url, tmp_path / "there"))
    folder = crawl / "crawl-data" / SNAPSHOT
    here = plan_corpus(CorpusRequest(inputs=(str(folder),), crawl=SNAPSHOT, lake=str(tmp_path / "here"), workers=1))
    assert there == contents(here) and len(there) == 3 * len(TABLES)
    assert len([path for path, _ in server.asked if path.endswith(".warc.gz")]) >= 3 * 7


def test_a_mirror_goes_on_where_another_stopped(crawl: Path, server: CrawlServer, tmp_path: Path) -> None:
    first = plan(server.url, tmp_path)
    annotate(first.jobs[0])
    second = plan(str(crawl), tmp_path)
    assert [job.label for job in second.pending] == [job.label for job in first.jobs[1:]]


def test_a_bucket_gives_the_same_bytes(crawl: Path, tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    for file in (path for path in crawl.rglob("*") if path.is_file()):
        store.pipe_file(f"/mirror/{file.relative_to(crawl)}", file.read_bytes())
    for changes in ((), ("index.enabled=true",)):
        there = contents(plan("memory://mirror", tmp_path / f"there{len(changes)}", changes=changes))
        assert there == contents(plan(str(crawl), tmp_path / f"here{len(changes)}", changes=changes))
    store.store.clear()


def test_chosen_records_have_the_rows_the_whole_archive_gives_them(
    crawl: Path, server: CrawlServer, tmp_path: Path
) -> None:
    server.trouble = 0.3
    some = plan(server.url, tmp_path / "some", changes=("index.enabled=true", 'index.languages=["eng"]'))
    rows, every = ledger(some), ledger(plan(str(crawl), tmp_path / "all"))
    assert rows == {key: every[key] for key in rows}
    assert {row["host"] for row in rows.values()} >= {"h0.example.org", "www.shop.test", "copy.test"}
    assert not [host for row in rows.values() if (host := row["host"]).startswith(("intl", "gone"))]
    [choice] = some.selections
    assert len(rows) == choice.summary["records"] < len(every) == choice.summary["index_records"]


def test_books_balance_against_what_was_chosen(crawl: Path, tmp_path: Path) -> None:
    found = plan(str(crawl), tmp_path, changes=("index.enabled=true",))
    for job in found.jobs:
        assert job.source.excerpt is not None
        row = annotate(job)
        fates = ("kept", "dropped", "skipped", "unreadable")
        assert sum(row[f"{fate}_bytes"] for fate in fates) == row["stream_bytes"] == job.source.excerpt.bytes
        assert sum(row[f"{fate}_records"] for fate in fates) == row["records"] == job.source.excerpt.records
        assert row["selection"] == job.source.excerpt.plan and row["offsets_in"] == "file"


def test_chosen_records_are_fetched_in_few_requests_and_no_whole_archive(server: CrawlServer, tmp_path: Path) -> None:
    found = plan(server.url, tmp_path, changes=("index.enabled=true",))
    server.asked.clear()
    contents(found)
    asked = [wanted for path, wanted in server.asked if path.endswith(".warc.gz")]
    assert len(asked) == len(found.jobs) and all(wanted and not wanted.endswith("-") for wanted in asked)


def test_a_damaged_range_costs_its_record_only(crawl: Path, server: CrawlServer, tmp_path: Path) -> None:
    found = plan(server.url, tmp_path / "damaged", changes=("index.enabled=true",))
    sound = ledger(plan(str(crawl), tmp_path / "sound", changes=("index.enabled=true",)))
    job = found.jobs[0]
    file = crawl / str(job.source.path)
    mine = [row for row in sound.values() if row["archive"] == job.source.archive]
    hit = mine[3]
    data = bytearray(file.read_bytes())
    data[hit["offset"] + hit["length"] // 2] ^= 0xFF
    server.always[file.name] = Trouble(body=bytes(data[: mine[-1]["offset"] + 10]))  # and the last record is cut
    rows = {offset: row for (archive, offset), row in ledger(found).items() if archive == job.source.archive}
    assert sum(row["length"] for row in rows.values()) == sum(row["length"] for row in mine)
    for row in mine[:3] + mine[4:-1]:
        assert rows[row["offset"]] == row
    assert [rows[row["offset"]]["fate"] for row in (hit, mine[-1])] == ["unreadable"] * 2
    assert "the file ends" in rows[mine[-1]["offset"]]["detail"]


def test_the_fingerprint_knows_what_was_chosen(crawl: Path, tmp_path: Path) -> None:
    def fingerprints(*changes: str) -> dict[str, str]:
        return plan(str(crawl), tmp_path, changes=changes).fingerprints

    whole, every = fingerprints(), fingerprints("index.enabled=true", "index.statuses=[]", "index.one_per_digest=false")
    german = fingerprints("index.enabled=true", 'index.languages=["deu"]')
    same = fingerprints("index.enabled=true", "index.where=content_languages LIKE 'deu%'")
    for label in whole:
        assert len({whole[label], every[label], german[label]}) == 3
        assert german[label] == same[label]  # other words for the same records: nothing is read twice


def test_asking_again_asks_nothing(server: CrawlServer, tmp_path: Path) -> None:
    first = plan(server.url, tmp_path, changes=("index.enabled=true",))
    server.asked.clear()
    assert plan(server.url, tmp_path, changes=("index.enabled=true",)) == first
    assert {path.rpartition("/")[2] for path, _ in server.asked} == {"warc.paths.gz", "cc-index-table.paths.gz"}


def test_other_inputs_are_read_whole_beside_an_index(crawl: Path, tmp_path: Path) -> None:
    file = next(crawl.rglob("*.warc.gz"))
    found = plan(str(crawl), tmp_path, SNAPSHOT + "#0", f"books={file}", changes=("index.enabled=true",))
    assert sorted((job.source.domain, job.source.excerpt is None) for job in found.jobs) == [
        ("books", True),
        ("web", False),
    ]


def test_an_index_needs_a_snapshot(crawl: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no input is a CC-MAIN"):
        plan(str(crawl), tmp_path, str(next(crawl.rglob("*.warc.gz"))), changes=("index.enabled=true",))


def test_the_command_line_says_the_same_as_the_recipe(crawl: Path, tmp_path: Path) -> None:
    def dry_run(*options: str) -> list[str]:
        given = ["corpus", "raw", SNAPSHOT, "--base-url", str(crawl), "--lake", str(tmp_path), "--dry-run", *options]
        result = CliRunner().invoke(app, given, catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout.splitlines()

    assert [len(dry_run(*options)) for options in ((), ("--sample", "2", "--seed", "1"), ("--index",))] == [3, 2, 4]
    where = "url_host_tld = 'org' AND url NOT LIKE '%\"%'"
    assert dry_run("--where", where) == dry_run("--set", "index.enabled=true", "--set", f"index.where={where}")


def test_an_index_that_has_nothing_is_a_users_mistake(crawl: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no record that the recipe's index section wants"):
        plan(str(crawl), tmp_path, changes=("index.enabled=true", 'index.languages=["fra"]'))


def test_a_dry_run_says_what_would_be_fetched(
    crawl: Path, server: CrawlServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = tuple(index_changes(True, "url_host_name = 'copy.test'"))
    print_plan(plan(server.url, tmp_path, changes=changes))
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        rf"{SNAPSHOT}: 1 of the 39 records its index lists, in 1 of 3 archives: ([\d,]+) bytes; "
        r"to fetch, with what lies between near ones: \1 bytes, about [\d.]+% of about [\d,]+",
        said[0],
    )
    assert len(said) == 2 and "1 records" in said[1]
    print_plan(plan(str(crawl), tmp_path, changes=("index.enabled=true", "index.one_per_digest=false")))
    size = sum(file.stat().st_size for file in crawl.rglob("*.warc.gz"))
    [first, *_] = capsys.readouterr().out.splitlines()
    assert "36 of the 39 records" in first and first.endswith(f"% of {size:,}")


def test_a_dry_run_estimates_by_the_archives_that_a_mirror_has(
    crawl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = tmp_path / "mirror"
    shutil.copytree(crawl, mirror)
    gone, *there = sorted(mirror.rglob("*.warc.gz"))
    gone.unlink()
    print_plan(plan(str(mirror), tmp_path / "lake", changes=("index.enabled=true",)))
    about = sum(file.stat().st_size for file in there) / len(there) * 3
    assert capsys.readouterr().out.splitlines()[0].endswith(f"% of about {about:,.0f}")


def test_a_sample_is_part_of_the_request_and_of_the_recipe(crawl: Path, tmp_path: Path) -> None:
    two = plan(str(crawl), tmp_path, sample=2)
    recipe = tmp_path / "mine.toml"
    recipe.write_text(f'[[inputs]]\npaths = ["{SNAPSHOT}"]\nsample = 2\n')
    asked = CorpusRequest(recipe=str(recipe), base_url=str(crawl), lake=str(tmp_path), workers=1)
    assert [job.label for job in two.jobs] == [job.label for job in plan_corpus(asked).jobs]
    three = {job.label for job in plan(str(crawl), tmp_path, sample=3).jobs}
    assert len(two.jobs) == 2 and {job.label for job in two.jobs} < three


@pytest.mark.parametrize("changes", [(), ("index.enabled=true",)])
def test_an_archive_that_went_fails_alone(changes: tuple[str, ...], server: CrawlServer, tmp_path: Path) -> None:
    found = plan(server.url, tmp_path, changes=changes)
    server.always["00001.warc.gz"] = Trouble(status=404)
    with pytest.raises(ShardFailed, match="no file"):
        annotate(found.jobs[1])
    assert not list_files(str(tmp_path / "archives"))
    assert annotate(found.jobs[2])["records"]


def test_a_file_that_changed_since_it_was_planned_fails(crawl: Path, server: CrawlServer, tmp_path: Path) -> None:
    local = tmp_path / "a.warc.gz"
    local.write_bytes(next(crawl.rglob("*.warc.gz")).read_bytes())
    url = next(f"{server.url}{file.relative_to(crawl)}" for file in sorted(crawl.rglob("*.warc.gz")))
    jobs = [AnnotateJob(str(tmp_path), source, load_recipe("raw")) for source in expand_inputs([str(local), url])]
    local.write_bytes(b"x")
    server.always[url.rpartition("/")[2]] = Trouble(body=b"x" * 5000)
    for job in jobs:
        with pytest.raises(ShardFailed, match=r"changed|not what it was"):
            annotate(job)


def test_kept_downloads_are_read_instead_of_the_server(
    crawl: Path, server: CrawlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINNOW_DOWNLOADS", str(tmp_path / "kept"))
    settings_module.settings.cache_clear()
    try:
        first = contents(plan(server.url, tmp_path / "first"))
        server.asked.clear()
        assert contents(plan(server.url, tmp_path / "second")) == first
        assert not [path for path, _ in server.asked if path.endswith(".warc.gz")]
    finally:
        monkeypatch.undo()
        settings_module.settings.cache_clear()
    assert Store(server.url).paths(SNAPSHOT, "warc")
