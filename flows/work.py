"""How Winnow uses Prefect: one server for a run and its workers, one task a unit of work, tables people can read.

A unit of work is an archive, a band range, a shard or a training run, never a batch: a Prefect task costs tens of
milliseconds and a page one. Prefect's own result cache is off, because its key does not see the functions a task
calls; what is already done is known from the lake (fingerprints in paths).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from queue import SimpleQueue
from typing import Any

import httpx
from prefect import Flow, Task, get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext, refresh_global_settings_context
from prefect.futures import PrefectFuture
from prefect.logging.handlers import APILogHandler
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from flows.events import send_events
from flows.interrupts import start_worker, stop_on_termination
from flows.live import LivePhase
from flows.progress import Progress, tell
from flows.server import temporary_server
from flows.settings import in_environment
from storage import patience
from storage.errors import Fatal, ShardFailed, Transient
from storage.redaction import redacted

RETRIES = 3

WINDOW = 256
"""Tasks that are submitted and have not ended, at most: thousands that only wait are as many writes to Prefect's
database before the first one runs, and its UI answers nobody meanwhile. More than the workers of one machine take."""


@contextmanager
def prefect_api() -> Iterator[str]:
    """A Prefect API for this process and every worker it starts; yields its URL.

    The one `PREFECT_API_URL` names, where there is one; otherwise a temporary server that ends with the block.
    (Left to itself, Prefect starts such a server in every worker process, which takes longer than the work.)

    Raises:
        Fatal: The server stopped answering.
    """
    if url := PREFECT_API_URL.value():
        try:
            yield url
        except httpx.TransportError as error:
            raise Fatal(
                f"the Prefect server {redacted(url)} does not answer: {error}.",
                "Nothing is lost: the same command resumes once it does, or without PREFECT_API_URL.",
            ) from error
        return
    with temporary_server() as api, _known_to_all_threads(api), temporary_settings({PREFECT_API_URL: api}):
        try:
            yield api
        finally:
            APILogHandler().flush()  # what is sent later finds no server, and says so in a traceback
            send_events()


@contextmanager
def _known_to_all_threads(api: str) -> Iterator[None]:
    """Set the API's URL in the environment as well: Prefect's temporary settings do not reach threads that the block
    starts, and the one that forwards events of worker processes would start a second server."""
    try:
        with in_environment(PREFECT_API_URL.name, api):
            refresh_global_settings_context()
            yield
    finally:
        refresh_global_settings_context()


def processes(workers: int) -> ProcessPoolTaskRunner:
    """A pool of processes, for work that holds the GIL: extraction, fastText and friends."""
    return ProcessPoolTaskRunner(max_workers=workers, initializer=_start_worker)


def _start_worker() -> None:
    start_worker()
    patience.announce = tell


def threads(workers: int) -> ThreadPoolTaskRunner[Any]:
    """A pool of threads, for work that lets the GIL go (DuckDB, Arrow, compiled kernels): nothing to start."""
    return ThreadPoolTaskRunner(max_workers=workers)


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed task may succeed next time; everything else fails at once."""
    return isinstance(state.result(raise_on_failure=False), Transient)


def unit_of_work(name: str, label: str = "{label}") -> Callable[[Callable[..., Any]], Task[..., Any]]:
    """Make a function a Prefect task whose runs are named by its argument `label`; retried only when transient."""
    return task(
        name=name,
        task_run_name=f"{name} {label}",
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=RETRIES,
        retry_delay_seconds=[1, 5, 20],
        retry_condition_fn=is_transient,
    )


def publish_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Show rows as a table artifact of the current flow run; nothing outside one."""
    if FlowRunContext.get() is not None and rows:
        shown = [{name: redacted(v) if isinstance(v, str) else v for name, v in row.items()} for row in rows]
        create_table_artifact(key=key, table=shown, description=description)


def publish_link(key: str, link: str, text: str, description: str) -> None:
    """Show a link as an artifact of the current flow run; nothing outside one."""
    if FlowRunContext.get() is not None:
        create_link_artifact(key=key, link=link, link_text=text, description=description)


def publish_markdown(key: str, text: str, description: str = "") -> None:
    """Show text as a markdown artifact of the current flow run; nothing outside one."""
    if FlowRunContext.get() is not None:
        create_markdown_artifact(key=key, markdown=redacted(text), description=description or None)


def logger() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    """The flow run's logger inside one, Winnow's own outside."""
    return get_run_logger() if FlowRunContext.get() is not None else logging.getLogger("winnow")


class _Here:
    """The body of a phase, which exists in this process only. Prefect pickles a flow with each task that it sends to a
    worker; pickled, this is an empty body, for the real one holds all the tasks and a progress bar."""

    def __init__(self, body: Callable[[], Any]) -> None:
        self.body = body

    def __reduce__(self) -> tuple[type[_Here], tuple[Callable[[], Any]]]:
        return (_Here, (_nothing,))


def _nothing() -> None:
    """The body of a phase in worker processes, where it is never called."""


def phase(name: str, runner: TaskRunner[Any], body: Callable[[], Any]) -> Any:
    """Run `body` as a subflow of its own, whose tasks share `runner`; what it returns."""

    here = _Here(body)

    def stoppable() -> Any:
        with stop_on_termination():  # within the flow: Prefect's own handler is outside, and is called by this one
            return here.body()

    subflow: Flow[[], Any] = Flow(
        stoppable, name=name, flow_run_name=name, task_runner=runner, validate_parameters=False
    )
    return subflow()


def gather(
    labels: Iterable[str],
    submit: Callable[[str], PrefectFuture[Any]],
    progress: Progress,
    ended: Callable[[str, Any], None] = lambda label, outcome: None,
    window: int = WINDOW,
) -> tuple[dict[str, Any], dict[str, ShardFailed]]:
    """Submit tasks and wait for them; results and failures by label, in the order given.

    Args:
        labels: Of the tasks.
        submit: Starts a label's task.
        progress: Moved with every task that ends, and its artifact in the UI with it.
        ended: Called with the label and the result or failure of each as it ends.
        window: Tasks submitted and not ended, at most.

    Raises:
        WinnowError: Any task's failure that is not `ShardFailed`; the tasks not yet begun are cancelled.
    """
    wanted = list(labels)
    coming, running = iter(wanted), dict[PrefectFuture[Any], str]()
    done: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    results: dict[str, Any] = {}
    failures: dict[str, ShardFailed] = {}
    live = LivePhase(progress)
    while len(results) + len(failures) < len(wanted):
        for label in islice(coming, window - len(running)):
            future = submit(label)
            running[future] = label
            future.add_done_callback(done.put)
        future = done.get()
        label = running.pop(future)
        try:
            results[label] = future.result()
        except ShardFailed as error:
            failures[label] = error
        progress.advance(label, failed=label in failures)
        live.update()
        ended(label, failures.get(label, results.get(label)))
    return {label: results[label] for label in wanted if label in results}, failures
