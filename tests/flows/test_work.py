"""What Prefect sends to the workers with every task."""

from __future__ import annotations

import threading

import cloudpickle
import pytest
from prefect.context import FlowRunContext

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
