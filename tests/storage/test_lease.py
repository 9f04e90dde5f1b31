"""The lease on a lake: one owner, whatever clocks do; a dead one loses it, and what it then tries to commit fails."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import fsspec
import pytest

from storage import exclusive, files, lease
from storage.exclusive import create_new, shared, sole
from storage.lease import LeaseBusy, LeaseLost, committing, current, held, hold
from storage.uris import join

SOON = {"beat_seconds": 0.02, "lost_seconds": 0.3}


@pytest.fixture(params=["disk", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A lake on a disk, and one in a store that puts only where there is nothing."""
    if request.param == "disk":
        yield str(tmp_path / "lake")
        return
    yield "memory://lake"
    fsspec.filesystem("memory").store.clear()


def test_one_holds_it_and_the_other_is_told_who(root: str) -> None:
    with hold(root, "corpus", "winnow corpus fineweb", **SOON) as first:
        first.tell_run("abc")
        with (
            pytest.raises(LeaseBusy, match=rf"winnow corpus fineweb, run abc, process {os.getpid()} on .* since 20"),
            hold(root, "corpus", "another", **SOON),
        ):
            pass
        first.fence.check()
    with hold(root, "corpus", "another", **SOON) as second:
        second.fence.check()
        assert second.fence.generation == 2
    assert [Path(uri).name for uri in files.list_files(join(root, "leases"), ".json")] == ["corpus.00000002.json"]


def test_areas_do_not_meet(root: str) -> None:
    with hold(root, "corpus", "one", **SOON), hold(root, "tokens", "other", **SOON):
        pass


def test_one_who_waits_gets_it(root: str) -> None:
    told: list[str] = []

    def queue() -> int:
        with hold(root, "corpus", "second", wait=20, announce=told.append, **SOON) as second:
            return second.fence.generation

    with ThreadPoolExecutor(1) as pool:
        with hold(root, "corpus", "first", **SOON):
            waiting = pool.submit(queue)
            while not told:
                time.sleep(0.01)
            assert not waiting.done()
        assert waiting.result(20) == 2
    assert len(told) == 1 and "held by first" in told[0]


@pytest.fixture
def paused(root: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[lease.Lease]:
    """An owner of another machine whose heart stands still, as in a process that was stopped."""
    with ExitStack() as stack:
        with monkeypatch.context() as patch:
            patch.setattr(lease, "machine", lambda: "another machine")
            owner = stack.enter_context(hold(root, "corpus", "paused", beat_seconds=1000))
        yield owner


def test_an_owner_that_is_not_heard_loses_it_and_cannot_commit(root: str, paused: lease.Lease) -> None:
    fence = pickle.loads(pickle.dumps(paused.fence))  # as a task in another process has it
    with committing(root, fence):
        pass
    started = time.monotonic()
    with hold(root, "corpus", "heir", **SOON):
        assert time.monotonic() - started >= SOON["lost_seconds"]
        for written_by in (fence, paused.fence):
            with pytest.raises(LeaseLost, match="another took over: heir"), committing(root, written_by):
                raise AssertionError("it was let in")
        paused.release()  # gives back nothing that is another's
        found = current(root, "corpus")
        assert found and (found.purpose, found.released) == ("heir", False)


def test_a_heart_beats_on_after_a_store_failed_in_words_of_its_own(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite, beats = lease.rewrite, list[int]()

    def failing(at: str, holder: lease.Holder) -> None:
        beats.append(holder.beat)
        if holder.beat == 1:
            raise RuntimeError("a client's own error")
        rewrite(at, holder)

    monkeypatch.setattr(lease, "rewrite", failing)
    with hold(root, "corpus", "one", **SOON):
        deadline = time.monotonic() + 10
        while len(beats) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        found = current(root, "corpus")
        assert found and found.beat >= 2


@pytest.mark.parametrize("jump", [-3600.0, 3600.0, 10 * 365 * 86400.0])
def test_a_wall_clock_that_jumps_makes_no_second_owner(root: str, jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    with hold(root, "corpus", "first", **SOON) as first:
        monkeypatch.setattr(time, "time", lambda: now() + jump)
        with pytest.raises(LeaseBusy), hold(root, "corpus", "second", **SOON):
            pass
        first.fence.check()


def test_of_many_at_once_one_gets_it(root: str) -> None:
    gate, inside, most = threading.Barrier(8), 0, 0

    def run(number: int) -> None:
        nonlocal inside, most
        gate.wait()
        with hold(root, "corpus", str(number), wait=60, beat_seconds=0.02, lost_seconds=2):
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert most == 1
    found = current(root, "corpus")
    assert found and found.generation == 8


def _hold_for_ever(root: str, told: str) -> None:
    with hold(root, "corpus", "to be killed"):
        Path(told).write_text("held")
        time.sleep(60)


def test_a_killed_owner_of_this_machine_loses_it_at_once(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=_hold_for_ever, args=(str(tmp_path), str(tmp_path / "t"))
    )
    process.start()
    while not (tmp_path / "t").exists():
        time.sleep(0.01)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    started = time.monotonic()
    with hold(str(tmp_path), "corpus", "next") as found:
        assert time.monotonic() - started < 5 < lease.LOST_SECONDS
        assert found.fence.generation == 2
    process.join()


@pytest.mark.parametrize("root", ["disk"], indirect=True)
def test_nobody_takes_over_between_check_and_commit(root: str, paused: lease.Lease) -> None:
    """An owner that is stopped right in a commit keeps the lake until it goes on or is gone."""

    def inherit() -> int:
        with hold(root, "corpus", "heir", **SOON) as heir:
            return heir.fence.generation

    with ThreadPoolExecutor(1) as pool:
        with committing(root, paused.fence):
            heir = pool.submit(inherit)
            time.sleep(3 * SOON["lost_seconds"])
            assert not heir.done()
            paused.fence.check()
        assert heir.result(20) == 2


def test_what_this_process_holds_is_asked_by_every_name_of_the_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with hold("lake", "corpus", "one", **SOON) as owner:
        assert held(str(tmp_path / "lake")) == owner.fence
        with hold_forged(tmp_path / "lake"), pytest.raises(LeaseLost), committing(str(tmp_path / "lake")):
            pass
    assert held("lake") is None
    with committing("lake"):
        pass


class hold_forged:  # noqa: N801  reads as a block
    """Another's next generation, as if this process had been stopped meanwhile."""

    def __init__(self, root: Path) -> None:
        self.path = root / "leases" / "corpus.00000002.json"

    def __enter__(self) -> None:
        [mine] = (self.path.parent).glob("corpus.*.json")
        self.path.write_text(json.dumps(json.loads(mine.read_text()) | {"generation": 2, "token": "other"}))

    def __exit__(self, *error: object) -> None:
        self.path.unlink()


def test_a_lease_that_cannot_be_read_counts_until_it_has_stood_still(tmp_path: Path) -> None:
    (tmp_path / "leases").mkdir()
    (tmp_path / "leases" / "corpus.00000007.json").write_bytes(b"{")
    started = time.monotonic()
    with hold(str(tmp_path), "corpus", "next", **SOON) as found:
        assert found.fence.generation == 8 and time.monotonic() - started >= SOON["lost_seconds"]


def test_a_file_is_created_once_and_whole(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = join(root, "a/b.json")
    assert create_new(uri, b"first") and not create_new(uri, b"second")
    assert exclusive.read_now(uri) == b"first"
    monkeypatch.setattr(os, "link", lambda *paths: (_ for _ in ()).throw(OSError("no links here")))
    other = join(root, "a/c.json")
    assert create_new(other, b"first") and not create_new(other, b"second")
    assert len(files.list_files(join(root, "a"))) == 2


def test_locks_are_shared_or_sole(tmp_path: Path) -> None:
    path = str(tmp_path / "x.lock")
    with shared(path), shared(path), sole(path) as got:
        assert not got
    with sole(path) as got:
        assert got
