"""Weights in a safetensors file that appears complete or not at all; no pickle.

What is not a tensor is JSON in the file's header. `model.snapshots` writes the whole state of a training the same way.
"""

from __future__ import annotations

import json
from typing import Any, cast

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from model.bilstm import BiLstm
from model.build import LanguageModel, build_model
from model.config import ModelConfig
from storage import files


def save_weights(path: str, model: LanguageModel, tokenizer_sha256: str) -> None:
    """Write weights with the configuration that they fit and the tokenizer that they speak."""
    header = {"config": model.config.model_dump(), "tokenizer_sha256": tokenizer_sha256}
    tied = model.config.tied_embeddings
    state = {name: value for name, value in model.state_dict().items() if not (tied and name == "head.weight")}
    write_tensors(path, state, header)


def load_model(path: str) -> LanguageModel:
    """The model of `save_weights`, on the CPU."""
    tensors, header = read_tensors(path)
    with torch.device("meta"):
        model = build_model(ModelConfig.model_validate(header["config"]))
    model.load_state_dict(tensors, strict=not model.config.tied_embeddings, assign=True)
    if model.config.tied_embeddings and not isinstance(model, BiLstm):
        model.head.weight = model.embedding.weight
    return model


def write_tensors(path: str, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write tensors, from any device, and what there is to say of them.

    Raises:
        Fatal, UserError: As `files.write_bytes`: the disk is full, or takes no files.
    """
    contiguous = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    files.write_bytes(path, safetensors.torch.save(contiguous, {"winnow": json.dumps(header)}))


def read_tensors(path: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of `write_tensors`, on the CPU."""
    with files.open_read(path) as stream:
        content = stream.read()
    header_bytes = int.from_bytes(content[:8], "little")  # safetensors: the header's length, then the header
    header = json.loads(content[8 : 8 + header_bytes])["__metadata__"]["winnow"]
    return safetensors.torch.load(content), cast(dict[str, Any], json.loads(header))
