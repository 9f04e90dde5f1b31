"""What Prefect sends to the workers with every task, and how its server is reached."""

from __future__ import annotations

import os
import threading
from urllib.request import getproxies_environment, proxy_bypass_environment

import cloudpickle
import pytest
from prefect.context import FlowRunContext

from flows.settings import reach_own_servers
from flows.work import phase, threads

pytestmark = pytest.mark.usefixtures("api")


def test_of_a_phase_nothing_is_sent_to_workers_with_its_tasks() -> None:
    bar = threading.RLock()  # as the bar on a terminal has one, which cannot be sent
    jobs = list(range(100_000))

    def body() -> tuple[int, int]:
        context = FlowRunContext.get()
        assert context is not None and bar.acquire()
        return len(cloudpickle.dumps(context.flow)), len(jobs)

    sent, held = phase("phase", threads(1), body)
    assert held == 100_000 and sent < 20_000


def test_no_proxy_is_asked_for_the_server_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    reach_own_servers()
    assert not getproxies_environment()
    os.environ |= {"HTTP_PROXY": "http://proxy.test:3128", "NO_PROXY": "own.test"}
    reach_own_servers()
    found = [bool(proxy_bypass_environment(host)) for host in ("127.0.0.1:4200", "own.test", "commoncrawl.org")]
    assert found == [True, True, False]
