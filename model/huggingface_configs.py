"""config.json of `transformers`, both ways, for Llama, GPT-2, BERT, T5 and BART.

Source: transformers, models/{llama,gpt2,bert,t5,bart}/configuration_*.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from model.config import ModelConfig
from model.parts import RopeScaling
from storage.errors import UserError

_BART_EPS = 1e-5
"""It has no key for it in config.json."""


def family_of(config: ModelConfig) -> str:
    """The architecture of `transformers` that computes the same.

    Raises:
        UserError: There is none for this mixture of parts.
    """
    parts = (config.norm, config.norm_first, config.activation, config.biases, config.positions, config.causal)
    families = {
        ("rms", True, "swiglu", False, "rotary", True): "llama",
        ("layer", True, "gelu_tanh", True, "learned", True): "gpt2",
        ("layer", False, "gelu", True, "learned", False): "bert",
        ("rms", True, "relu", False, "relative", False): "t5",
        ("rms", True, "geglu", False, "relative", False): "t5",
    }
    family = families.get(parts)
    crossed = config.kind == "encoder_decoder"
    if family == "bert" and crossed and config.norm_eps == _BART_EPS and not config.segments:
        family = "bart"
    if family is None or config.lstm is not None or (family in ("t5", "bart")) != crossed:
        raise UserError(
            "no architecture of transformers is made of these parts.", f"There are: {', '.join(_FAMILIES)}."
        )
    return family


def to_config(config: ModelConfig) -> dict[str, Any]:
    """The content of config.json."""
    return _FAMILIES[family_of(config)].write(config)


def from_config(values: Mapping[str, Any]) -> ModelConfig:
    """The model a config.json describes.

    Raises:
        UserError: Another architecture, or a variant of it that is not built here.
    """
    family = values.get("model_type", "unknown")
    if family not in _FAMILIES:
        raise UserError(f"models of type {family} cannot be read.", f"These can: {', '.join(_FAMILIES)}.")
    return _FAMILIES[family].read(values)


def _write_llama(config: ModelConfig) -> dict[str, Any]:
    return {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": config.vocab_size,
        "hidden_size": config.d_model, "intermediate_size": config.hidden_dim,
        "num_hidden_layers": config.n_layers, "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads, "head_dim": config.head_dim, "hidden_act": "silu",
        "rms_norm_eps": config.norm_eps, "rope_theta": config.rope_base,
        "rope_parameters": _write_rope(config),
        "tie_word_embeddings": config.tied_embeddings, "attention_bias": False, "mlp_bias": False,
        "max_position_embeddings": config.max_positions, "torch_dtype": "float32",
    }  # fmt: skip


def _read_llama(values: Mapping[str, Any]) -> ModelConfig:
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    if values.get("attention_bias") or values.get("mlp_bias") or values.get("hidden_act") != "silu":
        raise UserError("this Llama has biases or another activation.", "Plain ones can be read.")
    width = values.get("head_dim")
    return ModelConfig(
        vocab_size=values["vocab_size"], d_model=values["hidden_size"], n_layers=values["num_hidden_layers"],
        n_heads=values["num_attention_heads"],
        n_kv_heads=values.get("num_key_value_heads") or values["num_attention_heads"],
        ffn_dim=values["intermediate_size"], norm_eps=values["rms_norm_eps"],
        rope_base=rope.get("rope_theta") or values.get("rope_theta") or 10_000.0,
        tied_embeddings=values.get("tie_word_embeddings", False), rope_scaling=_read_rope(rope),
        head_width=None if width in (None, values["hidden_size"] // values["num_attention_heads"]) else width,
        max_positions=values.get("max_position_embeddings", 2048),
    )  # fmt: skip


def _write_rope(config: ModelConfig) -> dict[str, Any]:
    scaling = config.rope_scaling
    values: dict[str, Any] = {"rope_type": scaling.kind if scaling else "default", "rope_theta": config.rope_base}
    if scaling is not None:
        values["factor"] = scaling.factor
        if scaling.kind == "llama3":
            values |= {"low_freq_factor": scaling.low_freq_factor, "high_freq_factor": scaling.high_freq_factor}
            values["original_max_position_embeddings"] = scaling.original_positions
    return values


def _read_rope(rope: Mapping[str, Any]) -> RopeScaling | None:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    if kind == "linear":
        return RopeScaling(kind="linear", factor=rope["factor"])
    if kind == "llama3":
        return RopeScaling(
            kind="llama3", factor=rope["factor"], low_freq_factor=rope["low_freq_factor"],
            high_freq_factor=rope["high_freq_factor"], original_positions=rope["original_max_position_embeddings"],
        )  # fmt: skip
    raise UserError(f"rotary positions scaled by {kind!r} cannot be read.", "These can: default, linear, llama3.")


def _write_gpt2(config: ModelConfig) -> dict[str, Any]:
    return {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": config.vocab_size,
        "n_embd": config.d_model, "n_inner": config.hidden_dim, "n_layer": config.n_layers, "n_head": config.n_heads,
        "n_positions": config.max_positions, "activation_function": "gelu_new",
        "layer_norm_epsilon": config.norm_eps, "tie_word_embeddings": config.tied_embeddings,
        "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "torch_dtype": "float32",
    }  # fmt: skip


def _read_gpt2(values: Mapping[str, Any]) -> ModelConfig:
    return ModelConfig(
        vocab_size=values["vocab_size"], d_model=values["n_embd"], n_layers=values["n_layer"],
        n_heads=values["n_head"], n_kv_heads=values["n_head"], ffn_dim=values.get("n_inner"),
        max_positions=values.get("n_positions") or values["n_ctx"], norm_eps=values.get("layer_norm_epsilon", 1e-5),
        tied_embeddings=values.get("tie_word_embeddings", True), norm="layer", activation="gelu_tanh", biases=True,
        positions="learned",
    )  # fmt: skip


def _write_bert(config: ModelConfig) -> dict[str, Any]:
    kinds = {(True, True): "BertForPreTraining", (True, False): "BertForMaskedLM"}
    return {
        "model_type": "bert", "architectures": [kinds.get((config.masked_head, config.pair_head), "BertModel")],
        "vocab_size": config.vocab_size, "hidden_size": config.d_model, "intermediate_size": config.hidden_dim,
        "num_hidden_layers": config.n_layers, "num_attention_heads": config.n_heads, "hidden_act": "gelu",
        "max_position_embeddings": config.max_positions, "type_vocab_size": config.segments,
        "layer_norm_eps": config.norm_eps, "tie_word_embeddings": config.tied_embeddings,
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "torch_dtype": "float32",
    }  # fmt: skip


def _read_bert(values: Mapping[str, Any]) -> ModelConfig:
    architectures = values.get("architectures") or []
    pairs = "BertForPreTraining" in architectures
    masked = pairs or "BertForMaskedLM" in architectures
    return ModelConfig(
        vocab_size=values["vocab_size"], d_model=values["hidden_size"], n_layers=values["num_hidden_layers"],
        n_heads=values["num_attention_heads"], n_kv_heads=values["num_attention_heads"],
        ffn_dim=values["intermediate_size"], max_positions=values["max_position_embeddings"],
        segments=values["type_vocab_size"], norm_eps=values["layer_norm_eps"],
        tied_embeddings=values.get("tie_word_embeddings", True), norm="layer", norm_first=False, activation="gelu",
        biases=True, positions="learned", causal=False, masked_head=masked, pooler=pairs or not masked,
        pair_head=pairs,
    )  # fmt: skip


def _write_t5(config: ModelConfig) -> dict[str, Any]:
    return {
        "model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "vocab_size": config.vocab_size,
        "d_model": config.d_model, "d_kv": config.head_dim, "d_ff": config.hidden_dim, "num_layers": config.n_layers,
        "num_decoder_layers": config.decoder_layers, "num_heads": config.n_heads,
        "relative_attention_num_buckets": config.relative_buckets,
        "relative_attention_max_distance": config.relative_distance, "layer_norm_epsilon": config.norm_eps,
        "feed_forward_proj": "relu" if config.activation == "relu" else "gated-gelu", "is_encoder_decoder": True,
        "tie_word_embeddings": config.scaled_head,  # read as whether the output is scaled
        "n_positions": config.max_positions, "dropout_rate": 0.0, "torch_dtype": "float32",
    }  # fmt: skip


def _read_t5(values: Mapping[str, Any]) -> ModelConfig:
    activations: dict[str, Literal["relu", "geglu"]] = {"relu": "relu", "gated-gelu": "geglu"}
    name = values.get("feed_forward_proj", "relu")
    if name not in activations:
        raise UserError(f"a T5 with activation {name!r} cannot be read.", "These can: relu, gated-gelu.")
    scaled = values.get("scale_decoder_outputs", values.get("tie_word_embeddings") is not False)
    width = values["d_kv"]
    return ModelConfig(
        vocab_size=values["vocab_size"], d_model=values["d_model"], n_layers=values["num_layers"],
        decoder_layers=values.get("num_decoder_layers") or values["num_layers"], n_heads=values["num_heads"],
        n_kv_heads=values["num_heads"], ffn_dim=values["d_ff"], activation=activations[name],
        head_width=None if width * values["num_heads"] == values["d_model"] else width,
        relative_buckets=values.get("relative_attention_num_buckets", 32),
        relative_distance=values.get("relative_attention_max_distance", 128),
        norm_eps=values.get("layer_norm_epsilon", 1e-6), tied_embeddings=scaled, scaled_head=scaled,
        scaled_attention=False, positions="relative", causal=False, max_positions=values.get("n_positions", 512),
    )  # fmt: skip


def _write_bart(config: ModelConfig) -> dict[str, Any]:
    heads, width = config.n_heads, config.hidden_dim
    return {
        "model_type": "bart", "architectures": ["BartForConditionalGeneration"], "vocab_size": config.vocab_size,
        "d_model": config.d_model, "encoder_layers": config.n_layers, "decoder_layers": config.decoder_layers,
        "encoder_attention_heads": heads, "decoder_attention_heads": heads, "encoder_ffn_dim": width,
        "decoder_ffn_dim": width, "activation_function": "gelu", "max_position_embeddings": config.max_positions,
        "scale_embedding": False, "is_encoder_decoder": True, "tie_word_embeddings": config.tied_embeddings,
        "forced_eos_token_id": None, "dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0,
        "torch_dtype": "float32",
    }  # fmt: skip


def _read_bart(values: Mapping[str, Any]) -> ModelConfig:
    heads, width = values["encoder_attention_heads"], values["encoder_ffn_dim"]
    if values.get("scale_embedding") or values.get("activation_function", "gelu") != "gelu":
        raise UserError("this BART scales its embeddings or has another activation.", "Plain ones can be read.")
    if (values["decoder_attention_heads"], values["decoder_ffn_dim"]) != (heads, width):
        raise UserError("this BART's decoder has other sizes than its encoder.", "Only the layers may differ.")
    return ModelConfig(
        vocab_size=values["vocab_size"], d_model=values["d_model"], n_layers=values["encoder_layers"],
        decoder_layers=values["decoder_layers"], n_heads=heads, n_kv_heads=heads, ffn_dim=width,
        max_positions=values["max_position_embeddings"], norm_eps=_BART_EPS,
        tied_embeddings=values.get("tie_word_embeddings", True), norm="layer", norm_first=False, activation="gelu",
        biases=True, positions="learned", causal=False,
    )  # fmt: skip


class _Family(NamedTuple):
    """How a family's config.json is written and read."""

    write: Callable[[ModelConfig], dict[str, Any]]
    read: Callable[[Mapping[str, Any]], ModelConfig]


_FAMILIES = {
    "llama": _Family(_write_llama, _read_llama),
    "gpt2": _Family(_write_gpt2, _read_gpt2),
    "bert": _Family(_write_bert, _read_bert),
    "t5": _Family(_write_t5, _read_t5),
    "bart": _Family(_write_bart, _read_bart),
}
