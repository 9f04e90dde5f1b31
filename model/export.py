"""A trained model as `transformers` loads it: `python -m model.export SPEC.json` (see `ExportSpec`)."""

from __future__ import annotations

import json
from typing import Any

import safetensors.torch

from model.checkpoint import load_model
from model.finetune.huggingface import to_transformers
from model.finetune.kept import load
from model.huggingface import State, to_state
from model.huggingface_configs import to_config
from model.process import emit, serve
from model.specs import ExportSpec
from storage import files
from storage.uris import join


def export(spec: ExportSpec) -> None:
    """Write model.safetensors, config.json and generation_config.json; config.json last, so that a folder with one
    is whole.

    Raises:
        UserError: transformers has no architecture like this model.
    """
    config, state = _fine_tuned(spec) if spec.task_weights else _trained(spec)
    ends = {"bos_token_id": spec.end_id, "eos_token_id": spec.end_id, "pad_token_id": spec.pad_id}
    if config.get("is_encoder_decoder"):
        ends["decoder_start_token_id"] = spec.pad_id
    weights = safetensors.torch.save(state, {"format": "pt"})
    files.write_bytes(join(spec.out_dir, "model.safetensors"), weights)
    for name, values in (("generation_config.json", ends), ("config.json", config | ends)):
        files.write_bytes(join(spec.out_dir, name), json.dumps(values, indent=2).encode())
    emit("exported", architecture=config["architectures"][0], bytes=len(weights))


def _trained(spec: ExportSpec) -> tuple[dict[str, Any], State]:
    model = load_model(spec.weights)
    learned = model.config.positions == "learned"
    positions = model.config.max_positions if learned else spec.max_positions
    return to_config(model.config.model_copy(update={"max_positions": positions})), to_state(
        model.config, model.state_dict()
    )


def _fine_tuned(spec: ExportSpec) -> tuple[dict[str, Any], State]:
    return to_transformers(*load(spec.task_weights, spec.weights), spec.max_positions)


if __name__ == "__main__":
    raise SystemExit(serve(ExportSpec, export))
