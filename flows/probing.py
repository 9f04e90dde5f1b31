"""A look into a trained model, kept in the lake for the report: one passage, step by step through the network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from flows.child import run_child
from flows.generation import find_training, load_language
from flows.training_task import absolute
from model.config import ModelConfig
from model.probing import ProbeSpec
from model.token_set import TokenSet
from pipeline.tokens import Tokenizer
from storage import files, schema
from storage.errors import UserError
from storage.lake import Lake, fingerprint
from storage.shards import read_table, write_table

VERSION = 1
"""Raised when a look tells something else; part of its id."""
PASSAGE_TOKENS = 24


def probe_training(lake: Lake, training: str = "latest", text: str = "") -> dict[str, Any]:
    """Look into a training's model unless that is done; its `EVALUATIONS` row, with all it saw in `details`.

    Args:
        lake: Where trainings are.
        training: Id, its beginning, the name of a training, or "latest".
        text: The passage; by default the beginning of a held-out document.

    Raises:
        UserError: No such training, a passage of fewer than two tokens, or a model that is no single stack.
    """
    row = find_training(lake, training)
    directory = row["checkpoint"].rpartition("/")[0]
    tokenizer, tokens = load_language(lake, directory)
    config = ModelConfig(**json.loads(row["config"])["model"])
    ids = tokenizer.encode(text).tolist() if text else _held_out_ids(lake, tokens)
    spec = _spec(lake, row, tokens, config, ids[:PASSAGE_TOKENS])
    evaluation_id = fingerprint("probe", VERSION, row["training_id"], spec.model_copy(update={"weights": ""}))
    path = lake.evaluation_path(evaluation_id)
    if not files.exists(lake.absolute(path)):
        found = next(run_child("model.probe", "-", spec.model_dump_json()))
        pieces = {token: _piece(tokenizer, token) for token in sorted(_tokens_told(found))}
        told = {key: value for key, value in found.items() if key != "event"} | {"pieces": pieces}
        written = _row(evaluation_id, row["name"], told)
        write_table(lake.root, path, "evaluations", pa.Table.from_pylist([written], schema.EVALUATIONS))
    seen: dict[str, Any] = read_table(lake.absolute(path)).to_pylist()[0]
    return seen


def read_probes(lake: Lake) -> list[dict[str, Any]]:
    """Every look's `details`, newest first, with the training's `name`; JSON already read."""
    rows = [
        row for uri in lake.files_of("evaluations") for row in read_table(uri).to_pylist() if row["kind"] == "probe"
    ]
    rows.sort(key=lambda row: (row["finished_at"], row["evaluation_id"]), reverse=True)
    return [json.loads(row["details"]) | {"name": row["name"]} for row in rows]


def _spec(lake: Lake, row: dict[str, Any], tokens: TokenSet, config: ModelConfig, ids: list[int]) -> ProbeSpec:
    encoder = tokens.encoder
    if len(ids) < 2:
        raise UserError("a passage of fewer than two tokens shows nothing.", "Give a longer --text.")
    special = tuple(sorted({tokens.end_id, tokens.pad_id, *tokens.specials.values()}))
    if config.causal or encoder is None:
        ids, mask = [tokens.end_id, *ids], None
    else:
        ids, mask = [encoder.classification, *ids, encoder.separator], encoder.mask
    rate = json.loads(row["config"])["train"]["learning_rate"]
    return ProbeSpec(
        weights=absolute(lake, row["checkpoint"]), ids=tuple(ids), mask_id=mask, special_ids=special, learning_rate=rate
    )


def _held_out_ids(lake: Lake, tokens: TokenSet) -> list[int]:
    """The first held-out document's tokens, marks left out."""
    directory = lake.tokens_dir(tokens.name, tokens.fingerprint)
    special = {tokens.end_id, tokens.pad_id, *tokens.specials.values()}
    kind = np.dtype("<u2" if tokens.vocab_size <= 2**16 else "<u4")
    for name in tokens.held_out.files:
        for row in read_table(lake.absolute(f"{directory}/{name}"), ["tokens"]).to_pylist():
            ids = [token for token in np.frombuffer(row["tokens"], kind).tolist() if token not in special]
            if len(ids) >= 2:
                return ids
    raise UserError("no document was held out.", "Give a passage with --text.")


def _tokens_told(found: dict[str, Any]) -> set[int]:
    """Ids that the report will have to spell."""
    distributions = [*found["next"], *found.get("written", {}).get("steps", [])]
    distributions += [one["said"] for one in found.get("masked", [])]
    named = [
        *found["ids"],
        *found.get("written", {}).get("ids", []),
        *(one["shown"] for one in found.get("masked", [])),
    ]
    return {*named, *(token for one in distributions for token, _ in one["top"])}


def _piece(tokenizer: Tokenizer, token: int) -> str:
    return tokenizer.decode([token])


def _row(evaluation_id: str, name: str, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "evaluation_id": evaluation_id,
        "kind": "probe",
        "name": name,
        "part": told["kind"],
        "metric": "loss of the passage",
        "value": told["update"]["before"],
        "unit": "nats a token",
        "details": json.dumps(told),
        "finished_at": datetime.now(UTC),
    }
