"""How long to wait for a store that is busy: pauses that grow, `Retry-After`, and a pace for each host.

Source: RFC 9110, section 10.2.3 (Retry-After: seconds, or a date to be read against the answer's own Date).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TypeVar

from storage.errors import Transient, WinnowError

_T = TypeVar("_T")

PAUSES = (1.0, 3.0, 9.0, 27.0)
"""Seconds between attempts at a store that does not answer."""

BUSY_PAUSES = (*PAUSES, 60.0, 60.0, 60.0)
"""The same where it answers that it is busy: that passes, given time."""

LONGEST_WAIT = 600.0
"""Seconds a store may ask us to wait; more than that is for the user to decide."""

_SLOWEST = 10.0
_FIRST_GAP = 0.1
_JITTER = 0.1

sleep: Callable[[float], None] = time.sleep
"""What waits; tests put something quicker here."""

_now: Callable[[], float] = time.monotonic

announce: Callable[[str], None] = lambda line: None  # noqa: E731
"""Told of every long wait; the command line prints it."""

_LONG = 5.0


def patiently(action: Callable[[], _T], pauses: Sequence[float] = PAUSES) -> _T:
    """The action's result; tried again after each pause while it is `Transient`, whose last one is raised."""
    for pause in pauses:
        try:
            return action()
        except Transient as error:
            _pause(error, pause)
    return action()


class Patience:
    """Counts the failures since anything last arrived, and waits after each one.

    Args:
        host: Whose pace slows down when it says it is busy.
    """

    def __init__(self, host: str) -> None:
        self._host, self._failures = host, 0

    def renew(self) -> None:
        """Something arrived: what failed before no longer counts."""
        self._failures = 0

    def wait(self, error: WinnowError, busy: bool = False, seconds: float | None = None) -> None:
        """Wait before the next attempt; raises `error` where there have been enough.

        Args:
            busy: The store said so (429, 503), rather than not answering.
            seconds: What it asked for, where it did.
        """
        pauses = BUSY_PAUSES if busy else PAUSES
        if self._failures >= len(pauses):
            raise error from None  # what the client said repeats the URL, with what is secret in it
        if seconds is not None and seconds > LONGEST_WAIT:
            raise Transient(f"{self._host} asks to be left alone for {seconds:,.0f} seconds.", "Try again after that.")
        pause = pauses[self._failures] if seconds is None else seconds
        self._failures += 1
        if busy:
            pace_of(self._host).slow_down(pause)
        _pause(error, pause * (1 + _JITTER * random.random()))  # workers sent away together come back apart


class Pace:
    """How fast one host may be asked, over all threads of this process: it halves with every complaint and
    recovers a tenth with every answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gap = 0.0
        self._next = 0.0

    @property
    def gap(self) -> float:
        """Seconds between the starts of two requests; 0 for a host that has not complained for long."""
        return self._gap

    def keep(self) -> None:
        """Wait until the next request may be sent."""
        with self._lock:
            now = _now()
            pause = max(0.0, self._next - now)
            self._next = now + pause + self._gap
        if pause > 0:
            sleep(pause)

    def slow_down(self, seconds: float) -> None:
        """The host complained: nobody asks it for `seconds`, and then more slowly."""
        with self._lock:
            self._gap = min(max(2 * self._gap, _FIRST_GAP), _SLOWEST)
            self._next = max(self._next, _now() + seconds)

    def speed_up(self) -> None:
        """The host answered."""
        with self._lock:
            self._gap = 0.9 * self._gap if self._gap > _FIRST_GAP / 10 else 0.0


def _pause(error: WinnowError, seconds: float) -> None:
    if seconds >= _LONG:
        announce(f"{error.message} Next attempt in {seconds:.0f} seconds.")
    sleep(seconds)


@cache
def pace_of(host: str) -> Pace:
    """The pace this process keeps with a host."""
    return Pace()


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """Seconds a `Retry-After` header asks for; None where it is absent or makes no sense.

    Args:
        value: Seconds, or an HTTP date.
        date: The answer's own Date header, so that a clock that differs from ours does no harm.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    until, now = _parse_date(value), _parse_date(date) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds()) if until else None


def _parse_date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):  # of a date, and of one in a time zone of its own
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
