"""A task that hangs is given up, a process that dies takes no other task with it, and what kills it fails alone."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Iterable
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from flows.stall import renew, watched
from flows.survival import Ended, at_work, marks, survive
from storage.errors import Fatal, ShardFailed
from storage.lake import safe_name


class Pool:
    """Does labelled tasks as a pool of two would; `deadly` ones break it, with whatever else is in progress."""

    def __init__(self, deadly: dict[str, int], failing: Iterable[str] = ()) -> None:
        self.deadly, self.failing, self.done = dict(deadly), set(failing), list[str]()
        self.lost: list[AbstractContextManager[None]] = []

    def __call__(self, labels: Iterable[str], ended: Ended) -> None:
        todo = list(labels)
        for pair in (todo[n : n + 2] for n in range(0, len(todo), 2)):
            for label in pair:
                if self.deadly.get(label, 0) > 0:
                    self.deadly[label] -= 1
                    for other in pair:
                        self.lost.append(at_work(other, marks()))
                        self.lost[-1].__enter__()  # never left: their process is gone
                    raise BrokenProcessPool("a process in the process pool was terminated abruptly")
            for label in pair:
                with at_work(label, marks()):
                    self.done.append(label)
                ended(label, ShardFailed(f"{label} failed") if label in self.failing else label.upper())


LABELS = [f"crawl/{name}" for name in "abcdefg"]


def test_nothing_dies() -> None:
    results, failures = survive(LABELS, Pool({}, ["crawl/b"]))
    assert set(results) == set(LABELS) - {"crawl/b"} and list(failures) == ["crawl/b"]
    assert marks() is None


def test_a_process_killed_once_costs_nothing() -> None:
    pool = Pool({"crawl/c": 1})
    results, failures = survive(LABELS, pool)
    assert set(results) == set(LABELS) and not failures


def test_a_process_killed_while_it_left_its_mark_is_known_by_the_marks_name() -> None:
    """The mark is there, and nothing was written into it."""
    rounds = list[list[str]]()

    def do(labels: Iterable[str], ended: Ended) -> None:
        rounds.append(list(labels))
        if len(rounds) == 1:
            (Path(marks() or "") / safe_name("crawl/c")).touch()
            raise BrokenProcessPool("a process in the process pool was terminated abruptly")
        for label in rounds[-1]:
            ended(label, label.upper())

    results, failures = survive(LABELS, do)
    assert set(results) == set(LABELS) and not failures
    assert rounds == [LABELS, [label for label in LABELS if label != "crawl/c"], ["crawl/c"]]


def test_what_ended_before_a_death_is_not_done_again() -> None:
    """Neither what succeeded in the round that broke, nor what failed in it: that is still told at the end."""
    pool = Pool({"crawl/e": 1}, ["crawl/b"])
    results, failures = survive(LABELS, pool)
    assert sorted(pool.done) == LABELS
    assert list(failures) == ["crawl/b"] and set(results) == set(LABELS) - {"crawl/b"}


def test_what_always_kills_its_process_fails_alone() -> None:
    pool = Pool({"crawl/c": 99, "crawl/f": 99})
    results, failures = survive(LABELS, pool)
    assert set(failures) == {"crawl/c", "crawl/f"} and set(results) == set(LABELS) - set(failures)
    assert "died twice" in str(failures["crawl/c"])


def test_a_pool_that_dies_before_any_task_began_ends_too() -> None:
    def broken(labels: Iterable[str], ended: Ended) -> None:
        raise BrokenProcessPool("no process starts here")

    results, failures = survive(LABELS[:3], broken)
    assert not results and set(failures) == set(LABELS[:3])


def test_other_errors_are_nobody_elses_business() -> None:
    def full(labels: Iterable[str], ended: Ended) -> None:
        raise Fatal("the disk is full")

    with pytest.raises(Fatal, match="the disk is full"):
        survive(LABELS, full)


def test_a_task_that_stands_still_is_given_up() -> None:
    said = r"c/a\.warc made no progress for 0 seconds.*WINNOW_STALL_SECONDS"
    with pytest.raises(ShardFailed, match=said), watched("c/a.warc", 0.05):
        time.sleep(30)
    time.sleep(0.1)  # nothing comes later


def test_a_task_that_gets_on_is_left_alone() -> None:
    with watched("c/a.warc", 1.0):
        for _ in range(15):
            time.sleep(0.1)
            renew()


def test_a_thread_is_not_watched() -> None:
    def work() -> None:
        with watched("c/a.warc", 0.01):
            time.sleep(0.1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def _hang_past_errors(told: str) -> None:
    with watched("c/a.warc", 1.0, grace=0.5):
        while True:
            try:
                time.sleep(30)
            except ShardFailed:  # as code that is not Python would
                Path(told).touch()


def test_a_task_that_lets_no_error_in_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "told"
    process = multiprocessing.get_context("fork").Process(target=_hang_past_errors, args=(str(told),))
    process.start()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL and told.exists()
