"""A kept fine-tuning as `transformers` names it: `AutoModelForSequenceClassification`, `...TokenClassification`,
`...QuestionAnswering`, and for instructions what the model itself is.

Only what computes the same is written. Their classifiers of texts read BERT's pooler, or a decoder's last token without
a bias, which ours has; a learned mix of layers (frozen features) has no place there.
Source: transformers, modeling_layers.py and models/{bert,gpt2,llama}/modeling_*.py.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from model.finetune.config import KeptModel
from model.finetune.heads import TaskModel
from model.finetune.lora import merge_lora
from model.huggingface import State, to_state
from model.huggingface_configs import family_of, to_config
from storage.errors import UserError

_PREFIX = {"bert": "bert.", "gpt2": "transformer.", "llama": "model."}
_NAMES = {"bert": "Bert", "gpt2": "GPT2", "llama": "Llama"}
_KINDS = {
    "classification": "SequenceClassification", "pairs": "SequenceClassification",
    "similarity": "SequenceClassification", "tagging": "TokenClassification", "qa": "QuestionAnswering",
}  # fmt: skip


def to_transformers(model: TaskModel, about: KeptModel, max_positions: int) -> tuple[dict[str, Any], State]:
    """config.json and weights; updates of low rank are added in.

    Args:
        model: As `model.finetune.kept.load` gives it; it is changed.
        about: What was kept with it.
        max_positions: Longest sequence of a model without learned positions.

    Raises:
        UserError: There is nothing in transformers that computes the same.
    """
    merge_lora(model.body)
    shape = model.body.config
    family = family_of(shape)
    _check(model, family)
    learned = shape.positions == "learned"
    config = to_config(shape if learned else shape.model_copy(update={"max_positions": max_positions}))
    state = to_state(shape, model.body.state_dict())
    if model.head is None:
        return config, state
    head = model.head.weight.detach(), model.head.bias.detach()
    kind, names = _KINDS[model.task], list(about.classes)
    if model.task == "similarity":  # learned with mean 0 and deviation 1
        head, names = (head[0] * about.deviation, head[1] * about.deviation + about.mean), ["score"]
        config["problem_type"] = "regression"
    if model.task != "qa":
        config |= {"id2label": dict(enumerate(names)), "label2id": {name: n for n, name in enumerate(names)}}
        config["classifier_dropout"] = about.config.dropout
    config |= {"architectures": [f"{_NAMES[family]}For{kind}"]}
    return config, _body(state, family, kind) | _head(head, family, kind)


def _check(model: TaskModel, family: str) -> None:
    if model.mix is not None:
        raise UserError("a mix of a frozen model's layers has no place in transformers.", "Export mode full or lora.")
    if model.task == "instruction":
        return
    if family not in _PREFIX:
        raise UserError(f"a {family} with such a head has no place in transformers as it is here.")
    if model.task not in ("tagging", "qa") and (family != "bert" or model.pooling != "pooler"):
        raise UserError(
            "transformers' classifiers of texts read BERT's pooler, or a decoder's last token without a bias.",
            "This one does neither: fine-tune a BERT with a pooler, or apply it with `winnow predict`.",
        )


def _body(state: State, family: str, kind: str) -> State:
    """Without the heads of pre-training, and a pooler only where it is read."""
    prefix = _PREFIX[family]
    kept = {name: weight for name, weight in state.items() if name.startswith(prefix)}
    if kind != "SequenceClassification":
        kept = {name: weight for name, weight in kept.items() if not name.startswith("bert.pooler.")}
    if family == "llama" and kind == "QuestionAnswering":  # its body has another name there
        kept = {f"transformer.{name.removeprefix(prefix)}": weight for name, weight in kept.items()}
    return kept


def _head(head: tuple[Tensor, Tensor], family: str, kind: str) -> State:
    name = "qa_outputs" if kind == "QuestionAnswering" else "score" if family == "llama" else "classifier"
    return {f"{name}.{part}": weight.contiguous() for part, weight in zip(("weight", "bias"), head, strict=True)}
