"""Train one model: `python -m model.train SPEC.json` (see `TrainingSpec`), in processes of its own.

Prints progress as JSON lines, writes checkpoints, then weights, tokenizer and `result.json`. Started again
after a kill at any moment it goes on from the newest checkpoint, and every loss is what it would have been:
on a CPU, with the same number of threads, to the bit. Under `torchrun` every process is a rank.
"""

from __future__ import annotations

import os
import time
from contextlib import closing, suppress

import torch

from model import snapshots
from model.build import LanguageModel, build_model
from model.checkpoint import save_weights
from model.config import count_steps, step_tokens
from model.data import Batch, Loader, open_tokens, read_sequences
from model.device import in_bf16
from model.evaluate import held_out_losses
from model.guard import Verdict, judge
from model.memory import count_parameters
from model.mup import check_mup, rescale
from model.objective import (
    Objective,
    blocks_of,
    fill_letters,
    make_preparer,
    prepare_blocks,
    read_tokenizer,
    rest_unasked,
)
from model.objective_config import objective_of, training_model
from model.objectives import Losses, Totals
from model.optim import make_optimizer, set_learning_rate
from model.outcome import Timing, result_of
from model.parallel import Ranks, gradients_later, join_ranks, like, spread, whole
from model.process import choose_device, emit, serve, settle
from model.reporting import Reporter
from model.rules import essence
from model.rules import settle as settle_settings
from model.schedule import learning_rate_at
from model.signals import StopSignal
from model.snapshots import Progress
from model.specs import TrainingResult, TrainingSpec
from model.stems import Stem
from model.token_set import TokenSet
from storage import files
from storage.errors import Fatal, UserError
from storage.uris import join

WEIGHTS, RESULT = "model.safetensors", "result.json"


def train(spec: TrainingSpec, ranks: Ranks | None = None, stop: StopSignal | None = None) -> TrainingResult:
    """Train, or go on training, and measure; the result is also in `out_dir`.

    Args:
        spec: What to train on what.
        ranks: This process among the training's; by default the only one.
        stop: Asks for an end: the step under way is finished and saved.

    Raises:
        UserError: Tokens that are not there, or do not fit the model.
        Fatal: The loss stopped being a number, or `stop` asked for an end.
    """
    ranks = ranks or Ranks(0, 1, choose_device(spec.device))
    tokens = open_tokens(spec.tokens_dir)
    training = _Training(spec, tokens, ranks, stop or StopSignal())
    training.run()
    result = result_of(training.spec, tokens, ranks, training.progress, training.timing, training.losses(), WEIGHTS)
    model = training.whole_model()
    if ranks.first:
        save_weights(join(spec.out_dir, WEIGHTS), model, tokens.tokenizer_sha256)
        _keep_tokenizer(spec, tokens)
        files.write_bytes(join(spec.out_dir, RESULT), result.model_dump_json(indent=1).encode())
        snapshots.remove_checkpoints(spec.out_dir)
    return result


def _keep_tokenizer(spec: TrainingSpec, tokens: TokenSet) -> None:
    """Copy what reads and writes the model's language beside its weights: they outlive the tokens."""
    with files.open_read(join(spec.tokens_dir, "tokenizer.json")) as stream:
        files.write_bytes(join(spec.out_dir, "tokenizer.json"), stream.read())
    files.write_bytes(join(spec.out_dir, "tokens.json"), tokens.model_dump_json(indent=1).encode())


class _Training:
    """Model, optimiser, loader and how far they are."""

    def __init__(self, spec: TrainingSpec, tokens: TokenSet, ranks: Ranks, stop: StopSignal) -> None:
        _check(spec, tokens)
        self.config = settle_settings(spec.train, spec.model)
        self.spec = spec.model_copy(update={"train": self.config})
        self.tokens, self.ranks, self.stop = tokens, ranks, stop
        self.steps = count_steps(self.config, tokens.sequence_length)
        self.batch = step_tokens(self.config, tokens.sequence_length) // tokens.sequence_length
        if self.batch % ranks.count:
            raise UserError(
                f"a step has {self.batch} sequences, which {ranks.count} ranks cannot share evenly.",
                "Set training.batch_tokens to a multiple of ranks times tokens.sequence_length.",
            )
        self._micro = max(1, (self.config.micro_batch_tokens or 2**62) // tokens.sequence_length)
        sequences = read_sequences(spec.tokens_dir, tokens, tokens.train.files)
        pinned = ranks.device.type == "cuda"
        self.loader = Loader(
            *(sequences, self.batch, self.config.seed, tokens.pad_id, ranks.rank, ranks.count), ranks.first, pin=pinned
        )
        self.held_out = read_sequences(spec.tokens_dir, tokens, tokens.held_out.files)
        self.tokenizer = read_tokenizer(spec.tokens_dir)
        self.model = self._fresh_model().to(ranks.device)
        rest_unasked(self.model, objective_of(spec.model, self.config.objective))
        prepare = make_preparer(self.spec, tokens, self.tokenizer, sequences)
        bf16 = in_bf16(self.config.precision, ranks.device)
        self.objective = Objective(self.model, prepare, self.config.objective.z_loss, bf16)
        blocks = blocks_of(self.model)
        prepare_blocks(blocks, self.config)
        self.module = spread(self.objective, blocks, self.config.parallel, ranks, self.objective.autocast)
        self.optimizer = make_optimizer(self.model, self.config)
        self.identity = f"{tokens.fingerprint} {spec.model.model_dump_json()} {essence(self.config).model_dump_json()}"
        self.stem = Stem(self.spec, tokens)
        found = snapshots.load(spec.out_dir, self.identity) or self.stem.load()
        self.progress = snapshots.restore(found, self.model, self.optimizer) if found else Progress()
        self.writer = snapshots.Writer(spec.out_dir, self.config.keep_checkpoints)
        self.timing = Timing(self.batch * tokens.sequence_length)

    def run(self) -> None:
        """Take every step that is left."""
        first = self.progress.step
        parameters = count_parameters(self.spec.model).total
        emit("start", step=first, steps=self.steps, parameters=parameters, process=os.getpid())
        with closing(Reporter(self.spec, self.ranks.first, first, self.steps, self.timing)) as reporter:
            while self.progress.step < self.steps:
                self._run_until_rollback(reporter)
            self.writer.wait()
            self.stem.wait()

    def _run_until_rollback(self, reporter: Reporter) -> None:
        progress = self.progress
        with closing(self.loader.run(progress.position, self.steps - progress.step)) as batches:
            before = time.monotonic()
            for batch in batches:
                waited = time.monotonic() - before
                verdict = self._step(batch)
                seconds, before = time.monotonic() - before, time.monotonic()
                progress.seconds += seconds
                self.timing.add(seconds, waited)
                if verdict == "roll back":
                    return self._roll_back()
                self._save_when_due(reporter)
                reporter.step(progress)
        return None

    def _step(self, batch: Batch) -> Verdict:
        """One step: its gradient, and the optimiser's unless the guard objects."""
        progress = self.progress
        set_learning_rate(self.optimizer, learning_rate_at(progress.step, self.steps, self.config))
        loss, norm = self._gradient(batch)
        taken = [value for value, good in zip(progress.losses[-256:], progress.taken[-256:], strict=True) if good]
        verdict, why = judge(loss, norm, taken, _trailing(progress.taken, False), self.config)
        if verdict == "take":
            self.optimizer.step()
        else:
            self._say(f"step {progress.step + 1} is left out: {why}.")
        self.optimizer.zero_grad(set_to_none=True)
        progress.losses.append(loss)
        progress.taken.append(verdict == "take")
        progress.digests.append(batch.digest or "0" * 16)
        progress.step, progress.position = progress.step + 1, progress.position + self.batch
        return verdict

    def _gradient(self, batch: Batch) -> tuple[float, float]:
        """Gradients of the mean loss over the whole global batch, clipped; that loss, and their norm before."""
        prepare, device = self.objective.prepare, self.ranks.device
        parts = [prepare(*part, batch.position) for part in batch.parts(self._micro)]
        counts = torch.tensor([[part.target_count, part.pair_count] for part in parts], dtype=torch.float64)
        tokens, pairs = self.ranks.add(counts.sum(dim=0).to(device)).tolist()
        totals, loss = Totals(int(tokens), int(pairs)), torch.zeros((), dtype=torch.float64, device=device)
        for number, part in enumerate(parts):
            with gradients_later(self.module, number + 1 < len(parts)):
                share = Losses(*self.module(part.to(device))).share(totals)
                share.backward()  # type: ignore[no-untyped-call]
            loss += share.detach()
        weights = [weight for weight in self.model.parameters() if weight.grad is not None]
        if self.ranks.count > 1:
            for weight in weights:  # ranks averaged shares: times their number they add up
                assert weight.grad is not None
                weight.grad.mul_(self.ranks.count)
        norm = whole(torch.nn.utils.clip_grad_norm_(weights, self.config.clip_norm))
        return self.ranks.add(loss).item(), float(norm)

    def _save_when_due(self, reporter: Reporter) -> None:
        """A checkpoint every so many steps, and when somebody asks for an end, which then comes."""
        step = self.progress.step
        ending = self.ranks.add(torch.tensor([float(self.stop.asked)], device=self.ranks.device)).item() > 0
        self.stem.keep(self.model, self.optimizer, self.progress, self.ranks.first)
        due = step % self.config.checkpoint_steps == 0
        if (due or ending) and step < self.steps:
            found = snapshots.take(self.model, self.optimizer, self.progress, self.identity, self.ranks.first)
            if self.ranks.first:
                self.writer.write(found)
        if ending and step < self.steps:
            self.writer.wait()
            self.stem.wait()
            trouble = self.writer.trouble()
            saved = f"but step {step} could not be saved: {trouble}" if trouble else f"step {step} is saved."
            raise Fatal(f"the training was asked to stop; {saved}", "The same command goes on from there.")
        if trouble := self.writer.trouble():
            self._say(f"a checkpoint could not be written, the training goes on without it: {trouble}")

    def _roll_back(self) -> None:
        """Go back to a checkpoint, and on with the batches that come next."""
        at, self.progress.rollbacks = self.progress, self.progress.rollbacks + 1
        if at.rollbacks > self.config.max_rollbacks:
            raise Fatal(
                f"the training went back {self.config.max_rollbacks} times and is bad again at step {at.step}.",
                "Lower training.learning_rate.",
            )
        self.writer.wait()
        found = snapshots.load(self.spec.out_dir, self.identity, at.step, self.config.checkpoint_steps)
        self.progress = snapshots.restore(found, self.model, self.optimizer) if found else self._begin_again()
        self.progress.position, self.progress.rollbacks = at.position, at.rollbacks
        self.progress.seconds, self.progress.events = at.seconds, at.events
        self._say(f"going back from step {at.step} to step {self.progress.step}, on with other batches.")

    def _begin_again(self) -> Progress:
        with torch.no_grad():
            fresh = dict(self._fresh_model().named_parameters())
            for name, weight in self.model.named_parameters():
                weight.copy_(like(fresh[name].detach(), weight))
        self.optimizer.state.clear()
        return Progress()

    def _fresh_model(self) -> LanguageModel:
        model = build_model(self.spec.model, self.config.seed)
        fill_letters(model, self.tokenizer)
        rescale(model, self.config)
        return model

    def _say(self, text: str) -> None:
        self.progress.events.append(text)
        emit("warning", text=text)

    def losses(self) -> dict[str, tuple[float, int]]:
        """Held-out losses of the model as it is, by domain; every rank must ask."""
        most, pad_id = self.config.eval_sequences, self.tokens.pad_id
        return held_out_losses(self.objective.measure, self.held_out, most, pad_id, self.ranks.device)

    def whole_model(self) -> LanguageModel:
        """The trained model with nothing cut up; every rank must ask."""
        if self.ranks.count == 1 or self.config.parallel == "ddp":
            return self.model
        model = build_model(self.spec.model)
        fill_letters(model, self.tokenizer)
        weights = {name: whole(weight.detach()).cpu() for name, weight in self.model.named_parameters()}
        model.load_state_dict(weights, strict=False)  # what is not among them is shared, or was filled in
        return model


def _check(spec: TrainingSpec, tokens: TokenSet) -> None:
    """Refuse what cannot be trained, in words."""
    kind = objective_of(spec.model, spec.train.objective)
    wanted = training_model(spec.model, tokens, spec.train.objective).vocab_size
    if spec.model.vocab_size != wanted:
        raise UserError(
            f"the model has {spec.model.vocab_size} token ids; the tokens, with what {kind} adds, have {wanted}.",
            "Set model.vocab_size to the tokens' own.",
        )
    if tokens.packing == "masked" and spec.model.kind != "encoder":
        raise UserError("these tokens are packed for an encoder.", "Set tokens.packing to concatenate or best_fit.")
    if spec.model.positions == "learned" and spec.model.max_positions < tokens.sequence_length:
        raise UserError(
            f"the model learns {spec.model.max_positions} positions, the sequences have {tokens.sequence_length}.",
            "Set model.max_positions, or tokens.sequence_length.",
        )
    check_mup(spec.model, spec.train)


def _trailing(values: list[bool], wanted: bool) -> int:
    """How many of the last values are all `wanted`."""
    count = 0
    while count < len(values) and values[-1 - count] is wanted:
        count += 1
    return count


def _work(spec: TrainingSpec) -> None:
    settle(spec.threads)
    stop = StopSignal()
    with suppress(ValueError):  # only the main thread may listen
        stop.listen()
    with join_ranks(choose_device(spec.device)) as ranks:
        result = train(spec, ranks, stop)
        emit("end", eval_loss=result.eval_loss, eval_bits_per_byte=result.eval_bits_per_byte)


if __name__ == "__main__":
    raise SystemExit(serve(TrainingSpec, _work))
