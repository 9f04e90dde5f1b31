"""The whole state of a training: taken between two steps, written by a thread, restored to the bit.

A checkpoint is one safetensors file: weights, AdamW's moments, the random state and the record of every step as
tensors, the rest as JSON in its header. It appears complete or not at all, and is the same for any number of ranks.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from model.checkpoint import read_tensors, write_tensors
from model.parallel import like, whole
from storage import files
from storage.errors import UserError, WinnowError
from storage.uris import join

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        step: Steps done, those left out included.
        position: Sequences seen: where the loader goes on. More than the steps' own after a rollback.
        seconds: Time spent, earlier processes included.
        losses: Loss of every step, nats a token; not always a number.
        taken: Whether each changed the weights.
        digests: Of every step's batch.
        events: What was out of the ordinary, in words.
        rollbacks: Times it went back.
    """

    step: int = 0
    position: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    taken: list[bool] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    rollbacks: int = 0


@dataclass(frozen=True)
class Snapshot:
    """A state in the CPU's memory; nothing in it changes any more."""

    tensors: dict[str, Tensor]
    header: dict[str, Any]


def take(
    model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress, identity: str, keep: bool = True
) -> Snapshot:
    """The state as it is; every rank must ask, and `keep` says which of them want it.

    `identity` names the training; only the same one may go on from it.
    """
    tensors: dict[str, Tensor] = {}
    for name, weight in model.named_parameters():
        state = optimizer.state.get(weight, {})  # empty before the first step taken
        moments = {f"{moment}.{name}": state[moment] for moment in _MOMENTS if moment in state}
        for key, value in {f"model.{name}": weight.detach(), **moments}.items():
            full = whole(value)
            if keep:
                tensors[key] = full.to("cpu", copy=True)
    tensors |= {
        "losses": torch.tensor(progress.losses, dtype=torch.float64),
        "taken": torch.tensor(progress.taken, dtype=torch.bool),
        "digests": torch.tensor(list(bytes.fromhex("".join(progress.digests))), dtype=torch.uint8),
        "random": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    plain = {name: getattr(progress, name) for name in ("step", "position", "seconds", "rollbacks")}
    return Snapshot(tensors, {"identity": identity, "events": list(progress.events), **plain})


@torch.no_grad()
def restore(snapshot: Snapshot, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Put a state into model and optimiser, and into the random generators."""
    tensors, header = snapshot.tensors, snapshot.header
    torch.set_rng_state(tensors["random"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    for name, weight in model.named_parameters():
        weight.copy_(like(tensors[f"model.{name}"], weight))
        optimizer.state.pop(weight, None)
        if f"step.{name}" in tensors:
            moments = {moment: tensors[f"{moment}.{name}"].clone() for moment in _MOMENTS}
            steps = {"step": moments.pop("step").to(weight.device)}
            optimizer.state[weight] = steps | {moment: like(value, weight) for moment, value in moments.items()}
    digests = bytes(tensors["digests"].tolist()).hex()
    return Progress(
        **{name: header[name] for name in ("step", "position", "seconds", "rollbacks")},
        losses=tensors["losses"].tolist(),
        taken=tensors["taken"].tolist(),
        digests=[digests[at : at + 16] for at in range(0, len(digests), 16)],
        events=list(header["events"]),
    )


def load(directory: str, identity: str, before: int | None = None, every: int = 1) -> Snapshot | None:
    """The newest checkpoint; None where there is none.

    Args:
        directory: Of the training.
        identity: Of the training.
        before, every: Only those of a multiple of `every` steps before that step.

    Raises:
        UserError: It belongs to another training.
    """
    for path in reversed(find_checkpoints(directory)):
        step = int(path.rsplit("step-", 1)[-1].partition(".")[0])
        if before is not None and (step >= before or step % every):
            continue
        tensors, header = read_tensors(path)
        if header["identity"] != identity:
            raise UserError(f"{path} belongs to another training.", "Remove its directory, or name another.")
        return Snapshot(tensors, header)
    return None


def find_checkpoints(directory: str) -> list[str]:
    """Finished checkpoints, oldest first."""
    found = files.list_files(directory, ".safetensors")
    return [path for path in found if path.rsplit("/", 1)[-1].startswith("step-")]


def remove_checkpoints(directory: str) -> None:
    """Remove what only an unfinished training needs."""
    for path in find_checkpoints(directory):
        files.remove(path)


class Writer:
    """Writes checkpoints by a thread, one at a time, and removes those that are too old.

    A checkpoint that cannot be written (no room on the disk) costs nothing but itself: the training goes on, the
    older ones stay, and `trouble` says so.

    Args:
        directory: Of the training.
        kept: Newest checkpoints that stay.
    """

    def __init__(self, directory: str, kept: int) -> None:
        self.directory, self.kept = directory, kept
        self._thread: threading.Thread | None = None
        self._failure: WinnowError | None = None

    def write(self, snapshot: Snapshot) -> None:
        """Begin to write; waits for the one before."""
        self.wait()
        self._thread = threading.Thread(target=self._work, args=(snapshot,), name="checkpoint")
        self._thread.start()

    def wait(self) -> None:
        """Until nothing is being written."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def trouble(self) -> WinnowError | None:
        """Why a checkpoint could not be written, once; None where all were."""
        failure, self._failure = self._failure, None
        return failure

    def _work(self, snapshot: Snapshot) -> None:
        path = join(self.directory, f"step-{snapshot.header['step']:08d}.safetensors")
        try:
            write_tensors(path, snapshot.tensors, snapshot.header)
            for old in find_checkpoints(self.directory)[: -self.kept]:
                files.remove(old)
        except WinnowError as error:
            self._failure = error
