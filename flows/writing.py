"""Who may write a lake: flows that make corpora or forget pages take turns, whoever started them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.interrupts import leaving
from flows.progress import tell
from storage.lake import Lake
from storage.lease import CORPUS, Lease, hold
from storage.unfinished import remove_stale


@contextmanager
def writing(lake: Lake, purpose: str, wait_seconds: float = 0.0) -> Iterator[Lease]:
    """Hold the lease on a lake's archives, duplicates, corpora and views while the block lasts: one writer at a time.

    What killed runs left unfinished is removed first.

    Args:
        purpose: The command, for the others.
        wait_seconds: To wait for a run that writes it now.

    Raises:
        LeaseBusy: Another run writes it; the sentence says which.
    """
    with hold(lake.root, CORPUS, purpose, wait_seconds, tell) as lease:
        remove_stale(lake.root)

        def clean() -> None:
            remove_stale(lake.root, ours=True)

        leaving.append(clean)
        try:
            yield lease
        except BaseException as stopped:
            if not isinstance(stopped, Exception):  # told to end, its workers gone: nothing of it is written any more
                clean()
            raise
        finally:
            leaving.remove(clean)


@contextmanager
def alone(lake: Lake, what: str, purpose: str) -> Iterator[None]:
    """Hold the lease on one token set or one training while the block lasts; others can be made at the same time.

    Args:
        what: Its kind and id.

    Raises:
        LeaseBusy: Another run makes it now.
    """
    with hold(lake.root, what, purpose, announce=tell):
        yield
