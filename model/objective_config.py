"""What a model is trained to do, and which ids that takes beside the tokenizer's own: plain values, no torch."""

from __future__ import annotations

from typing import Final, Literal

from model.config import ModelConfig
from model.parts import ObjectiveConfig
from model.token_set import TokenSet
from storage.errors import UserError

Kind = Literal["causal", "masked", "masked_pairs", "span_corruption", "bidirectional"]

_KINDS: Final[dict[str, tuple[Kind, ...]]] = {  # the first is what "auto" means
    "decoder": ("causal",),
    "encoder": ("masked", "masked_pairs"),
    "encoder_decoder": ("span_corruption",),
    "bilstm": ("bidirectional",),
}


def objective_of(model: ModelConfig, objective: ObjectiveConfig) -> Kind:
    """The objective of a training, "auto" resolved by the kind of model.

    Raises:
        UserError: This kind of model cannot be trained to do that.
    """
    possible = _KINDS[model.kind]
    if objective.kind == "auto":
        return "masked_pairs" if model.pair_head else possible[0]
    if objective.kind not in possible:
        named = {"encoder_decoder": "an encoder with a decoder", "bilstm": "an LSTM of both directions"}
        raise UserError(
            f"{named.get(model.kind, f'a model that is a {model.kind}')} cannot be trained by {objective.kind!r}.",
            f"Set training.objective.kind to {' or '.join(possible)}.",
        )
    if objective.kind == "masked_pairs" and not model.pair_head:
        raise UserError("this model has nothing to judge pairs with.", "Set model.pair_head=true, model.pooler=true.")
    return objective.kind


def added_ids(tokens: TokenSet, kind: Kind, objective: ObjectiveConfig) -> dict[str, int]:
    """Special tokens that the objective needs and the tokenizer has not: names and ids, behind the tokenizer's own."""
    wanted: list[str] = []
    if kind in ("masked", "masked_pairs") and tokens.encoder is None:
        wanted = ["[CLS]", "[SEP]", "[MASK]"]
    elif kind == "span_corruption":
        wanted = sentinel_names(objective)
    missing = [name for name in wanted if name not in tokens.specials]
    return {name: tokens.vocab_size + number for number, name in enumerate(missing)}


def sentinel_names(objective: ObjectiveConfig) -> list[str]:
    """T5's names of what stands for hidden spans."""
    return [f"<extra_id_{number}>" for number in range(objective.sentinels)]


def training_model(model: ModelConfig, tokens: TokenSet, objective: ObjectiveConfig) -> ModelConfig:
    """The model with the vocabulary that training it on these tokens takes.

    Raises:
        UserError: This kind of model cannot be trained to do that.
    """
    added = added_ids(tokens, objective_of(model, objective), objective)
    return model.model_copy(update={"vocab_size": tokens.vocab_size + len(added)})
