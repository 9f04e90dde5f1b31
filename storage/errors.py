"""The three kinds of failure, and what each one means for the run.

Every message says what happened and, in `hint`, which knob or file to look at. All are picklable with their
attributes, so that a task in another process fails with the same words.
"""

from __future__ import annotations

from storage.redaction import redacted


class WinnowError(Exception):
    """Something went wrong that we can name.

    Attributes:
        message: What happened, one sentence.
        hint: What to do about it; empty when there is nothing to do but read `message`.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = redacted(message)
        self.hint = redacted(hint)
        super().__init__(self.message, self.hint)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class Fatal(WinnowError):
    """The run cannot go on: the user's mistake, or books that do not balance."""


class UserError(Fatal):
    """The user asked for something that cannot be: one sentence on stderr, exit code 2."""


class ShardFailed(WinnowError):
    """This archive or shard failed; record it and go on, up to the share the recipe allows."""


class Transient(WinnowError):
    """It may work next time (a full queue, a 503, a dropped connection): retry with back-off."""
