"""The learning rate of every step, and what trainings of different lengths have in common."""

from __future__ import annotations

import math

from model.config import ModelConfig, TrainConfig, count_steps, known
from model.rules import essence
from model.token_set import TokenSet


def learning_rate_at(step: int, steps: int, config: TrainConfig) -> float:
    """Rate of step `step` of `steps` (from 0): linear warm-up that never starts at zero, then the schedule.

    The last step's rate is `min_learning_rate_frac` of the peak, where any step comes behind the warm-up's last and the
    schedule falls at all (wsd with a `decay_frac` of 0 does not).
    Source: Loshchilov & Hutter 2017 and Hoffmann et al. 2022 (cosine); Bergsma et al. 2025, arXiv:2502.15938
    (linear); Hu et al. 2024, arXiv:2404.06395, and Hägele et al. 2024, arXiv:2405.18392 (warm-up, stable, decay).
    """
    peak, floor = known(config.learning_rate), config.min_learning_rate_frac
    warmup = warmup_steps(steps, config)
    if step < warmup:
        return peak * (step + 1) / warmup
    start = decay_start(steps, config)
    progress = min(max((step - start) / max(steps - 1 - start, 1), 0.0), 1.0)
    left = 0.5 * (1 + math.cos(math.pi * progress)) if config.schedule == "cosine" else 1 - progress
    return peak * (floor + (1 - floor) * left)


def warmup_steps(steps: int, config: TrainConfig) -> int:
    """Steps of a training until its rate has its peak."""
    return min(round(known(config.warmup_frac) * steps), steps - 1)


def decay_start(steps: int, config: TrainConfig) -> int:
    """Steps of a training before its rate falls: all of the warm-up, and of a stable phase where there is one."""
    warmup = warmup_steps(steps, config)
    return max(warmup, steps - 1 - round(config.decay_frac * steps)) if config.schedule == "wsd" else warmup


def stem_identity(tokens: TokenSet, model: ModelConfig, config: TrainConfig) -> str:
    """Names the steps before the decay: trainings that agree in it go the same way until the first one decays.

    Under a schedule with a stable phase these are a longer and a shorter training of the same tokens, model, rate,
    batch, warm-up (in steps) and seed: what they differ in is when they decay.
    """
    own = {
        "train_tokens": 1,
        "warmup_frac": None,
        "decay_frac": 0.0,
        "min_learning_rate_frac": 0.0,
        "eval_sequences": 1,
    }
    same = essence(config).model_copy(update=own)
    warmup = warmup_steps(count_steps(config, tokens.sequence_length), config)
    return f"{tokens.fingerprint} {model.model_dump_json()} {same.model_dump_json()} {warmup}"
