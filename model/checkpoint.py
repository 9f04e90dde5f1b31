"""The whole state of a training in one file that appears complete or not at all; no pickle.

A checkpoint is a safetensors file: weights, AdamW's moments, the random state and every loss so far as
tensors, the rest as JSON in its header. Weights alone, for generation, are written the same way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from model.bilstm import BiLstm
from model.build import LanguageModel, build_model
from model.config import ModelConfig
from storage import files
from storage.errors import UserError

KEPT = 2
"""Newest checkpoints that stay: the last one, and one more in case somebody copies it away meanwhile."""

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        step: Optimiser steps done.
        position: Sequences seen: where the loader goes on.
        seconds: Time spent, earlier processes included.
        losses: Mean loss of every step done, nats a token.
    """

    step: int
    position: int
    seconds: float
    losses: list[float]


def save_checkpoint(
    directory: str, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress, identity: str
) -> str:
    """Write the state after a step, remove checkpoints older than the last two; gives its path.

    `identity` names the training; only the same one may go on from it.
    """
    path = files.join(directory, f"step-{progress.step:08d}.safetensors")
    header = {
        "identity": identity,
        "step": progress.step,
        "position": progress.position,
        "seconds": progress.seconds,
    }
    _write(path, _state(model, optimizer, progress), header)
    for old in _checkpoints(directory)[:-KEPT]:
        files.remove(old)
    return path


def load_checkpoint(
    directory: str, model: nn.Module, optimizer: torch.optim.Optimizer, identity: str
) -> Progress | None:
    """Restore the newest checkpoint into model and optimiser; None where there is none.

    Raises:
        UserError: It belongs to another training.
    """
    found = _checkpoints(directory)
    if not found:
        return None
    tensors, header = _read(found[-1])
    if header["identity"] != identity:
        raise UserError(f"{found[-1]} belongs to another training.", "Remove its directory, or name another.")
    _restore(model, optimizer, tensors)
    return Progress(header["step"], header["position"], header["seconds"], tensors["losses"].tolist())


def remove_checkpoints(directory: str) -> None:
    """Remove what only an unfinished training needs."""
    for path in _checkpoints(directory):
        files.remove(path)


def save_weights(path: str, model: LanguageModel, tokenizer_sha256: str) -> None:
    """Write weights with the configuration that they fit and the tokenizer that they speak."""
    header = {"config": model.config.model_dump(), "tokenizer_sha256": tokenizer_sha256}
    tied = model.config.tied_embeddings
    state = {name: value for name, value in model.state_dict().items() if not (tied and name == "head.weight")}
    _write(path, state, header)


def load_model(path: str) -> LanguageModel:
    """The model of `save_weights`, on the CPU."""
    tensors, header = _read(path)
    with torch.device("meta"):
        model = build_model(ModelConfig.model_validate(header["config"]))
    model.load_state_dict(tensors, strict=not model.config.tied_embeddings, assign=True)
    if model.config.tied_embeddings and not isinstance(model, BiLstm):
        model.head.weight = model.embedding.weight
    return model


def _state(model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {
        "losses": torch.tensor(progress.losses, dtype=torch.float64),
        "random": torch.get_rng_state(),
    }
    for name, weight in model.named_parameters():
        tensors[f"model.{name}"] = weight.detach()
        for moment in _MOMENTS:
            tensors[f"{moment}.{name}"] = optimizer.state[weight][moment]
    return tensors


@torch.no_grad()
def _restore(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    torch.set_rng_state(tensors["random"])
    for name, weight in model.named_parameters():
        weight.copy_(tensors[f"model.{name}"])
        moments = {moment: tensors[f"{moment}.{name}"].to(weight.device) for moment in _MOMENTS}
        optimizer.state[weight] = moments


def _checkpoints(directory: str) -> list[str]:
    """Finished checkpoints, oldest first."""
    found = files.list_files(directory, ".safetensors")
    return [path for path in found if path.rsplit("/", 1)[-1].startswith("step-")]


def _write(path: str, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    contiguous = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    files.write_bytes(path, safetensors.torch.save(contiguous, {"winnow": json.dumps(header)}))


def _read(path: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with files.open_read(path) as stream:
        content = stream.read()
    header_bytes = int.from_bytes(content[:8], "little")  # safetensors: the header's length, then the header
    header = json.loads(content[8 : 8 + header_bytes])["__metadata__"]["winnow"]
    return safetensors.torch.load(content), cast(dict[str, Any], json.loads(header))
