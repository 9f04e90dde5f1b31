"""Weights in a safetensors file that appears complete or not at all; no pickle.

What is not a tensor is JSON in the file's header. `model.snapshots` writes the whole state of a training the same way.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, cast

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from model.bilstm import BiLstm
from model.build import LanguageModel, build_model
from model.config import ModelConfig
from storage import files
from storage.uris import is_local, local_path


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


_DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def write_tensors(path: str, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write tensors, from any device, and what there is to say of them: one after another, without a copy of all.

    Raises:
        Fatal, UserError: As `files.write_atomic`: the disk is full, or takes no files.

    Source: the safetensors format: length of the header, the header in JSON, the tensors' bytes.
    """
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))  # wide ones first: all aligned
    layout: dict[str, Any] = {"__metadata__": {"winnow": json.dumps(header)}}
    end = 0
    for name in order:
        start, end = end, end + tensors[name].numel() * tensors[name].element_size()
        entry = {"dtype": _DTYPES[tensors[name].dtype], "shape": [*tensors[name].shape], "data_offsets": [start, end]}
        layout[name] = entry
    head = json.dumps(layout).encode()
    head += b" " * (-len(head) % 8)

    def write(stream: BinaryIO) -> None:
        stream.write(len(head).to_bytes(8, "little") + head)
        for name in order:
            values: Any = tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
            stream.write(values)

    files.write_atomic(path, write)


def read_tensors(path: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of `write_tensors`, on the CPU; a local file is mapped, not read twice."""
    with files.open_read(path) as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
        header = json.loads(json.loads(stream.read(header_bytes))["__metadata__"]["winnow"])
        if is_local(path):
            tensors = safetensors.torch.load_file(local_path(path))
        else:
            stream.seek(0)
            tensors = safetensors.torch.load(stream.read())
    return tensors, cast(dict[str, Any], header)
