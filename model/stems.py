"""What trainings of different lengths have in common under warm-up, stable, decay: computed once.

The longer one begins where the shorter one began to decay, and its result is that of having gone all the way alone,
to the bit: the stem is kept as the same kind of checkpoint that a killed training resumes from. Only a training that
went back to a checkpoint after a spike may go back elsewhere.
Source: Hägele et al. 2024, arXiv:2405.18392, section 4.
"""

from __future__ import annotations

import torch
from torch import nn

from model import snapshots
from model.config import count_steps
from model.schedule import decay_start, stem_identity
from model.specs import TrainingSpec
from model.token_set import TokenSet

KEPT = 2
"""Newest checkpoints of a stem that stay: longer trainings start from the newest, and one may be reading the other."""


class Stem:
    """A training's stem: nothing where the specification names no directory for it.

    Args:
        spec: Of the training, its settings settled.
        tokens: That it trains on.
    """

    def __init__(self, spec: TrainingSpec, tokens: TokenSet) -> None:
        self._directory = spec.stem_dir
        self._identity = stem_identity(tokens, spec.model, spec.train)
        self._fork = decay_start(count_steps(spec.train, tokens.sequence_length), spec.train)
        self._writer = snapshots.Writer(spec.stem_dir, KEPT)

    def load(self) -> snapshots.Snapshot | None:
        """The furthest state of the stem before this training decays; None where there is none."""
        return snapshots.load(self._directory, self._identity, self._fork + 1) if self._directory else None

    def keep(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, progress: snapshots.Progress, keep: bool
    ) -> None:
        """Keep the state, if this is where the stem ends; every rank must ask, and `keep` says which one writes."""
        if self._directory and progress.step == self._fork > 0:
            found = snapshots.take(model, optimizer, progress, self._identity, keep)
            if keep:
                self._writer.write(found)

    def wait(self) -> None:
        """Until nothing is being written. A stem that could not be written costs others time, and this one nothing."""
        self._writer.wait()
