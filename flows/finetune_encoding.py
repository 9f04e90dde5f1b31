"""Examples as the child process that learns or applies a task is told them: ids, between the model's own marks."""

from __future__ import annotations

from collections.abc import Sequence

from model.config import ModelConfig
from model.finetune.config import FinetuneConfig, Item, Reference, Side
from model.objective_config import added_ids, objective_of
from model.parts import ObjectiveConfig
from model.token_set import TokenSet
from pipeline.labelled.encoding import Marks, encode_examples
from pipeline.labelled.examples import Asked, Example
from pipeline.tokens import Tokenizer


def marks_of(model: ModelConfig, tokens: TokenSet) -> Marks:
    """The special tokens around texts: an encoder's own; else what ends documents, as in pre-training."""
    if model.kind != "encoder":
        return Marks(tokens.end_id, tokens.end_id, tokens.end_id)
    if tokens.encoder is not None:
        return Marks(tokens.encoder.classification, tokens.encoder.separator, tokens.encoder.separator)
    objective = ObjectiveConfig()
    names = tokens.specials | added_ids(tokens, objective_of(model, objective), objective)
    return Marks(names["[CLS]"], names["[SEP]"], names["[SEP]"])


def side_of(
    examples: Sequence[Example], tokenizer: Tokenizer, marks: Marks, classes: Sequence[str], config: FinetuneConfig
) -> Side:
    """Examples as a child process is told them."""
    numbers = {name: number for number, name in enumerate(classes)}
    encoded = encode_examples(examples, tokenizer, marks, numbers, config.max_tokens, config.stride_tokens)
    items = tuple(
        Item.model_construct(
            example=one.example, ids=one.ids, second_at=one.second_at, places=one.places, targets=one.targets,
            value=one.value, offsets=one.offsets,
        )
        for one in encoded
    )  # fmt: skip
    references = tuple(
        Reference(context=example.context, answers=tuple(text for _, text in example.answers))
        for example in examples
        if isinstance(example, Asked)
    )
    return Side.model_construct(items=items, references=references)
