"""A folder that `transformers` saved becomes a model of the lake: to write with, to measure, to export again.

It lies in `imported/<name>/`: weights, tokenizer, what its tokens are, and `model.json`, written last. It is no
training, so it has no row in `trainings`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.child import run_child
from flows.training_task import absolute
from model.specs import ImportSpec
from model.token_set import Counts, EncoderTokens, Split, TokenSet
from storage import files
from storage.errors import UserError
from storage.lake import Lake
from storage.uris import join

_DIRECTORY = "imported"


def import_model(lake: Lake, folder: str, name: str | None = None) -> dict[str, Any]:
    """Bring a folder's model into the lake; what came.

    Args:
        lake: Where to.
        folder: With config.json, safetensors and tokenizer.json, of a Llama, GPT-2, BERT, T5 or BART.
        name: To find it by; by default the folder's.

    Raises:
        UserError: Something is missing, is not built here, or the name is taken.
    """
    name = name or Path(folder).resolve().name
    if "/" in name or name in (".", ".."):
        raise UserError(f"{name!r} is no name for a model of the lake.", "Give one without a slash with --name.")
    directory = f"{_DIRECTORY}/{name}"
    if files.exists(lake.absolute(f"{directory}/model.json")):
        raise UserError(f"the lake has an imported model {name!r} already.", "Give another with --name.")
    config, tokenizer = _read_json(folder, "config.json"), _read(folder, "tokenizer.json")
    tokens = _token_set(name, config, _read_json(folder, "tokenizer.json"), hashlib.sha256(tokenizer).hexdigest())
    spec = ImportSpec(
        folder=str(Path(folder).resolve()),
        weights=absolute(lake, f"{directory}/model.safetensors"),
        tokenizer_sha256=tokens.tokenizer_sha256,
    )
    found = {event["event"]: event for event in run_child("model.importing", "-", spec.model_dump_json())}["imported"]
    files.write_bytes(lake.absolute(f"{directory}/tokenizer.json"), tokenizer)
    files.write_bytes(lake.absolute(f"{directory}/tokens.json"), tokens.model_dump_json(indent=1).encode())
    row = {
        "training_id": hashlib.sha256(f"{name} {tokens.fingerprint}".encode()).hexdigest()[:16],
        "name": name,
        "config": json.dumps({"model": found["config"]}),
        "checkpoint": f"{directory}/model.safetensors",
        "finished_at": datetime.now(UTC).isoformat(),
    }
    files.write_bytes(lake.absolute(f"{directory}/model.json"), json.dumps(row, indent=1).encode())
    return {"name": name, "type": config["model_type"], "parameters": found["parameters"], "folder": folder}


def imported_models(lake: Lake) -> list[dict[str, Any]]:
    """What a training's row says of a model (id, name, config, checkpoint, time), of every imported one."""
    paths = files.list_files(lake.absolute(_DIRECTORY), "model.json")
    rows = []
    for path in paths:
        with files.open_read(path) as stream:
            row = json.loads(stream.read())
        rows.append(row | {"finished_at": datetime.fromisoformat(row["finished_at"])})
    return rows


def _token_set(name: str, config: Mapping[str, Any], tokenizer: Mapping[str, Any], digest: str) -> TokenSet:
    """What is to be known of the model's tokens; it has learned from none of ours. `digest`: the tokenizer's sha256."""
    specials = {token["content"]: token["id"] for token in tokenizer.get("added_tokens", [])}
    names = {number: token for token, number in specials.items()}
    end_id = _first(config.get("eos_token_id"), specials.get("[SEP]"), *names)
    pad_id = _first(config.get("pad_token_id"), end_id)
    if end_id not in names or pad_id not in names:
        raise UserError("the tokenizer has no special token that ends a text.", "config.json's eos_token_id names it.")
    if "vocab_size" not in config:
        raise UserError("config.json says no vocab_size.", "Is it the model's own, as transformers saved it?")
    encoder = [specials.get(token) for token in ("[CLS]", "[SEP]", "[MASK]")]
    length = config.get("max_position_embeddings") or config.get("n_positions") or 2048
    nothing = Split(files=(), sequences=0, total=Counts(), unique=Counts(), domains={})
    return TokenSet(
        name=name, fingerprint=digest[:16], corpus_fingerprint="",
        tokenizer_sha256=digest, vocab_size=config["vocab_size"], end_id=end_id,
        pad_id=pad_id, end_of_document=names[end_id], padding=names[pad_id], sequence_length=length, width=length,
        specials=specials, train=nothing, held_out=nothing,
        encoder=None if None in encoder else EncoderTokens(
            classification=specials["[CLS]"], separator=specials["[SEP]"], mask=specials["[MASK]"]
        ),
    )  # fmt: skip


def _first(*values: Any) -> int:
    """The first that is there; the first of a list."""
    found = next((value for value in values if value is not None), -1)
    return int(found[0] if isinstance(found, list) else found)


def _read_json(folder: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_read(folder, name))
    except ValueError as error:
        raise UserError(f"{name} in {folder} is not JSON: {error}.", "Is the folder whole?") from error
    if not isinstance(found, dict):
        raise UserError(f"{name} in {folder} is no JSON object.", "Is the folder whole?")
    return found


def _read(folder: str, name: str) -> bytes:
    path = join(folder, name)
    if not files.exists(path):
        raise UserError(f"there is no {name} in {folder}.", "A folder that transformers saved has one.")
    with files.open_read(path) as stream:
        return stream.read()
