"""What a scoring process is told: plain values, so that flows can ask without torch."""

from __future__ import annotations

from pydantic import Field

from model.config import Device
from storage.schema import Section


class ScoreSpec(Section):
    """All a scoring process is told."""

    weights: str = Field(description="absolute path of a model.safetensors")
    requests: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = Field(
        description="token ids of a context, never empty, and of what follows"
    )
    max_positions: int = Field(ge=2, description="positions a model sees; longer contexts lose their beginning")
    batch_tokens: int = Field(16_384, ge=1, description="tokens scored at once, padding counted")
    threads: int = Field(0, ge=0)
    device: Device = "auto"


class PseudoSpec(Section):
    """All a process is told that finds an encoder's pseudo-likelihoods."""

    weights: str = Field(description="absolute path of a model.safetensors")
    documents: tuple[tuple[int, ...], ...] = Field(description="token ids of each")
    head: tuple[int, ...] = Field(description="ids before what is shown of a document")
    tail: tuple[int, ...] = Field(description="ids behind it")
    mask_id: int = Field(description="stands for the token asked for")
    max_positions: int = Field(ge=3, description="positions a model sees, head and tail among them")
    batch_tokens: int = Field(16_384, ge=1, description="tokens scored at once")
    threads: int = Field(0, ge=0)
    device: Device = "auto"
