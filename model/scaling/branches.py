"""Runs of one size that share their stem: a warm-up and a stable phase, from which each branches off to decay.

The cheaper kind of ladder: a size's longest run passes the places where the shorter ones branched off, and only
their decays are computed besides. The price is one rate and one batch for all of a size's token counts.
Source: Hägele et al. 2024, arXiv:2405.18392; Hu et al. 2024, arXiv:2404.06395.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from model.config import ModelConfig, TrainConfig
from model.rules import settle


def branch_point(token_counts: Sequence[int]) -> int:
    """The token count whose rate and batch all of a size's runs have: half-way in the logarithm."""
    return round(math.sqrt(min(token_counts) * max(token_counts)))


def stem_settings(
    base: TrainConfig, model: ModelConfig, batch: int, warmup: float, token_counts: Sequence[int]
) -> dict[str, Any]:
    """What all runs of a size have in common besides their rate, as settings of a training.

    Args:
        base: What the ladder's rules do not set.
        model: The size.
        batch: Tokens a step, by the rule. Made a power of two, so that it is whole sequences, and the warm-up whole
            steps, whatever a run's length.
        warmup: Tokens of the warm-up, by the rule.
        token_counts: Of the size's runs.

    Returns:
        Settings, and `warmup_tokens`, of which each run's share is to be made.
    """
    whole = 2 ** round(math.log2(batch))
    typical = base.model_copy(update={"train_tokens": branch_point(token_counts), "batch_tokens": whole})
    return {
        "schedule": "wsd",
        "batch_tokens": whole,
        "beta2": settle(typical, model).beta2,
        "warmup_tokens": round(warmup / whole) * whole,
    }
