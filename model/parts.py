"""Settings within a model's and a training's: stretched positions, ELMo's letters and cells, objectives. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from storage.schema import Section


class RopeScaling(Section):
    """Rotary positions stretched over more text than a model was first trained on.

    Source: Chen et al. 2023, arXiv:2306.15595 (linear); Dubey et al. 2024 (llama3: slow angles are stretched, fast
    ones kept, those between blended).
    """

    kind: Literal["linear", "llama3"] = "linear"
    factor: float = Field(8.0, ge=1, description="how many times as far; Llama 3.1: 8")
    low_freq_factor: float = Field(1.0, gt=0, description="llama3: fewer turns over the old length are stretched")
    high_freq_factor: float = Field(4.0, gt=0, description="llama3: more turns than this are kept")
    original_positions: int = Field(8_192, ge=1, description="llama3: the length trained on before")


class LstmConfig(Section):
    """What ELMo has in place of attention: words read letter by letter, then LSTMs of both directions.

    Source: Peters et al. 2018, arXiv:1802.05365; Kim et al. 2016, arXiv:1508.06615 (filters, highway layers).
    """

    cells: int = Field(4_096, ge=1, description="cells of each LSTM; d_model is what they are projected to")
    char_ids: int = Field(262, ge=262, description="256 bytes, six marks: word begin and end, sentence, padding...")
    char_dim: int = Field(16, ge=1, description="width of a character's vector")
    word_chars: int = Field(50, ge=4, description="characters read of a word, its two marks included")
    filters: tuple[tuple[int, int], ...] = Field(
        ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024)),
        min_length=1,
        description="width in characters and number of each kind of filter",
    )
    highways: int = Field(2, ge=0, description="highway layers between filters and projection")


class ObjectiveConfig(Section):
    """What a model is trained to do."""

    kind: Literal["auto", "causal", "masked", "masked_pairs", "span_corruption", "bidirectional"] = Field(
        "auto",
        description="next token (decoders); masked tokens, and whether two pieces follow each other (encoders); hidden "
        "spans (T5); both directions (ELMo). auto: the first that fits the model",
    )
    document_masking: bool = Field(True, description="documents packed into one sequence do not see each other")
    restart_positions: bool = Field(False, description="learned positions count from each document's beginning")
    hidden_frac: float = Field(0.15, gt=0, lt=1, description="share of the tokens asked for (Devlin et al. 2019; T5)")
    kept_frac: float = Field(0.1, ge=0, le=1, description="masked: share of those that stay as they are")
    random_frac: float = Field(0.1, ge=0, le=1, description="masked: share of those that become any other token")
    whole_words: bool = Field(False, description="masked: all tokens of a word or none")
    mean_span: float = Field(3.0, ge=1, description="span_corruption: mean tokens of a span (Raffel et al. 2020)")
    sentinels: int = Field(100, ge=1, description="span_corruption: ids for spans; more are not hidden in a document")
    z_loss: float = Field(0.0, ge=0, description="times log² of the softmax's denominator; PaLM: 1e-4")

    @model_validator(mode="after")
    def _shares_fit(self) -> ObjectiveConfig:
        if self.kept_frac + self.random_frac > 1:
            raise ValueError("kept_frac and random_frac are shares of the same tokens: together at most 1")
        return self
