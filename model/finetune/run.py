"""Fine-tune a model, once or several times on the same data: `python -m model.finetune.run SPEC.json`.

Prints one JSON line a check and one a result, so that whoever started it keeps what is finished (`FinetuneSpec`,
`FinetuneResult`). On a CPU, with the same number of threads, a result repeats to the bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from model.build import LanguageModel, fresh_like
from model.checkpoint import load_model
from model.config import TrainConfig
from model.device import name_of
from model.encoder_decoder import EncoderDecoder
from model.finetune.answering import check_answers
from model.finetune.batches import show, training_batches
from model.finetune.config import (
    PRIMARY,
    Attempt,
    Check,
    FinetuneConfig,
    FinetuneResult,
    FinetuneSpec,
    Side,
    Tried,
    rate_of,
)
from model.finetune.heads import TaskModel
from model.finetune.kept import save
from model.finetune.lora import add_lora
from model.finetune.metrics import bootstrap
from model.finetune.tasks import Measured, Scale, loss_of, measure, outputs_of, usable
from model.finetune.writing import write_answers
from model.optim import make_optimizer, set_learning_rate
from model.process import choose_device, emit, serve, settle
from model.schedule import learning_rate_at
from storage.errors import UserError

_BODY_FLOPS = {"full": 6, "lora": 4, "frozen": 2}
"""Of a matrix weight and token: forward 2, gradients of what flows back 2, gradients of the weights 2."""

Listener = Callable[[Check], None]


def make_model(spec: FinetuneSpec, attempt: Attempt) -> TaskModel:
    """The model of an attempt before its first step: body and head, and which of their weights learn.

    Raises:
        UserError: The model cannot do that task, or has no matrices of such names.
    """
    loaded = load_model(spec.weights)
    body = loaded if attempt.pretrained else fresh_like(loaded, attempt.seed)
    config = spec.config
    if spec.task == "instruction":
        check_answers(body.config, config)
    _check_lengths(spec, body)
    if config.mode == "lora":
        add_lora(body, config.lora, attempt.seed)
    elif config.mode == "frozen":
        body.requires_grad_(False)
    return TaskModel(body, spec.task, outputs_of(spec.task, spec.classes), config, attempt.seed)


def _check_lengths(spec: FinetuneSpec, body: LanguageModel) -> None:
    longest = max(len(item.ids) for side in (spec.train, spec.measure) for item in side.items)
    if body.config.positions == "learned" and longest > body.config.max_positions:
        raise UserError(
            f"the model has {body.config.max_positions} positions, the longest sequence {longest} tokens.",
            f"Set --max-tokens {body.config.max_positions}.",
        )


def finetune(spec: FinetuneSpec, number: int, listen: Listener = lambda check: None) -> FinetuneResult:
    """One attempt: learn, keep the best moment (of several rates, of the best), measure.

    Raises:
        UserError: There are several rates and no examples to choose one by.
    """
    attempt, device = spec.attempts[number], choose_device(spec.device)
    if spec.rates and not attempt.choice:
        raise UserError("there are no examples to choose a rate by.", "Set choice_frac over 0.")
    learner, tried = None, []
    for rate in spec.rates or (None,):
        torch.manual_seed(attempt.seed)  # dropout
        one = _Learner(spec, attempt, make_model(spec, attempt).to(device), device, rate)
        one.run(listen)
        tried.append(one)
        if learner is None or one.worth > learner.worth:
            learner = one
        for other in tried:
            if other is not learner:
                other.forget()
    assert learner is not None
    examples = sorted({item.example for item in spec.measure.items})
    found = learner.measure(spec.measure, examples)
    low, high = bootstrap(found.sample, len(examples))
    if attempt.out_dir:
        save(spec, attempt, learner.model, learner.scale)
    written: tuple[tuple[int, ...], ...] = ()
    if spec.task == "instruction":
        most = spec.config.max_answer_tokens
        written = write_answers(learner.model, spec.measure.items, spec.pad_id, spec.end_id, most)
    return FinetuneResult(
        attempt=number, metrics=found.metrics | {"loss": found.loss}, low=low, high=high,
        predictions=found.predictions, written=written, steps=learner.steps, best_step=learner.best_step,
        learning_rate=learner.rate, checks=tuple(learner.checks),
        params_total=sum(weight.numel() for weight in learner.model.parameters()), params_trained=learner.trained,
        layer_weights=_layer_weights(learner.model),
        tried=tuple(Tried(learning_rate=one.rate, score=one.worth[0], loss=-one.worth[1]) for one in tried)
        if spec.rates else (),
        tokens_seen=sum(one.tokens for one in tried),
        flops=_BODY_FLOPS[spec.config.mode] * sum(one.weights_times_tokens for one in tried),
        seconds=sum(one.seconds for one in tried), device=name_of(device),
    )  # fmt: skip


class _Learner:
    """A model, what it learns from, and how far it is."""

    def __init__(
        self, spec: FinetuneSpec, attempt: Attempt, model: TaskModel, device: torch.device, rate: float | None = None
    ) -> None:
        self.spec, self.attempt, self.model, self.device = spec, attempt, model, device
        rows = set(attempt.rows)
        self.items = usable(spec.task, [item for item in spec.train.items if item.example in rows])
        if not self.items:
            raise UserError("no example holds its answer within --max-tokens.", "Raise --max-tokens.")
        config = spec.config
        self.scale = Scale.of(self.items)
        self.steps = max(config.min_steps, round(config.epochs * len(self.items) / config.batch_examples))
        self.rate = rate or rate_of(config, sum(weight.numel() for weight in model.body.parameters()))
        self.train_config = _train_config(config, self.rate)
        self.optimizer = make_optimizer(model, self.train_config)
        self.checks: list[Check] = []
        self.best_step, self.tokens, self.trained, self.seconds = 0, 0, 0, 0.0
        self.weights_times_tokens = 0.0
        body = model.body
        sides = (body.encoder, body.decoder) if isinstance(body, EncoderDecoder) else (body, body)
        self._reads, self._writes = map(_matmul, sides)
        self._best: tuple[tuple[float, float], dict[str, Tensor]] | None = None

    @property
    def worth(self) -> tuple[float, float]:
        """Score and negative loss of the choice split at the best moment; greater is better."""
        return self._best[0] if self._best is not None else (-math.inf, -math.inf)

    def forget(self) -> None:
        """Leave the weights: another rate was better."""
        self._best = self._best and (self._best[0], {})
        self.model.to("meta")
        self.optimizer.state.clear()

    def run(self, listen: Listener) -> None:
        """Take every step; the model is left as it was at its best."""
        began, losses = time.monotonic(), []
        due = {round(self.steps * (n + 1) / self.spec.config.checks) for n in range(self.spec.config.checks)}
        lengths = [len(item.ids) for item in self.items]
        batches = training_batches(lengths, self.spec.config.batch_examples, self.steps, self.attempt.seed)
        for step, batch in enumerate(batches, 1):
            losses.append(self._step(step - 1, batch))
            if step in due or step == self.steps:
                self._check(step, sum(losses) / len(losses), listen)
                losses = []
        if self._best is not None:
            self.model.load_state_dict(self._best[1], strict=False)
        else:
            self.best_step = self.steps
        self.seconds = time.monotonic() - began

    def _step(self, step: int, batch: list[int]) -> float:
        set_learning_rate(self.optimizer, learning_rate_at(step, self.steps, self.train_config))
        items = [self.items[index] for index in batch]
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            loss, _ = loss_of(self.model, show(items, self.spec.pad_id, self.device), items, self.scale)
        loss.backward()  # type: ignore[no-untyped-call]
        moved = [weight for weight in self.model.parameters() if weight.grad is not None]
        self.trained = sum(weight.numel() for weight in moved)
        nn.utils.clip_grad_norm_(moved, self.train_config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        tokens, answers = sum(len(item.ids) for item in items), 0
        if self.model.task == "instruction":
            answers = sum(len(item.ids) - item.targets[0] for item in items)
        self.tokens += tokens
        self.weights_times_tokens += float(self._reads * (tokens - answers) + self._writes * answers)
        return float(loss.detach())

    def _check(self, step: int, loss: float, listen: Listener) -> None:
        score = None
        if self.attempt.choice:
            found = self.measure(self.spec.train, self.attempt.choice)
            by_loss = self.spec.task == "instruction"
            score = -found.loss if by_loss else found.metrics[PRIMARY[self.spec.task]]
            worth = score, -found.loss
            if self._best is None or worth > self._best[0]:
                learning = {name for name, weight in self.model.named_parameters() if weight.requires_grad}
                state = {n: v.detach().clone() for n, v in self.model.state_dict().items() if n in learning}
                self._best, self.best_step = (worth, state), step
        self.checks.append(Check(step=step, loss=loss, score=score))
        listen(self.checks[-1])

    def measure(self, side: Side, examples: Sequence[int]) -> Measured:
        """See `model.finetune.tasks.measure`."""
        return measure(self.model, self.spec, side, examples, self.scale, self.device)


def _train_config(config: FinetuneConfig, rate: float) -> TrainConfig:
    """As pre-training's optimiser and schedule are told: linear to nothing (Devlin et al. 2019, appendix A.3)."""
    return TrainConfig(
        learning_rate=rate, warmup_frac=config.warmup_frac, schedule="linear", min_learning_rate_frac=0.0,
        beta2=0.999, weight_decay=config.weight_decay,
    )  # fmt: skip


def _layer_weights(model: TaskModel) -> tuple[float, ...]:
    return () if model.mix is None else tuple(torch.softmax(model.mix.scores.detach(), 0).tolist())


def _matmul(body: nn.Module) -> int:
    """Weights of the matrices that every token is multiplied by; tables and what only pre-training uses left out."""
    apart = ("embedding", "head", "masked_head", "pair_head", "pooler", "position_embedding", "segment_embedding")
    return sum(
        weight.numel() for name, weight in body.named_parameters()
        if weight.ndim >= 2 and not any(part in apart for part in name.split("."))
    )  # fmt: skip


def _work(spec: FinetuneSpec) -> None:
    settle(spec.threads)
    for number in range(len(spec.attempts)):

        def tell(check: Check, number: int = number) -> None:
            emit("check", attempt=number, **check.model_dump())

        emit("result", **finetune(spec, number, tell).model_dump())


if __name__ == "__main__":
    raise SystemExit(serve(FinetuneSpec, _work))
