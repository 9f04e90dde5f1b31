"""What every test may use; and a guard that none talks to anything but this machine."""

from __future__ import annotations

import atexit
import gc
import ipaddress
import os
import socket
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer import main, testing

ROOT = Path(__file__).resolve().parent.parent

if "PYTEST_XDIST_WORKER" in os.environ:  # then every core has a process of tests
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # more, spinning for each other, were half of what some tests took


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Import the tests, and all that they import, without looking for garbage in it: a third of the time, none found.

    Nor is it looked through later: each time would take a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)  # what is left at the very end, DuckDB's binding takes for a leak and names


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`--dist loadfile` as `tests.scheduling` does it."""
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.scheduling import LongestFirst  # where there is no pytest-xdist nothing asks for it

    return LongestFirst(config, log)


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Third-party data beside the project; skips where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared third-party data is not beside this checkout (../shared/data)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def commands_made_once() -> Iterator[None]:
    """The command line's parser, made anew for every command that a test runs, would take longer than most of them."""
    with pytest.MonkeyPatch.context() as patch:
        made = cache(main.get_command)
        patch.setattr(main, "get_command", made)
        patch.setattr(testing, "_get_command", made)
        yield


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail any connection that leaves the loopback interface: no test needs the network."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise AssertionError(f"a test tried to reach {address[0]}: tests have no network")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield


def _is_loopback(host: str) -> bool:
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
