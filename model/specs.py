"""What processes that train, write, export and import are told, and what a training found: plain values, no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from model.config import Device, ModelConfig, TrainConfig
from storage.schema import Section


class TrainingSpec(Section):
    """All a training process is told. Paths are absolute."""

    tokens_dir: str
    out_dir: str = Field(description="for checkpoints, weights and result.json")
    stem_dir: str = Field("", description="for what trainings of other lengths share with this one; empty: none")
    model: ModelConfig
    train: TrainConfig
    threads: int = Field(0, ge=0, description="CPU threads of a rank; 0: every core it may use")
    device: Device = "auto"


class CurvePoint(Section):
    """One point of a training curve; `step` counts from 1."""

    step: int
    tokens: int
    loss: float
    learning_rate: float


class DomainLoss(Section):
    """Loss on one domain's held-out text; `domain` is empty where domains share sequences."""

    domain: str
    loss: float = Field(description="nats a token")
    bits_per_byte: float


class TrainingResult(Section):
    """What a training process found: the content of `result.json`. Losses in nats a token; null: not measured."""

    params_total: int
    params_non_embedding: int
    params_matmul: int
    steps: int
    train_tokens: int
    batch_tokens: int
    train_loss: float
    eval_loss: float
    eval_bits_per_byte: float
    eval_domains: tuple[DomainLoss, ...]
    wall_seconds: float
    step_tokens_per_second: float = Field(description="of the median step: without starting, compiling, saving")
    loader_wait_frac: float = Field(description="share of the steps' time spent waiting for a batch")
    memory_bytes: int
    flops_exact: float
    device: str
    device_flops: float | None
    mfu: float | None
    mfu_convention: str
    ranks: int
    precision: str
    batches_digest: str = Field(description="over the digests of all batches, in order")
    events: tuple[str, ...]
    weights: str = Field(description="file name within out_dir")
    curve: tuple[CurvePoint, ...]


class ExportSpec(Section):
    """All an exporting process is told. Paths are absolute."""

    weights: str = Field(description="a model.safetensors of a training")
    task_weights: str = Field("", description="a task.safetensors of a fine-tuning of it, which is exported then")
    out_dir: str = Field(description="folder to write")
    max_positions: int = Field(ge=1, description="longest sequence the model was trained on")
    end_id: int = Field(ge=0, description="token that ends a document")
    pad_id: int = Field(ge=0, description="token that only fills")


class ImportSpec(Section):
    """All an importing process is told. Paths are absolute."""

    folder: str = Field(description="with config.json and safetensors, as transformers saves them")
    weights: str = Field(description="model.safetensors to write")
    tokenizer_sha256: str = Field(description="digest of the model's tokenizer.json")


class GenerationSpec(Section):
    """All a generating process is told."""

    weights: str = Field(description="absolute path of a model.safetensors")
    prompts: tuple[Annotated[tuple[int, ...], Field(min_length=1)], ...] = Field(min_length=1)
    max_tokens: int = Field(100, ge=1)
    temperature: float = Field(0.8, ge=0, description="0: always the likeliest token")
    top_k: int = Field(0, ge=0, description="only the k likeliest; 0: all")
    top_p: float = Field(0.95, gt=0, le=1, description="only the likeliest that make up this probability")
    min_p: float = Field(0.0, ge=0, le=1, description="only those at least this share as likely as the likeliest")
    repetition_penalty: float = Field(1.0, gt=0, description="over 1: tokens already there become less likely")
    beams: int = Field(1, ge=1, description="over 1: the best text of a search that keeps so many, nothing drawn")
    length_penalty: float = Field(1.0, description="of beams: over 0 favours long texts")
    seed: int = Field(0, ge=0, description="of what is drawn; each further prompt has the next one")
    stop_id: int | None = Field(None, description="token that ends the text")
    pad_id: int = Field(0, ge=0, description="token that fills; a T5's decoder begins with it")
    why: int = Field(0, ge=0, description="candidates to tell of each place")
    device: Device = "auto"
    precision: Literal["auto", "float32", "bf16"] = Field(
        "auto", description="of weights and kept keys; auto: bf16 on a GPU, float32 on a CPU"
    )
    compile: bool = Field(
        False, description="torch.compile, of each step: on a GPU for long texts, since it takes its time at the start"
    )
    threads: int = Field(0, ge=0)
