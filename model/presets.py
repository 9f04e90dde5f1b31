"""Models by name: published ones to count and budget, and small ones to train."""

from __future__ import annotations

import difflib
from types import MappingProxyType
from typing import Final

from model.config import ModelConfig
from model.parts import LstmConfig
from storage.errors import UserError

_LLAMA3: Final = ModelConfig(vocab_size=128_256, n_kv_heads=8, n_heads=32, d_model=4096, rope_base=500_000.0)
_LLAMA2: Final = ModelConfig(vocab_size=32_000, rope_base=10_000.0, ffn_multiple=256)


_GPT: Final = ModelConfig(
    vocab_size=50_257, max_positions=1024, norm="layer", activation="gelu_tanh", biases=True, positions="learned",
    tied_embeddings=True, init_std=0.02,
)  # fmt: skip
_BERT: Final = _GPT.model_copy(
    update={
        "vocab_size": 30_522, "max_positions": 512, "norm_first": False, "norm_eps": 1e-12, "activation": "gelu",
        "causal": False, "segments": 2,
    }
)  # fmt: skip
_CHINCHILLA: Final = ModelConfig(
    vocab_size=32_000, norm_eps=1e-6, activation="gelu_tanh", positions="transformer_xl", tied_embeddings=True
)
_T5: Final = ModelConfig(
    vocab_size=32_128, norm_eps=1e-6, activation="relu", positions="relative", scaled_attention=False,
    scaled_head=True, tied_embeddings=True, causal=False, max_positions=512,
)  # fmt: skip
_BART: Final = _BERT.model_copy(
    update={"vocab_size": 50_265, "max_positions": 1026, "norm_eps": 1e-5, "segments": 0}
)  # fmt: skip
_SMALL_LSTM: Final = LstmConfig(
    cells=256, filters=((1, 16), (2, 16), (3, 32), (4, 32)), highways=1, word_chars=16
)  # fmt: skip


def _sized(base: ModelConfig, d_model: int, n_layers: int, n_heads: int, **more: object) -> ModelConfig:
    """That family at one size, every query head with keys of its own."""
    sizes = {"d_model": d_model, "n_layers": n_layers, "n_heads": n_heads, "n_kv_heads": n_heads}
    return ModelConfig.model_validate({**base.model_dump(), **sizes, **more})


def _small(d_model: int, n_layers: int, n_heads: int) -> ModelConfig:
    """A rung of the ladder: head width 32 to 64, about half as many key heads as query heads."""
    return ModelConfig(d_model=d_model, n_layers=n_layers, n_heads=n_heads, n_kv_heads=n_heads // 2)


PRESETS: Final = MappingProxyType(
    {
        # Meta, 2024: "The Llama 3 Herd of Models", table 3
        "llama3-8b": _LLAMA3.model_copy(update={"n_layers": 32, "ffn_dim": 14_336}),
        "llama3-70b": _LLAMA3.model_copy(update={"d_model": 8192, "n_layers": 80, "n_heads": 64, "ffn_dim": 28_672}),
        "llama3-405b": _LLAMA3.model_copy(
            update={"d_model": 16_384, "n_layers": 126, "n_heads": 128, "ffn_dim": 53_248}
        ),
        # Touvron et al. 2023: "Llama 2"
        "llama2-7b": _sized(_LLAMA2, 4096, 32, 32),
        "llama2-70b": _sized(_LLAMA2, 8192, 80, 64, n_kv_heads=8, ffn_dim=28_672),
        # Touvron et al. 2023: "LLaMA", table 2
        "llama-7b": _sized(_LLAMA2, 4096, 32, 32, norm_eps=1e-6),
        "llama-65b": _sized(_LLAMA2, 8192, 80, 64, ffn_dim=22_016),
        # Radford et al. 2018: "Improving Language Understanding by Generative Pre-Training"
        "gpt1": _sized(_GPT, 768, 12, 12, vocab_size=40_478, max_positions=512, norm_first=False),
        # Radford et al. 2019: "Language Models are Unsupervised Multitask Learners", table 2
        "gpt2": _sized(_GPT, 768, 12, 12),
        "gpt2-medium": _sized(_GPT, 1024, 24, 16),
        "gpt2-large": _sized(_GPT, 1280, 36, 20),
        "gpt2-xl": _sized(_GPT, 1600, 48, 25),
        # Brown et al. 2020: "Language Models are Few-Shot Learners", table 2.1
        "gpt3-175b": _sized(_GPT, 12_288, 96, 96, max_positions=2048),
        # Devlin et al. 2019: "BERT", section 3: with the pooler for fine-tuning, or the head for pre-training
        "bert-base": _sized(_BERT, 768, 12, 12, pooler=True),
        "bert-base-mlm": _sized(_BERT, 768, 12, 12, masked_head=True),
        "bert-base-pretraining": _sized(_BERT, 768, 12, 12, masked_head=True, pooler=True, pair_head=True),
        "bert-large": _sized(_BERT, 1024, 24, 16, pooler=True),
        # Hoffmann et al. 2022: "Training Compute-Optimal Large Language Models", table 4; Gopher's network
        "chinchilla-70b": _sized(_CHINCHILLA, 8192, 80, 64),
        # Raffel et al. 2020: "Exploring the Limits of Transfer Learning", section 3.1.1 (the released 1.0 models)
        "t5-small": _sized(_T5, 512, 6, 8, ffn_dim=2048, decoder_layers=6),
        "t5-base": _sized(_T5, 768, 12, 12, ffn_dim=3072, decoder_layers=12),
        "t5-large": _sized(_T5, 1024, 24, 16, ffn_dim=4096, decoder_layers=24),
        # Lewis et al. 2019: "BART"; its tables of positions have two more than it uses
        "bart-base": _sized(_BART, 768, 6, 12, decoder_layers=6),
        # Peters et al. 2018: "Deep contextualized word representations"; without its 793,471-word softmax
        "elmo": ModelConfig(vocab_size=793_471, d_model=512, n_layers=2, lstm=LstmConfig(), lm_head=False),
        # ours: names give the parameters without embeddings, about
        "ladder-100k": _small(64, 2, 2),
        "ladder-300k": _small(96, 3, 4),
        "ladder-700k": _small(128, 4, 4),
        "ladder-2m": _small(192, 5, 6),
        "ladder-5m": _small(256, 7, 8),
        "ladder-10m": _small(384, 7, 8),
        "ladder-40m": _small(640, 9, 10),
        "ladder-90m": _small(768, 13, 12),
        "tiny": ModelConfig(),
        # the other kinds at sizes that train on two cores in minutes
        "tiny-gpt2": _sized(_GPT, 128, 3, 4, max_positions=2048, init_std=None),
        "tiny-bert": _sized(_BERT, 128, 3, 4, max_positions=2048, masked_head=True, init_std=None),
        "tiny-bert-pairs": _sized(
            _BERT, 128, 3, 4, max_positions=2048, masked_head=True, pooler=True, pair_head=True, init_std=None
        ),
        "tiny-t5": _sized(_T5, 128, 2, 4, decoder_layers=2),
        "tiny-elmo": ModelConfig(n_layers=2, lstm=_SMALL_LSTM),
    }
)
"""Name to configuration. The vocabulary of the small ones is whatever tokens they are trained on."""


def preset(name: str) -> ModelConfig:
    """The model of that name.

    Raises:
        UserError: There is none; names the nearest.
    """
    if name in PRESETS:
        return PRESETS[name]
    nearest = difflib.get_close_matches(name, PRESETS, 1)
    guess = f"Did you mean {nearest[0]}?" if nearest else f"There are: {', '.join(PRESETS)}."
    raise UserError(f"there is no model preset {name!r}.", guess)
