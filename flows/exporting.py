"""A training of the lake to a folder that `transformers` loads: model, tokenizer and their configurations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from flows.child import run_child
from flows.finetune_encoding import marks_of
from flows.generation import find_training
from flows.predicting import Kept, find_kept
from flows.training_task import absolute
from model.config import ModelConfig
from model.objective_config import added_ids, objective_of
from model.parts import ObjectiveConfig
from model.specs import ExportSpec
from model.token_set import TokenSet
from pipeline.labelled.encoding import Marks
from storage import files
from storage.errors import UserError
from storage.lake import Lake
from storage.outputs import prepare_output
from storage.uris import join

Given = Literal["texts", "prompt", "source"]
"""What a fine-tuned model is shown: texts whole, a prompt to go on from, a prompt in a T5's encoder."""


def export(lake: Lake, training: str, out_dir: str, finetuning: str | None = None) -> dict[str, Any]:
    """Write the folder; what was written, and of which training.

    Args:
        lake: Where trainings are.
        training: Id, its beginning, the name of a training, or "latest".
        finetuning: Id or data set of a kept fine-tuning, which is written then; its tokenizer puts the special tokens
            around texts as the fine-tuning did.
        out_dir: A folder of this machine that does not hold another model.

    Raises:
        UserError: No such training, a folder in use, or a model that transformers has no architecture for.
    """
    kept = find_kept(lake, finetuning) if finetuning else None
    row = kept.training if kept else find_training(lake, training)
    if files.exists(join(out_dir, "config.json")):
        raise UserError(f"{out_dir} holds a model already.", "Name another folder, or remove it.")
    directory = row["checkpoint"].rpartition("/")[0]
    with files.open_read(lake.absolute(f"{directory}/tokens.json")) as stream:
        tokens = TokenSet.model_validate_json(stream.read())
    with files.open_read(lake.absolute(f"{directory}/tokenizer.json")) as stream:
        _write_tokenizer(stream.read(), row, tokens, kept, out_dir)
    spec = ExportSpec(
        weights=absolute(lake, row["checkpoint"]),
        task_weights=absolute(lake, kept.weights) if kept else "",
        out_dir=str(Path(out_dir).resolve()),
        max_positions=tokens.sequence_length,
        end_id=tokens.end_id,
        pad_id=tokens.pad_id,
    )
    try:
        written = {event["event"]: event for event in run_child("model.export", "-", spec.model_dump_json())}
    except UserError:  # there is no such model in transformers: a tokenizer alone is of no use
        for name in ("tokenizer.json", "tokenizer_config.json"):
            files.remove(join(out_dir, name))
        raise
    name = kept.row["part"] if kept else row["name"]
    return {"training": row["training_id"], "name": name, **written["exported"], "folder": out_dir}


def _write_tokenizer(content: bytes, row: dict[str, Any], tokens: TokenSet, kept: Kept | None, out_dir: str) -> None:
    """The training's tokenizer with all special tokens, and what transformers is to know of it."""
    added = _added(row, tokens)
    tokenizer = _extended(content, added)
    if kept:
        model = ModelConfig.model_validate(json.loads(row["config"])["model"])
        given: Given = "texts" if kept.task != "instruction" else "prompt" if model.kind == "decoder" else "source"
        tokenizer = with_marks(tokenizer, marks_of(model, tokens), given)
    prepare_output(join(out_dir, "tokenizer.json"))
    files.write_bytes(join(out_dir, "tokenizer.json"), tokenizer)
    settings = json.dumps(_tokenizer_settings(tokens, added), indent=2)
    files.write_bytes(join(out_dir, "tokenizer_config.json"), settings.encode())


def _added(row: dict[str, Any], tokens: TokenSet) -> dict[str, int]:
    """Special tokens that the training put behind the tokenizer's own: names and ids."""
    config = json.loads(row["config"])
    if "train" not in config:
        return {}
    objective = ObjectiveConfig.model_validate(config["train"].get("objective", {}))
    return added_ids(tokens, objective_of(ModelConfig.model_validate(config["model"]), objective), objective)


def _extended(tokenizer: bytes, added: Mapping[str, int]) -> bytes:
    """A tokenizer.json with further special tokens."""
    if not added:
        return tokenizer
    spec = json.loads(tokenizer)
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    spec["added_tokens"] += [{"id": number, "content": name, **plain} for name, number in added.items()]
    return json.dumps(spec, ensure_ascii=False, indent=1).encode()


def with_marks(tokenizer: bytes, marks: Marks, given: Given) -> bytes:
    """A tokenizer.json that puts the marks around a text, or two; only before a prompt, only behind a T5's source."""
    spec = json.loads(tokenizer)
    names = {token["id"]: token["content"] for token in spec["added_tokens"]}
    missing = sorted({marks.first, marks.between, marks.last} - names.keys())
    if missing:
        raise UserError(
            f"the tokenizer has no special token of id {missing[0]}, which the fine-tuning put around texts."
        )
    first, between, last = (names[number] for number in (marks.first, marks.between, marks.last))
    single = [_special(first, 0), _sequence("A", 0), _special(last, 0)]
    single = {"texts": single, "prompt": single[:-1], "source": single[1:]}[given]
    pair = [_special(first, 0), _sequence("A", 0), _special(between, 0), _sequence("B", 1), _special(last, 1)]
    ids = {name: number for number, name in names.items() if name in (first, between, last)}
    template = {
        "type": "TemplateProcessing", "single": single, "pair": pair,
        "special_tokens": {name: {"id": name, "ids": [number], "tokens": [name]} for name, number in ids.items()},
    }  # fmt: skip
    before = spec.get("post_processor")
    spec["post_processor"] = {"type": "Sequence", "processors": [before, template]} if before else template
    return json.dumps(spec, ensure_ascii=False, indent=1).encode()


def _special(name: str, segment: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": name, "type_id": segment}}


def _sequence(name: str, segment: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": segment}}


def _tokenizer_settings(tokens: TokenSet, added: Mapping[str, int]) -> dict[str, Any]:
    names = {number: name for name, number in {**tokens.specials, **added}.items()}
    encoder = tokens.encoder
    special: dict[str, Any] = {}
    if encoder:
        special = {"cls_token": names[encoder.classification], "sep_token": names[encoder.separator],
                   "mask_token": names[encoder.mask]}  # fmt: skip
    elif "[MASK]" in added:
        special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    elif added:
        special = {"additional_special_tokens": [*added]}
    return special | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens.end_of_document,  # a document begins after the end of another
        "eos_token": tokens.end_of_document,
        "pad_token": tokens.padding,
        "model_max_length": tokens.sequence_length,
        "clean_up_tokenization_spaces": False,
    }
