"""Train one model: `python -m model.train SPEC.json` (see `TrainingSpec`), in a process of its own.

Prints progress as JSON lines, writes checkpoints, then weights, tokenizer and `result.json`. Started again
after a kill at any moment it goes on from the newest checkpoint, and every loss is what it would have been:
on a CPU, with the same number of threads, to the bit.
"""

from __future__ import annotations

import math
import time

import torch

from model.checkpoint import Progress, load_checkpoint, remove_checkpoints, save_checkpoint, save_weights
from model.config import CurvePoint, TokenSet, TrainingResult, TrainingSpec, count_steps, step_tokens
from model.data import Loader, open_tokens, read_sequences
from model.evaluate import bits_per_byte, held_out_losses, mean_loss
from model.memory import count_parameters
from model.objectives import causal_loss
from model.optim import learning_rate_at, make_optimizer, set_learning_rate
from model.process import choose_device, emit, serve, settle
from model.transformer import Transformer
from storage import files
from storage.errors import Fatal, UserError

WEIGHTS, RESULT = "model.safetensors", "result.json"

_REPORT_SECONDS = 0.5
_CURVE_POINTS = 400


def train(spec: TrainingSpec) -> TrainingResult:
    """Train, or go on training, and measure; the result is also in `out_dir`.

    Raises:
        UserError: Tokens that are not there, or do not fit the model.
        Fatal: The loss stopped being a number.
    """
    tokens = open_tokens(spec.tokens_dir)
    training = _Training(spec, tokens)
    training.run()
    result = training.measure()
    save_weights(files.join(spec.out_dir, WEIGHTS), training.model, tokens.tokenizer_sha256)
    _keep_tokenizer(spec, tokens)
    files.write_bytes(files.join(spec.out_dir, RESULT), result.model_dump_json(indent=1).encode())
    remove_checkpoints(spec.out_dir)
    return result


def _keep_tokenizer(spec: TrainingSpec, tokens: TokenSet) -> None:
    """Copy what reads and writes the model's language beside its weights: they outlive the tokens."""
    with files.open_read(files.join(spec.tokens_dir, "tokenizer.json")) as stream:
        files.write_bytes(files.join(spec.out_dir, "tokenizer.json"), stream.read())
    files.write_bytes(files.join(spec.out_dir, "tokens.json"), tokens.model_dump_json(indent=1).encode())


class _Training:
    """Model, optimiser, loader and how far they are."""

    def __init__(self, spec: TrainingSpec, tokens: TokenSet) -> None:
        if spec.model.vocab_size != tokens.vocab_size:
            raise UserError(
                f"the model has {spec.model.vocab_size} token ids, the tokens {tokens.vocab_size}.",
                "Set model.vocab_size to the tokens' own.",
            )
        if not spec.model.causal:
            raise UserError("an encoder cannot be trained to predict the next token.", "Set model.causal=true.")
        if spec.model.positions == "learned" and spec.model.max_positions < tokens.sequence_length:
            raise UserError(
                f"the model learns {spec.model.max_positions} positions, the sequences have {tokens.sequence_length}.",
                "Set model.max_positions, or tokens.sequence_length.",
            )
        self.spec, self.tokens = spec, tokens
        self.device = choose_device(spec.device)
        self.steps = count_steps(spec.train, tokens.sequence_length)
        self.step_tokens = step_tokens(spec.train, tokens.sequence_length)
        sequences = read_sequences(spec.tokens_dir, tokens, tokens.train.files)
        self.loader = Loader(sequences, self.step_tokens // tokens.sequence_length, spec.train.seed, tokens.pad_id)
        self.held_out = read_sequences(spec.tokens_dir, tokens, tokens.held_out.files)
        self.model = Transformer(spec.model, spec.train.seed).to(self.device)
        self.optimizer = make_optimizer(self.model, spec.train)
        self.identity = f"{tokens.fingerprint} {spec.model.model_dump_json()} {self._what().model_dump_json()}"
        found = load_checkpoint(spec.out_dir, self.model, self.optimizer, self.identity)
        self.progress = found or Progress(0, 0, 0.0, [])

    def _what(self) -> TrainingSpec:
        """The specification without what changes no result."""
        train = self.spec.train.model_copy(update={"checkpoint_steps": 1})
        return self.spec.model_copy(
            update={"train": train, "threads": 0, "device": "auto", "tokens_dir": "", "out_dir": ""}
        )

    def run(self) -> None:
        """Take every step that is left."""
        started, reported, before = time.monotonic(), 0.0, self.progress.seconds
        first = self.progress.step
        emit("start", step=first, steps=self.steps, parameters=count_parameters(self.spec.model).total)
        while self.progress.step < self.steps:
            self._step()
            elapsed = time.monotonic() - started
            self.progress.seconds = before + elapsed
            done = self.progress.step
            if done % self.spec.train.checkpoint_steps == 0 and done < self.steps:
                save_checkpoint(self.spec.out_dir, self.model, self.optimizer, self.progress, self.identity)
            if elapsed - reported >= _REPORT_SECONDS or done == self.steps:
                reported = elapsed
                self._report((done - first) * self.step_tokens / max(elapsed, 1e-9))

    def _step(self) -> None:
        """One optimiser step."""
        progress, config = self.progress, self.spec.train
        set_learning_rate(self.optimizer, learning_rate_at(progress.step, self.steps, config))
        batch = self.loader.at(progress.position).to(self.device).tokens
        loss = causal_loss(self.model, batch, self.tokens.pad_id).mean
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise Fatal(f"the loss of step {progress.step + 1} is {value}.", "Lower training.learning_rate.")
        self.optimizer.step()
        progress.losses.append(value)
        progress.step, progress.position = progress.step + 1, progress.position + len(batch)

    def _report(self, tokens_per_second: float) -> None:
        step = self.progress.step
        emit(
            "step",
            step=step,
            steps=self.steps,
            tokens=step * self.step_tokens,
            loss=self.progress.losses[-1],
            learning_rate=learning_rate_at(step - 1, self.steps, self.spec.train),
            tokens_per_second=tokens_per_second,
        )

    def measure(self) -> TrainingResult:
        """What the finished training is worth."""
        config, losses = self.spec.train, self.progress.losses
        last = losses[-max(1, len(losses) // 10) :]
        losses_by_domain = held_out_losses(
            lambda tokens, documents: causal_loss(self.model, tokens, self.tokens.pad_id),
            self.held_out, config.eval_sequences, self.tokens.pad_id, self.device,
        )  # fmt: skip
        held_out = mean_loss(losses_by_domain)
        count = count_parameters(self.spec.model)
        return TrainingResult(
            params_total=count.total,
            params_non_embedding=count.non_embedding,
            steps=self.steps,
            train_tokens=self.steps * self.step_tokens,
            batch_tokens=self.step_tokens,
            train_loss=sum(last) / len(last),
            eval_loss=held_out,
            eval_bits_per_byte=bits_per_byte(held_out, self.tokens.held_out.total),
            wall_seconds=self.progress.seconds,
            device=_device_name(self.device),
            weights=WEIGHTS,
            curve=self._curve(),
        )

    def _curve(self) -> tuple[CurvePoint, ...]:
        """Evenly spaced points of the loss, the first and the last always."""
        every = max(1, -(-self.steps // _CURVE_POINTS))
        steps = sorted({1, *range(every, self.steps + 1, every), self.steps})
        return tuple(
            CurvePoint(
                step=step,
                tokens=step * self.step_tokens,
                loss=self.progress.losses[step - 1],
                learning_rate=learning_rate_at(step - 1, self.steps, self.spec.train),
            )
            for step in steps
        )


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} threads"


def _work(spec: TrainingSpec) -> None:
    settle(spec.threads)
    result = train(spec)
    emit("end", eval_loss=result.eval_loss, eval_bits_per_byte=result.eval_bits_per_byte)


if __name__ == "__main__":
    raise SystemExit(serve(TrainingSpec, _work))
