"""Which network a configuration means."""

from __future__ import annotations

from model.bilstm import BiLstm
from model.config import ModelConfig
from model.encoder_decoder import EncoderDecoder
from model.transformer import Transformer
from storage.errors import UserError

LanguageModel = Transformer | EncoderDecoder | BiLstm


def build_model(config: ModelConfig, seed: int = 0) -> LanguageModel:
    """A model of that shape with initial weights; the same seed gives the same weights on every machine."""
    if config.kind == "bilstm":
        return BiLstm(config, seed)
    return EncoderDecoder(config, seed) if config.kind == "encoder_decoder" else Transformer(config, seed)


def fresh_like(model: LanguageModel, seed: int) -> LanguageModel:
    """Random weights of the same shape; how tokens are spelt is no weight."""
    fresh = build_model(model.config, seed)
    if isinstance(fresh, BiLstm) and isinstance(model, BiLstm):
        fresh.letters.copy_(model.letters)
    return fresh


def as_transformer(model: LanguageModel) -> Transformer:
    """The model, if it is a single stack.

    Raises:
        UserError: It is a T5 or an ELMo.
    """
    if not isinstance(model, Transformer):
        raise UserError("this asks for a decoder or an encoder of one stack.", "T5's and ELMo's kinds are others.")
    return model
