"""Any number of workers, any order, a cluster, a kill -9: the bytes are those of one process left in peace."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.corpus_flow import corpus_flow
from flows.runners import RunnerKind
from tests.flows import plain


def test_two_workers_and_another_order_give_the_same_bytes(
    api: str, small_crawl: plain.SmallCrawl, tmp_path: Path
) -> None:
    corpus_flow(small_crawl.request(tmp_path / "lake", workers=2, reverse=True))
    assert plain.digests(tmp_path / "lake") == small_crawl.digests


@pytest.mark.parametrize("wait", [1, 3])
def test_killed_and_run_again_gives_the_same_bytes(
    wait: int, api: str, small_crawl: plain.SmallCrawl, tmp_path: Path
) -> None:
    """Kill -9 some moments after the first file of the run appears; the same request does the rest."""
    ask = small_crawl.request(lake := tmp_path / "lake", workers=2)
    command = [sys.executable, "-m", "flows.cli", "corpus", ask.recipe, *ask.inputs, "--lake", ask.lake]
    process = subprocess.Popen(
        [*command, "--workers", "2"], env=os.environ | {"PREFECT_API_URL": api}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(lake.rglob("*")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    time.sleep(wait * random.Random(wait).uniform(1, 3))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with plain.without_prefect():
        plain.run_corpus(ask)
    assert plain.digests(lake) == small_crawl.digests
    assert not list(lake.rglob("*.tmp"))


@pytest.mark.parametrize("runner", ["dask", "ray"])
def test_a_cluster_of_two_workers_gives_the_same_bytes(
    runner: RunnerKind, api: str, small_crawl: plain.SmallCrawl, tmp_path: Path
) -> None:
    pytest.importorskip(f"prefect_{runner}", reason=f"winnow[{runner}] is not installed", exc_type=ImportError)
    corpus_flow(small_crawl.request(tmp_path / "lake", workers=2).model_copy(update={"runner": runner}))
    assert plain.digests(tmp_path / "lake") == small_crawl.digests
