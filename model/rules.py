"""What a training's settings are where nobody gave them: published rules for a model's size and its budget.

- Peak rate and batch: Step Law, 1.79 N^-0.713 D^0.307 and 0.58 D^0.571 tokens (Li et al. 2025, arXiv:2503.04715),
  fitted to models of 60M parameters and up.
- Warm-up: a token a parameter, at most a fifth of the training (Porian et al. 2024, arXiv:2406.19146).
- AdamW's second moment forgets half of what it knows in a fixed number of tokens, whatever the batch (Marek et al.
  2025, arXiv:2507.07101): those of beta2 = 0.95 at half a million tokens a step (Brown et al. 2020; Touvron et al.
  2023), and at most a tenth of the training; beta2 stays between 0.95 and 0.999.
"""

from __future__ import annotations

import math

from model.config import ModelConfig, TrainConfig
from model.memory import count_parameters

_RATE, _RATE_PARAMS, _RATE_TOKENS = 1.79, -0.713, 0.307
_BATCH, _BATCH_TOKENS = 0.58, 0.571
_MOST_WARMUP = 0.2
_HALF_LIFE_TOKENS = 500_000 * math.log(0.5) / math.log(0.95)
_BETA2_RANGE = 0.95, 0.999


def settle(config: TrainConfig, model: ModelConfig) -> TrainConfig:
    """The same training with every setting that was null filled in."""
    params, tokens = count_parameters(model).total, config.train_tokens
    batch = config.batch_tokens or max(1, round(_BATCH * math.pow(tokens, _BATCH_TOKENS)))
    rules = {
        "batch_tokens": batch,
        "learning_rate": float(f"{_RATE * math.pow(params, _RATE_PARAMS) * math.pow(tokens, _RATE_TOKENS):.2g}"),
        "warmup_frac": min(_MOST_WARMUP, params / tokens),
        "beta2": _beta2(batch, tokens),
    }
    return config.model_copy(update={key: value for key, value in rules.items() if getattr(config, key) is None})


_SAME_RESULT = {
    "micro_batch_tokens": None, "compile": False, "recompute": False, "parallel": "ddp", "checkpoint_steps": 1,
    "keep_checkpoints": 1,
}  # fmt: skip
"""Settings of how a training is carried out, at values that stand for all: at most last bits depend on them."""


def essence(config: TrainConfig) -> TrainConfig:
    """What of a training's settings decides its result: its id is made of it, and checkpoints must agree with it."""
    return config.model_copy(update=_SAME_RESULT)


def _beta2(batch: int, tokens: int) -> float:
    half_life = min(_HALF_LIFE_TOKENS, tokens / 10)
    low, high = _BETA2_RANGE
    return min(max(math.pow(0.5, batch / half_life), low), high)
