"""A trained model as `transformers` loads it: `python -m model.export SPEC.json` (see `ExportSpec`)."""

from __future__ import annotations

import json

import safetensors.torch

from model.checkpoint import load_model
from model.config import ExportSpec
from model.huggingface import to_state
from model.huggingface_configs import to_config
from model.process import emit, serve
from storage import files


def export(spec: ExportSpec) -> None:
    """Write model.safetensors, config.json and generation_config.json; config.json last, so that a folder with one
    is whole.

    Raises:
        UserError: transformers has no architecture like this model.
    """
    model = load_model(spec.weights)
    learned = model.config.positions == "learned"
    positions = model.config.max_positions if learned else spec.max_positions
    config = to_config(model.config.model_copy(update={"max_positions": positions}))
    ends = {"bos_token_id": spec.end_id, "eos_token_id": spec.end_id, "pad_token_id": spec.pad_id}
    if model.config.kind == "encoder_decoder":
        ends["decoder_start_token_id"] = spec.pad_id
    weights = safetensors.torch.save(to_state(model.config, model.state_dict()), {"format": "pt"})
    files.write_bytes(files.join(spec.out_dir, "model.safetensors"), weights)
    for name, values in (("generation_config.json", ends), ("config.json", config | ends)):
        files.write_bytes(files.join(spec.out_dir, name), json.dumps(values, indent=2).encode())
    emit("exported", architecture=config["architectures"][0], bytes=len(weights))


if __name__ == "__main__":
    raise SystemExit(serve(ExportSpec, export))
