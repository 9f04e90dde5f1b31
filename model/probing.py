"""What a look into a model is told: plain values, so that flows can ask without torch."""

from __future__ import annotations

from pydantic import Field

from storage.schema import Section


class ProbeSpec(Section):
    """All a looking process is told."""

    weights: str = Field(description="absolute path of a model.safetensors")
    ids: tuple[int, ...] = Field(min_length=2, description="a passage; its first id is never predicted")
    mask_id: int | None = Field(None, description="stands for a token to guess; encoders need it")
    special_ids: tuple[int, ...] = Field((), description="never masked, never drawn")
    learning_rate: float = Field(1e-3, gt=0, description="of the one step taken")
    write_tokens: int = Field(16, ge=1, description="tokens a decoder writes on from the passage's first half")
    top: int = Field(40, ge=1, description="likeliest tokens told of a distribution; the others by histogram")
    seed: int = Field(0, ge=0)
    threads: int = Field(0, ge=0)
