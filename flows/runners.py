"""Where tasks run: processes and threads of this machine, or a Dask or Ray cluster. The same tasks, the same bytes.

A cluster's workers have Winnow installed and see the lake and the archives under the same paths or URLs. Without an
address a cluster of this machine is started, and ended with the run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from prefect.settings import PREFECT_API_URL
from prefect.task_runners import TaskRunner

from flows.interrupts import ignore_interrupts
from flows.progress import tell
from flows.settings import quiet_ray
from flows.work import processes, threads
from storage import patience
from storage.errors import UserError

RunnerKind = Literal["processes", "dask", "ray"]

CONNECT_SECONDS = 15
_LOOPBACK = ("127.0.0.1", "localhost", "::1", None)


@dataclass(frozen=True)
class Pools:
    """Task runners of a run.

    Attributes:
        processes: For work that holds the GIL.
        threads: For work that lets it go.
    """

    processes: TaskRunner[Any]
    threads: TaskRunner[Any]


def local_pools(workers: int) -> Pools:
    """Processes and threads of this machine."""
    return Pools(processes(workers), threads(workers))


@contextmanager
def open_pools(kind: RunnerKind, address: str | None, workers: int) -> Iterator[Pools]:
    """Task runners while the block lasts; of a cluster both are the cluster.

    Args:
        kind: What runs the tasks.
        address: Of a cluster that runs already (`tcp://host:8786`, `ray://host:10001`); null starts one here.
        workers: Processes of one that is started here.

    Raises:
        UserError: The package is missing, no cluster answers there, or its workers could not reach Prefect's server.
    """
    if kind == "processes":
        if address:
            raise UserError("--address is of a cluster;", "give --runner dask or --runner ray with it.")
        yield local_pools(workers)
        return
    _check_reachable(address)
    with _dask(address, workers) if kind == "dask" else _ray(address, workers) as runner:
        yield Pools(runner, runner)


def _check_reachable(address: str | None) -> None:
    server = urlsplit(PREFECT_API_URL.value() or "").hostname
    if address and urlsplit(address).hostname not in _LOOPBACK and server in _LOOPBACK:
        raise UserError(
            f"the workers of {address} could not reach Prefect's server, which listens on this machine only.",
            "Start one where they can, `prefect server start --host 0.0.0.0`, and set PREFECT_API_URL to its address.",
        )


@contextmanager
def _dask(address: str | None, workers: int) -> Iterator[TaskRunner[Any]]:
    try:
        from distributed import Client, LocalCluster
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise _missing("dask") from error
    if address:
        try:
            Client(address, timeout=CONNECT_SECONDS, set_as_default=False).close()
        except (OSError, ValueError) as error:
            raise _silent("dask", address) from error
        yield DaskTaskRunner(address=address)
        return
    # memory is bounded by the recipe, and a worker that Dask pauses or ends for its size would only do it all again
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, memory_limit=0, dashboard_address=None, silence_logs=logging.ERROR
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.run(_start_worker)
        yield DaskTaskRunner(address=cluster.scheduler_address)


@contextmanager
def _ray(address: str | None, workers: int) -> Iterator[TaskRunner[Any]]:
    quiet_ray()
    try:
        import ray
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        raise _missing("ray") from error
    quiet: dict[str, Any] = {"namespace": "prefect", "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address, **quiet)
        else:
            ray.init(num_cpus=workers, include_dashboard=False, **quiet)
    except (OSError, ValueError) as error:
        raise _silent("ray", address or "this machine") from error
    try:
        yield RayTaskRunner(address=address)
    finally:
        ray.shutdown()


def _start_worker() -> None:
    ignore_interrupts()
    patience.announce = tell


def _missing(kind: str) -> UserError:
    return UserError(
        f"--runner {kind} needs the package prefect-{kind}, which is not installed.",
        f"Install it: pip install 'winnow[{kind}]'.",
    )


def _silent(kind: str, address: str) -> UserError:
    return UserError(f"no {kind.capitalize()} cluster answers at {address}.", "Is it started, and the address right?")
