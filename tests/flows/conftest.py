"""What several tests of flows begin with."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_DATABASE_CONNECTION_URL, temporary_settings

from flows.work import prefect_api, threads
from tests.flows import plain


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of `api` keeps its database."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def api(prefect_home: Path) -> Iterator[str]:
    """The one Prefect server of this process's tests: to make a database and start takes 14 CPU seconds.

    Commands that a test starts find it too.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(prefect_home))
        patch.setenv("PREFECT_LOGGING_LEVEL", "CRITICAL")
        # websockets draws what its pings say from `random`, every 20 s in a thread of Prefect's: Hypothesis would take
        # that for a strategy that does so, whichever was making an example just then
        patch.setattr("websockets.asyncio.connection.random", random.Random())
        # in the settings too: those of a module that was imported before go before the environment
        database = {PREFECT_SERVER_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{prefect_home}/prefect.db"}
        with temporary_settings(database, restore_defaults={PREFECT_API_URL}), prefect_api() as url:
            yield url
    logging.getLogger("prefect").setLevel(logging.CRITICAL)  # what it says when the process ends finds no stream


@pytest.fixture(scope="module")
def in_threads() -> Iterator[None]:
    """In this module what runs in processes runs here, and starts at once: a process imports for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.runners.processes", threads)
        yield


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Path]:
    """A folder with two archives in `inbox` and the lake that was made of them, without Prefect in the block."""
    (tmp_path / "inbox").mkdir()
    for number in range(2):
        plain.arrive(tmp_path / "inbox", number)
    with plain.without_prefect():
        plain.run_corpus(plain.asking(tmp_path / "inbox", tmp_path / "lake"))
        yield tmp_path


@pytest.fixture(scope="session")
def small_crawl(tmp_path_factory: pytest.TempPathFactory) -> plain.SmallCrawl:
    """A small crawl and the lake made of it, for tests that leave it as it is."""
    return plain.make_small_crawl(tmp_path_factory.mktemp("small"))
