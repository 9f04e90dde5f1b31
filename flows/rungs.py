"""Rungs told from other trainings by their names: those that are one of many from those somebody asked for."""

from __future__ import annotations

LADDER, SWEEP, COMPARISON = "ladder", "sweep", "compare"
"""What a rung is trained for: a scaling law, a check of the learning rate, a comparison of two corpora."""

IN_LADDER = f"name LIKE '%/{LADDER}/%'"
"""SQL: the training is a run of a ladder, which a law is fitted to."""

IS_RUNG = "(" + " OR ".join(f"name LIKE '%/{what}/%'" for what in (LADDER, SWEEP, COMPARISON)) + ")"
"""SQL: the training is one of many, and never meant by "the newest training"."""


def rung_label(tokens: str, what: str, rung: str) -> str:
    """What a rung's training is called: `demo/ladder/d8-l1-100k-s0`.

    Args:
        tokens: Key of the tokens it learns from.
        what: `LADDER`, `SWEEP` or `COMPARISON`.
        rung: Its own name, of its size, tokens and seed.
    """
    return f"{tokens}/{what}/{rung}"


def in_ladder(name: str) -> bool:
    """`IN_LADDER` of one training's name."""
    return f"/{LADDER}/" in name


def is_rung(name: str) -> bool:
    """`IS_RUNG` of one training's name."""
    return any(f"/{what}/" in name for what in (LADDER, SWEEP, COMPARISON))
