"""Two ranks as `torchrun --standalone --nproc-per-node 2` starts them, but forked of a process that has imported torch
already: the same training under each way of sharing it, one after another."""

from __future__ import annotations

import importlib
import sys
import uuid
from pathlib import Path

import torch
from torch.distributed.elastic.multiprocessing.errors import record
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from model.parallel import join_ranks
from model.process import settle
from model.signals import StopSignal
from model.specs import TrainingSpec
from model.train import train
from storage.errors import Fatal


@record
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


if __name__ == "__main__":
    importlib.import_module("torch._dynamo")  # every optimiser's first step would
    importlib.import_module("torch.distributed.fsdp")
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=2, rdzv_backend="c10d", rdzv_endpoint="localhost:0",
        run_id=uuid.uuid4().hex, start_method="fork", max_restarts=0, monitor_interval=0.05,
    )  # fmt: skip
    elastic_launch(config, main)(TrainingSpec.model_validate_json(Path(sys.argv[1]).read_text()))
