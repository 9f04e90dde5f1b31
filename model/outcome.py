"""What a finished training is worth, and what it took: its `TrainingResult`."""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Mapping

import torch

from model.config import TrainConfig, count_steps
from model.device import in_bf16, measured_flops, name_of, peak_memory
from model.evaluate import bits_per_byte, mean_loss
from model.flops import MFU_CONVENTION, exact_flops_per_token, flops_per_token, matmul_parameters
from model.memory import count_parameters
from model.parallel import Ranks
from model.process import emit
from model.schedule import learning_rate_at
from model.snapshots import Progress
from model.specs import CurvePoint, DomainLoss, TrainingResult, TrainingSpec
from model.token_set import TokenSet

_CURVE_POINTS = 400
_SUSPICIOUS_MFU = 0.75


class Timing:
    """How long this process's steps took, and how long they waited for batches.

    Args:
        step_tokens: Tokens of a step.
    """

    def __init__(self, step_tokens: int) -> None:
        self.step_tokens = step_tokens
        self._seconds: list[float] = []
        self._waited = 0.0

    def add(self, seconds: float, waited: float) -> None:
        """One more step, waiting included."""
        self._seconds.append(seconds)
        self._waited += waited

    @property
    def tokens_per_second(self) -> float:
        """Of the median step of the last hundred."""
        recent = self._seconds[-100:]
        return self.step_tokens / max(statistics.median(recent), 1e-9) if recent else 0.0

    @property
    def waiting_frac(self) -> float:
        """Share of the time spent waiting for batches."""
        return self._waited / max(sum(self._seconds), 1e-9)


def result_of(
    spec: TrainingSpec,
    tokens: TokenSet,
    ranks: Ranks,
    progress: Progress,
    timing: Timing,
    losses: Mapping[str, tuple[float, int]],
    weights: str,
) -> TrainingResult:
    """The result of a training that took all its steps; `losses` are sums over held-out text, by domain."""
    config, length = spec.train, tokens.sequence_length
    steps, count = count_steps(config, length), count_parameters(spec.model)
    good = [loss for loss, taken in zip(progress.losses, progress.taken, strict=True) if taken]
    last = good[-max(1, len(good) // 10) :] or [math.inf]
    held_out = mean_loss(losses)
    bf16 = in_bf16(config.precision, ranks.device)
    peak = measured_flops(ranks.device, torch.bfloat16 if bf16 else torch.float32)
    mfu = flops_per_token(spec.model, length) * timing.tokens_per_second / (peak * ranks.count) if peak else None
    return TrainingResult(
        params_total=count.total,
        params_non_embedding=count.non_embedding,
        params_matmul=matmul_parameters(spec.model),
        steps=steps,
        train_tokens=steps * timing.step_tokens,
        batch_tokens=timing.step_tokens,
        train_loss=sum(last) / len(last),
        eval_loss=held_out,
        eval_bits_per_byte=bits_per_byte(held_out, tokens.held_out.total),
        eval_domains=_domains(losses, tokens),
        wall_seconds=progress.seconds,
        step_tokens_per_second=timing.tokens_per_second,
        loader_wait_frac=timing.waiting_frac,
        memory_bytes=peak_memory(ranks.device),
        flops_exact=exact_flops_per_token(spec.model, length, config.objective) * steps * timing.step_tokens,
        device=name_of(ranks.device),
        device_flops=peak,
        mfu=mfu,
        mfu_convention=MFU_CONVENTION,
        ranks=ranks.count,
        precision="bf16" if bf16 else "float32",
        batches_digest=hashlib.sha256("".join(progress.digests).encode()).hexdigest(),
        events=(*progress.events, *_doubts(mfu)),
        weights=weights,
        curve=_curve(config, progress, steps, timing.step_tokens),
    )


def _domains(losses: Mapping[str, tuple[float, int]], tokens: TokenSet) -> tuple[DomainLoss, ...]:
    found = []
    for domain, (nats, count) in losses.items():
        loss, text = nats / max(count, 1), tokens.held_out.domains.get(domain, tokens.held_out.total)
        found.append(DomainLoss(domain=domain, loss=loss, bits_per_byte=bits_per_byte(loss, text)))
    return tuple(found)


def _doubts(mfu: float | None) -> list[str]:
    """An utilisation that no training reaches says that something was counted or timed wrongly."""
    if mfu is None or mfu <= _SUSPICIOUS_MFU:
        return []
    text = f"alarm: an MFU of {mfu:.0%} is not believable; the device's rate was measured while it was busy, or slowed."
    emit("warning", text=text)
    return [text]


def _curve(config: TrainConfig, progress: Progress, steps: int, tokens: int) -> tuple[CurvePoint, ...]:
    """Evenly spaced points of the loss, the first and the last always; none where it was no number."""
    every = max(1, -(-steps // _CURVE_POINTS))
    chosen = sorted({1, *range(every, steps + 1, every), steps})
    return tuple(
        CurvePoint(
            step=step,
            tokens=step * tokens,
            loss=progress.losses[step - 1],
            learning_rate=learning_rate_at(step - 1, steps, config),
        )
        for step in chosen
        if math.isfinite(progress.losses[step - 1])
    )
