"""What a fine-tuning is told and what it tells: plain values, so that flows can plan without torch."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from model.config import Device
from storage.schema import Section

Task = Literal["classification", "pairs", "similarity", "tagging", "qa", "instruction"]

PRIMARY: dict[str, str] = {
    "classification": "accuracy",
    "pairs": "accuracy",
    "similarity": "spearman",
    "tagging": "entity_f1",
    "qa": "f1",
    "instruction": "exact_match",
}
"""The number a task is told by, and its best moment chosen by (instruction: chosen by the loss)."""

_BERT_PARAMS, _BERT_RATE, _RATE_EXPONENT = 110e6, 3e-5, -0.713
_LORA_FACTOR, _HEAD_RATE = 10.0, 3e-3


class LoraConfig(Section):
    """Low-rank updates of frozen matrices: W + alpha / rank · B A. Source: Hu et al. 2021, arXiv:2106.09685."""

    rank: int = Field(8, ge=1, description="rows of A, columns of B")
    alpha: float = Field(16.0, gt=0, description="the update is scaled by alpha / rank")
    targets: tuple[str, ...] = Field(
        ("q", "v"), min_length=1, description="matrices by the end of their name: q k v o gate up down"
    )


class FinetuneConfig(Section):
    """How a model learns a task."""

    mode: Literal["full", "frozen", "lora"] = Field(
        "full",
        description="all weights; none but a head over learned layer weights (ELMo's way); low-rank updates and head",
    )
    lora: LoraConfig = LoraConfig()
    pooling: Literal["auto", "first", "mean", "last"] = Field(
        "auto",
        description="what stands for a whole text; auto: BERT's pooler where there is one, the last token of a "
        "decoder (Radford et al. 2018), else the mean of all",
    )
    epochs: float = Field(4.0, gt=0, description="times every example is seen")
    min_steps: int = Field(150, ge=1, description="steps at least: of few examples more epochs")
    batch_examples: int = Field(32, ge=1, description="sequences a step")
    learning_rate: float | None = Field(
        None, gt=0, description="peak. null: 3e-5 for BERT-base, by Step Law's exponent for other sizes; see `rate_of`"
    )
    warmup_frac: float = Field(0.1, ge=0, le=1, description="share of the steps with a linear warm-up")
    weight_decay: float = Field(0.01, ge=0, description="decoupled, on matrices only")
    dropout: float = Field(0.1, ge=0, lt=1, description="of what the head reads")
    checks: int = Field(8, ge=1, description="times the choice split is asked; the best moment's weights are kept")
    choice_frac: float = Field(
        0.1, ge=0, lt=1, description="share of the training examples set aside to choose that moment; 0: the last"
    )
    max_tokens: int = Field(256, ge=16, description="longest sequence, special tokens included")
    stride_tokens: int = Field(32, ge=0, description="qa: tokens that neighbouring parts share, at most half")
    max_answer_tokens: int = Field(30, ge=1, description="qa: longest answer; instruction: tokens written")


def rate_of(config: FinetuneConfig, parameters: int) -> float:
    """The peak learning rate: given, or by rule for a model of so many parameters.

    Devlin et al. 2019 fine-tune 110M parameters at 2e-5 to 5e-5; other sizes by Step Law's exponent of N (Li et al.
    2025). LoRA's is ten times that (Hu et al. 2021, table 11 against BERT's); a head alone learns at 3e-3.
    """
    if config.learning_rate is not None:
        return config.learning_rate
    full = _BERT_RATE * math.pow(parameters / _BERT_PARAMS, _RATE_EXPONENT)
    rate = {"full": full, "lora": _LORA_FACTOR * full, "frozen": _HEAD_RATE}[config.mode]
    return float(f"{min(rate, _HEAD_RATE):.2g}")


class Item(Section):
    """A sequence and what is asked of it; see `pipeline.labelled.encoding.Encoded`, whose fields these are."""

    example: int
    ids: tuple[int, ...]
    second_at: int
    places: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()
    value: float | None = None
    offsets: tuple[tuple[int, int], ...] = ()


class Reference(Section):
    """What an answer is cut from, and those accepted; qa."""

    context: str
    answers: tuple[str, ...]


class Side(Section):
    """Examples to learn from, or to be measured on: items by example, and of qa their references by example."""

    items: tuple[Item, ...]
    references: tuple[Reference, ...] = ()


class Attempt(Section):
    """One fine-tuning of several on the same data.

    Attributes of `rows` and `choice` are examples of the training side.
    """

    pretrained: bool = Field(description="False: from random weights of the same shape, drawn with the seed")
    seed: int = Field(ge=0, description="of head, order, dropout, and of random weights")
    rows: tuple[int, ...] = Field(min_length=1, description="examples to learn from")
    choice: tuple[int, ...] = Field((), description="examples to choose the best moment by")
    out_dir: str = Field("", description="for the weights; empty: they are not kept")


class FinetuneSpec(Section):
    """All a fine-tuning process is told."""

    weights: str = Field(description="absolute path of a model.safetensors")
    tokenizer_sha256: str
    task: Task
    classes: tuple[str, ...] = Field((), description="names of classes or tags, by number")
    config: FinetuneConfig
    pad_id: int
    end_id: int = Field(description="token that ends what a decoder writes")
    train: Side
    measure: Side
    attempts: tuple[Attempt, ...]
    rates: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (),
        description="peaks to learn at instead of the configuration's; each attempt keeps what its choice split likes",
    )
    threads: int = Field(0, ge=0, description="CPU threads; 0: every core it may use")
    device: Device = "auto"


WEIGHTS = "task.safetensors"
"""The file of a kept fine-tuning, in a folder of its own."""


class KeptModel(Section):
    """What kept weights belong to: the header of `task.safetensors`."""

    task: Task
    classes: tuple[str, ...]
    config: FinetuneConfig
    tokenizer_sha256: str
    mean: float = Field(0.0, description="similarity: of the training examples' numbers")
    deviation: float = 1.0
    pretrained: bool = Field(True, description="False: what is not kept of the body are the seed's random weights")
    seed: int = 0


class PredictSpec(Section):
    """What a process is told first that applies a kept fine-tuning; `Items` follow, some examples' at a time."""

    task_weights: str = Field(description="absolute path of a task.safetensors")
    weights: str = Field(description="absolute path of the model.safetensors that was fine-tuned")
    pad_id: int
    end_id: int = Field(description="token that ends what a decoder writes")
    threads: int = Field(0, ge=0, description="CPU threads; 0: every core it may use")
    device: Device = "auto"


class Items(Section):
    """Sequences of some examples, numbered from 0."""

    items: tuple[Item, ...] = Field(min_length=1, description="by example; targets, where there are any, are not read")


class Prediction(Section):
    """What a kept fine-tuning says of one example; what its task does not give is left out."""

    example: int
    probabilities: tuple[float, ...] = Field((), description="classification, pairs: by class")
    value: float | None = Field(None, description="similarity")
    tags: tuple[int, ...] = Field((), description="tagging: numbers of the likeliest tags, by word")
    tag_probabilities: tuple[float, ...] = Field((), description="of those tags")
    span: tuple[int, int] | None = Field(None, description="qa: characters of the context; null: no place for one")
    probability: float | None = Field(None, description="qa: of that span among all valid spans of all parts")
    written: tuple[int, ...] = Field((), description="instruction: ids")


class Check(Section):
    """The choice split, asked at one moment; its loss is of the training examples since the last one."""

    step: int
    loss: float
    score: float | None = Field(description="null: there is no choice split")


class Tried(Section):
    """One rate of several, and what the choice split said at its best moment."""

    learning_rate: float
    score: float
    loss: float


class FinetuneResult(Section):
    """What one attempt found."""

    attempt: int
    metrics: dict[str, float] = Field(description="on the measured side, by name")
    low: float | None = Field(description="95 % interval of the primary one over examples, by bootstrap")
    high: float | None
    predictions: tuple[str, ...] = Field(description="by example of the measured side")
    written: tuple[tuple[int, ...], ...] = Field((), description="instruction: ids written, by example")
    steps: int
    best_step: int
    learning_rate: float
    checks: tuple[Check, ...]
    params_total: int
    params_trained: int
    layer_weights: tuple[float, ...] = Field((), description="frozen: what each layer counts, from the embedding up")
    tried: tuple[Tried, ...] = Field((), description="where several rates were; tokens, FLOP, seconds are of them all")
    tokens_seen: int = Field(description="padding left out")
    flops: float
    seconds: float
    device: str
