"""`winnow memory`: what training a model, and writing with it, needs of each GPU; added in `flows.cli`."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer

from flows.options import JsonOption


class PrecisionName(StrEnum):
    """As `model.memory_plan.Precision`."""

    float32 = "float32"
    bf16 = "bf16"
    pure_bf16 = "pure_bf16"


class CheckpointingName(StrEnum):
    """As `model.memory_plan.Checkpointing`."""

    none = "none"
    full = "full"


def memory(
    preset: Annotated[str, typer.Argument(help="Model by name, see `winnow params`.")],
    gpus: Annotated[int, typer.Option(min=1, help="GPUs in all.")] = 1,
    tp: Annotated[int, typer.Option(min=1, help="GPUs that share a layer (tensor parallelism).")] = 1,
    pp: Annotated[int, typer.Option(min=1, help="Stages that share the stack (pipeline parallelism).")] = 1,
    fsdp: Annotated[bool, typer.Option(help="Cut weights, gradients and moments over the GPUs left.")] = False,
    precision: Annotated[
        PrecisionName, typer.Option(help="bf16: autocast over float32 weights; pure_bf16: weights in bf16 as well.")
    ] = PrecisionName.bf16,
    seq: Annotated[int, typer.Option(min=1, help="Tokens of a sequence.")] = 2048,
    batch: Annotated[int, typer.Option(min=1, help="Sequences a GPU computes at once; when writing, texts.")] = 1,
    parts: Annotated[
        int, typer.Option(min=1, help="Parts of a step, one after another; gradients add up (micro_batch_tokens).")
    ] = 1,
    checkpointing: Annotated[
        CheckpointingName, typer.Option(help="full: blocks are computed again going back.")
    ] = CheckpointingName.none,
    flash: Annotated[bool, typer.Option(help="Attention that keeps no scores.")] = True,
    gpu_gb: Annotated[float, typer.Option(min=0.1, help="Memory of a GPU, GB of 10^9 bytes.")] = 80.0,
    as_json: JsonOption = False,
) -> None:
    """What a model needs of each GPU, part by part, and whether it fits: before anything is spent."""
    from model.memory_plan import Layout
    from model.presets import preset as find_preset
    from storage.errors import UserError

    if gpus % (tp * pp):
        raise UserError(f"{gpus} GPUs are no multiple of tp {tp} times pp {pp}.", "Give --gpus a multiple of both.")
    layout = Layout(gpus, tp, pp, fsdp, precision.value, seq, batch, checkpointing.value, flash, parts)
    found = _plan(find_preset(preset), layout, gpu_gb)
    if as_json:
        print(json.dumps({"preset": preset, **found}))
    else:
        _print_plan(preset, found, gpu_gb)


def _plan(config: Any, layout: Any, gpu_gb: float) -> dict[str, Any]:
    from model.memory import count_parameters
    from model.memory_plan import cache_table, training_need

    need = training_need(config, layout)
    parameters = count_parameters(config).total
    each = 4 if layout.precision == "float32" else 2
    caches = cache_table(config, layout.length * layout.batch, each)
    weights = each * parameters / (layout.tensor * layout.pipeline)
    writing = weights + caches["GQA"] / (layout.tensor * layout.pipeline)
    return {
        "parameters": parameters,
        "training": asdict(need) | {"total": need.total, "fits": need.total <= gpu_gb * 1e9},
        "writing": {"weights": weights, "total": writing, "fits": writing <= gpu_gb * 1e9},
        "kv_cache": caches,
        "kv_cache_per_token": cache_table(config, 1, each),
    }


def _print_plan(preset: str, found: dict[str, Any], gpu_gb: float) -> None:
    print(f"{preset}: {found['parameters']:,} parameters. Of each GPU, GB of 10^9 bytes:\n")
    training, writing = found["training"], found["writing"]
    for name in ("weights", "copies", "gradients", "optimizer", "activations", "logits"):
        print(f"  {name:14}{training[name] / 1e9:12,.2f}")
    print(f"  {'training':14}{training['total'] / 1e9:12,.2f}  {_fits(training['fits'], gpu_gb)}")
    print(f"  {'writing':14}{writing['total'] / 1e9:12,.2f}  {_fits(writing['fits'], gpu_gb)}\n")
    print(f"  {'KV cache':14}{'bytes a token':>16}{'GB':>10}")
    for name, size in found["kv_cache"].items():
        mine = "  (this model)" if size == found["kv_cache"]["GQA"] else ""
        print(f"  {name:14}{found['kv_cache_per_token'][name]:16,.0f}{size / 1e9:10,.2f}{mine}")


def _fits(fits: bool, gpu_gb: float) -> str:
    return f"{'fits' if fits else 'does not fit'} in {gpu_gb:g} GB"
