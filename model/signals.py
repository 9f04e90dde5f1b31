"""Being asked to end: SIGTERM, as a scheduler sends it before it takes a machine away."""

from __future__ import annotations

import signal
from types import FrameType


class StopSignal:
    """Whether somebody has asked for an end; looked at between steps."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> None:
        """Take SIGTERM for such a question.

        Raises:
            ValueError: Not the main thread.
        """
        signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
