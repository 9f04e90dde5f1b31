"""Flows without Prefect: tasks are done where they are submitted, phases are calls. What a flow does, in a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from prefect import Task

from flows import corpus_flow, watch_flow, work
from flows.corpus_flow import CorpusRequest, CorpusResult
from storage.errors import WinnowError


class Done:
    """The future of a task that has ended."""

    def __init__(self, task: Task[..., Any], arguments: tuple[Any, ...]) -> None:
        self.task_run_id, self.error, self.value = uuid4(), None, None
        try:
            self.value = task.fn(*arguments)
        except WinnowError as error:
            self.error: WinnowError | None = error

    def result(self) -> Any:
        if self.error:
            raise self.error
        return self.value


@contextmanager
def without_prefect() -> Iterator[None]:
    """Every flow called through its `fn` runs in this process and thread, in the order written."""

    def call(name: str, runner: object, body: Callable[[], Any]) -> Any:
        return body()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "submit", lambda task, *arguments: Done(task, arguments))
        patch.setattr(work, "as_completed", iter)
        patch.setattr(corpus_flow, "phase", call)
        patch.setattr(watch_flow, "corpus_flow", run_corpus)
        yield


def run_corpus(request: CorpusRequest) -> CorpusResult:
    """The corpus flow's body."""
    result: CorpusResult = corpus_flow.corpus_flow.fn(request)
    return result


def run_watch(request: CorpusRequest) -> CorpusResult | None:
    """The watch flow's body."""
    result: CorpusResult | None = watch_flow.watch_flow.fn(request)
    return result
