"""What a run tells Prefect besides its states: events, which automations act on (`automations.yaml`).

winnow.archive.done    an archive read; its books
winnow.archive.failed  an archive given up; the cause
winnow.corpus.done     a corpus mixed; archives, documents, tokens
winnow.alarm           a rule that removes more or less than expected; its numbers and its knob
winnow.tokens.done     a token set packed
winnow.training.done   a model trained
winnow.scaling.done    a ladder trained and fitted
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.runtime import deployment, flow_run

DRAIN_SECONDS = 10.0


def announce(event: str, name: str, payload: Mapping[str, Any]) -> None:
    """Tell of one thing that happened in the current run; nothing outside one.

    Args:
        event: Without `winnow.`: a kind of thing, a dot, and what became of it; or the kind alone.
        name: Which of its kind: an archive's label, a corpus's name.
        payload: What there is to say, JSON-able.
    """
    if FlowRunContext.get() is None and TaskRunContext.get() is None:
        return
    kind = event.partition(".")[0]
    emit_event(
        event=f"winnow.{event}",
        resource={"prefect.resource.id": f"winnow.{kind}.{name}", "prefect.resource.name": name},
        related=_deployments(flow_run.root_flow_run_id),
        payload=dict(payload),
    )


def send_events() -> None:
    """Send what is still waiting, before the server goes."""
    EventsWorker.drain_all(timeout=DRAIN_SECONDS, at_exit=False)


@cache
def _deployments(root_flow_run_id: str) -> list[dict[str, str]]:
    """The deployment that the outermost run is of: Prefect itself names only that of the flow that tells, and a corpus
    run of the watch is not."""
    if deployment.id is None:
        return []
    return [{"prefect.resource.id": f"prefect.deployment.{deployment.id}", "prefect.resource.role": "deployment"}]
