"""What `torchrun` starts in the test of ranks: the same training under each way of sharing it, one after another."""

from __future__ import annotations

from pathlib import Path

import torch

from model.parallel import join_ranks
from model.process import settle
from model.signals import StopSignal
from model.specs import TrainingSpec
from model.train import train
from storage.errors import Fatal


def main(spec: TrainingSpec) -> None:
    """Train by DDP, by FSDP, and by FSDP going on from a checkpoint one process left."""
    settle(1)
    with join_ranks(torch.device("cpu")) as ranks:
        for kind, out in (("ddp", "ddp"), ("fsdp", "fsdp"), ("fsdp", "resumed")):
            config = spec.train.model_copy(update={"parallel": kind, "recompute": kind == "fsdp"})
            train(spec.model_copy(update={"train": config, "out_dir": f"{spec.out_dir}/{out}"}), ranks)
        stop = StopSignal()
        stop.asked = ranks.rank == 1  # one rank's signal ends them all, after the same step
        try:
            train(spec.model_copy(update={"out_dir": f"{spec.out_dir}/stopped"}), ranks, stop)
        except Fatal as error:
            Path(spec.out_dir, f"stopped-{ranks.rank}").write_text(error.message)
