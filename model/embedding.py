"""What a process that gives contextual vectors is told: plain values, so that flows can ask without torch."""

from __future__ import annotations

from pydantic import Field, model_validator

from model.config import Device
from storage.schema import Section


class EmbedSpec(Section):
    """All such a process is told. A passage's span is the word: its vector is the mean over the span's positions."""

    weights: str = Field(description="absolute path of a model.safetensors")
    passages: tuple[tuple[int, ...], ...] = Field(min_length=1, description="token ids")
    spans: tuple[tuple[int, int, int], ...] = Field(
        description="of each passage: first position of the word, the one behind its last, number of its group"
    )
    out: str = Field(description="absolute path of the .npy to write: float32[groups, layers + 1, width]")
    batch_tokens: int = Field(16_384, ge=1, description="tokens at once, padding counted")
    threads: int = Field(0, ge=0)
    device: Device = "auto"

    @model_validator(mode="after")
    def _spans_fit(self) -> EmbedSpec:
        if len(self.spans) != len(self.passages):
            raise ValueError("a span a passage")
        for ids, (start, stop, group) in zip(self.passages, self.spans, strict=True):
            if not 0 <= start < stop <= len(ids) or group < 0:
                raise ValueError(f"no span of {len(ids)} tokens: {start}, {stop}, group {group}")
        return self
