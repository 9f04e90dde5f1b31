"""Looks at a source that grows: what is new, within the budget, once; and what becomes of runs that meet or die."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from flows import query
from flows.annotate_task import AnnotateJob, annotate
from flows.check import check
from flows.corpus_plan import plan_corpus
from flows.looks import Budget, choose
from storage import schema
from storage.errors import Fatal, UserError
from storage.files import list_files
from storage.lake import Lake
from storage.lease import CORPUS, LeaseBusy, LeaseLost, hold
from storage.shards import write_table
from storage.unfinished import writer_tag
from tests.flows import plain
from tests.flows.plain import arrive, asking, digests


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    with plain.without_prefect():
        yield


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def test_a_look_takes_what_is_new_once_and_leaves_a_lake_that_is_written_alone(
    inbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask, lake = asking(inbox, tmp_path / "lake", in_parts=True, max_new=1), Lake(str(tmp_path / "lake"))
    assert plain.run_watch(ask) is None
    for number in range(2):
        arrive(inbox, number)
    first = plain.run_watch(ask)
    with hold(ask.lake, CORPUS, "winnow corpus other", beat_seconds=0.05):
        with pytest.raises(LeaseBusy, match=r"being written by another run: winnow corpus other, process \d+ on"):
            plain.run_corpus(ask)
        assert plain.run_watch(ask) is None
        assert "winnow corpus other" in capsys.readouterr().err
        assert query.view(lake, "books").num_rows == 1, "readers are not held up"
    second = plain.run_watch(ask)
    assert first and second and (len(first.archives), len(second.archives)) == (1, 2)
    left = tmp_path / "lake" / f".{writer_tag().replace(f'-{os.getpid()}-', '-4194305-')}.tmp"
    left.touch()  # as if killed while it made the views
    assert plain.run_watch(ask) is None
    assert "nothing new among 2 archives" in capsys.readouterr().err
    assert not left.exists()
    steps = [{(name, step.fingerprint) for name, step in result.dedup.items()} for result in (first, second)]
    assert steps[0] < steps[1], "what was settled is not sought again"
    rows = query.sql(lake, "SELECT crawl, survivor_archive AS stays FROM duplicates").to_pylist()
    assert rows == [{"crawl": "local.0002", "stays": "0.warc.gz"}]
    Path(lake.absolute(lake.run_path(second.run_id))).unlink()  # as if killed before its end
    again = plain.run_watch(ask)
    assert again and again.mix == second.mix


def test_what_a_corpus_run_read_is_not_read_again_by_a_look(inbox: Path, tmp_path: Path) -> None:
    """Read again in a part of the crawl, every page would be a copy of itself, and the corpus would lose them all."""
    ask, lake = asking(inbox, tmp_path / "lake"), Lake(str(tmp_path / "lake"))
    arrive(inbox, 0)
    before = plain.run_corpus(ask)
    looking = ask.model_copy(update={"in_parts": True})
    arrive(inbox, 1)
    after = plain.run_watch(looking)
    assert after and plain.run_watch(looking) is None
    archives = query.view(lake, "books").select(["crawl", "archive"]).to_pylist()
    assert [(row["crawl"], row["archive"]) for row in archives] == [
        *(("local", "0.warc.gz"), ("local.0001", "1.warc.gz")),
    ]
    documents = [sum(output.rows for output in run.mix.outputs_of("corpus")) for run in (before, after)]
    assert documents == [4, 7], "three pages each, and one that they share"


def test_a_killed_look_goes_on_with_its_part(inbox: Path, tmp_path: Path) -> None:
    whole, cut = (asking(inbox, tmp_path / name, in_parts=True) for name in ("whole", "cut"))
    for number in range(2):
        arrive(inbox, number)
    annotate(plan_corpus(cut).jobs[0])  # and then it was killed
    for ask in (whole, cut):
        assert plain.run_watch(ask)
    assert digests(tmp_path / "whole") == digests(tmp_path / "cut")


def test_a_bucket_and_a_list_are_looked_at_too(inbox: Path, tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    for number in range(2):
        store.pipe_file(f"/bucket/{number}.warc.gz", arrive(inbox, number).read_bytes())
    (tmp_path / "new.paths").write_text("inbox/0.warc.gz\n# later: inbox/1.warc.gz\n")
    for given, count in (("memory://bucket/", 2), (str(tmp_path / "new.paths"), 1)):
        plan = plan_corpus(asking(inbox, tmp_path / "lake", inputs=(given,), in_parts=True))
        assert [job.source.archive for job in plan.pending] == [f"{n}.warc.gz" for n in range(count)]
        assert {job.source.crawl for job in plan.jobs} == {"local.0001"}
    store.store.clear()


def test_a_mistake_in_the_recipe_is_told(inbox: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="recipe"):
        plain.run_watch(asking(inbox, tmp_path / "lake", recipe="no-such-recipe"))


def jobs_of(inbox: Path, lake: Path) -> list[AnnotateJob]:
    for number in range(4):
        arrive(inbox, number, pages=1 + number)
    return list(plan_corpus(asking(inbox, lake)).jobs)


def test_a_budget_of_archives_bytes_and_minutes(inbox: Path, tmp_path: Path) -> None:
    jobs, lake = jobs_of(inbox, tmp_path / "lake"), Lake(str(tmp_path / "lake"))
    sizes = [job.source.size for job in jobs]
    assert choose(lake, jobs, Budget(), 2) == jobs
    assert choose(lake, jobs, Budget(archives=3), 2) == jobs[:3]
    assert choose(lake, jobs, Budget(bytes=sizes[0] + sizes[1]), 2) == jobs[:2]
    assert choose(lake, jobs, Budget(bytes=1), 2) == jobs[:1], "one, however large, or it would wait for ever"
    assert choose(lake, jobs, Budget(minutes=60), 2) == jobs[:2], "nothing measured: one a process"
    annotate(jobs[0])
    assert choose(lake, jobs[1:], Budget(minutes=600), 2) == jobs[1:]
    assert choose(lake, jobs[1:], Budget(minutes=1e-9), 2) == jobs[1:2]
    assert choose(lake, [], Budget(archives=1), 2) == []


def test_what_failed_before_does_not_hold_up_the_rest(inbox: Path, tmp_path: Path) -> None:
    jobs, lake = jobs_of(inbox, tmp_path / "lake"), Lake(str(tmp_path / "lake"))
    for number, failed in enumerate((jobs[0], jobs[0], jobs[1])):
        row = dict.fromkeys(schema.RUNS.names) | {
            "run_id": str(number), "flow": "corpus", "name": "raw", "recipe": "{}", "state": "finished", "steps": [],
            "started_at": datetime(2026, 1, 1, tzinfo=UTC), "failed": [{"archive": failed.label, "cause": "gone"}],
        }  # fmt: skip
        write_table(lake.root, lake.run_path(str(number)), "runs", pa.Table.from_pylist([row], schema.RUNS))
    assert choose(lake, jobs, Budget(archives=3), 1) == [jobs[2], jobs[3], jobs[1]]


def test_a_task_whose_run_lost_the_lake_commits_nothing(inbox: Path, tmp_path: Path) -> None:
    arrive(inbox, 0)
    [job] = plan_corpus(asking(inbox, tmp_path / "lake")).jobs
    with hold(job.lake, CORPUS, "before") as lease:
        stopped = replace(job, fence=lease.fence)
    with hold(job.lake, CORPUS, "now"), pytest.raises(LeaseLost, match="another took over: now"):
        annotate(stopped)
    assert Lake(job.lake).archive_rows() == [] and not list_files(job.lake, "costs")
    annotate(job)
    assert len(Lake(job.lake).archive_rows()) == 1


def test_a_full_disk_is_one_sentence_and_the_rest_is_done_later(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(inbox, 0)
    ask, replace_file, count = asking(inbox, tmp_path / "lake"), Path.replace, 0

    def full(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count > 4 and "leases" not in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace_file(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(Fatal, match=r"No room left to write .*: No space left on device.*it resumes"):
            plain.run_corpus(ask)
    assert not list((tmp_path / "lake").rglob("*.tmp"))
    plain.run_corpus(ask)
    assert check(Lake(ask.lake)).problems == ()
