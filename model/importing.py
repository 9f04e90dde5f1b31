"""A model that `transformers` saved becomes one of ours: `python -m model.importing SPEC.json` (see `ImportSpec`)."""

from __future__ import annotations

import json
from typing import Any

import safetensors.torch
import torch

from model.build import build_model
from model.checkpoint import save_weights
from model.huggingface import State, from_state
from model.huggingface_configs import from_config
from model.memory import count_parameters
from model.process import emit, serve
from model.specs import ImportSpec
from storage import files
from storage.errors import UserError
from storage.uris import join

_ONE, _INDEX = "model.safetensors", "model.safetensors.index.json"


def import_folder(spec: ImportSpec) -> None:
    """Write the folder's model with our names, in float32; says its configuration.

    Raises:
        UserError: No safetensors, or an architecture or variant that is not built here.
    """
    config = from_config(json.loads(_read(join(spec.folder, "config.json"))))
    with torch.device("meta"):
        model = build_model(config)
    state = {name: weight.float() for name, weight in from_state(config, _weights(spec.folder)).items()}
    try:
        model.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise UserError(f"the weights do not have the sizes config.json says: {error}.") from error
    save_weights(spec.weights, model, spec.tokenizer_sha256)
    emit("imported", config=config.model_dump(mode="json"), parameters=count_parameters(config).total)


def _weights(folder: str) -> State:
    """All weights of a folder, in one file or several."""
    if files.exists(join(folder, _ONE)):
        return safetensors.torch.load(_read(join(folder, _ONE)))
    if not files.exists(join(folder, _INDEX)):
        raise UserError(f"there is no {_ONE} in {folder}.", "Save the model with safe_serialization=True.")
    index: dict[str, Any] = json.loads(_read(join(folder, _INDEX)))
    state: State = {}
    for name in sorted(set(index["weight_map"].values())):
        state |= safetensors.torch.load(_read(join(folder, name)))
    return state


def _read(path: str) -> bytes:
    with files.open_read(path) as stream:
        return stream.read()


if __name__ == "__main__":
    raise SystemExit(serve(ImportSpec, import_folder))
