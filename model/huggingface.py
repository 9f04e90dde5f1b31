"""Models as `transformers` names them: configuration and weights, both ways, for Llama, GPT-2 and BERT.

What is written is what `AutoModelForCausalLM` and `AutoModelForMaskedLM` load: config.json and model.safetensors.
Source: transformers, models/{llama,gpt2,bert}/modeling_*.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from model.config import ModelConfig
from model.transformer import Transformer
from storage.errors import UserError

State = dict[str, Tensor]

_RENAMED = {
    "llama": {
        "embedding.": "model.embed_tokens.", "norm.": "model.norm.", "head.": "lm_head.", "blocks.": "model.layers.",
        "attention.q.": "self_attn.q_proj.", "attention.k.": "self_attn.k_proj.", "attention.v.": "self_attn.v_proj.",
        "attention.o.": "self_attn.o_proj.", "attention_norm.": "input_layernorm.",
        "feed_forward_norm.": "post_attention_layernorm.", "feed_forward.gate.": "mlp.gate_proj.",
        "feed_forward.up.": "mlp.up_proj.", "feed_forward.down.": "mlp.down_proj.",
    },
    "gpt2": {
        "embedding.": "transformer.wte.", "position_embedding.": "transformer.wpe.", "norm.": "transformer.ln_f.",
        "head.": "lm_head.", "blocks.": "transformer.h.", "attention.qkv.": "attn.c_attn.",
        "attention.o.": "attn.c_proj.", "attention_norm.": "ln_1.", "feed_forward_norm.": "ln_2.",
        "feed_forward.up.": "mlp.c_fc.", "feed_forward.down.": "mlp.c_proj.",
    },
    "bert": {
        "embedding.": "bert.embeddings.word_embeddings.", "position_embedding.": "bert.embeddings.position_embeddings.",
        "segment_embedding.": "bert.embeddings.token_type_embeddings.", "embedding_norm.": "bert.embeddings.LayerNorm.",
        "pooler.": "bert.pooler.dense.", "blocks.": "bert.encoder.layer.", "attention.q.": "attention.self.query.",
        "attention.k.": "attention.self.key.", "attention.v.": "attention.self.value.",
        "attention.o.": "attention.output.dense.", "attention_norm.": "attention.output.LayerNorm.",
        "feed_forward_norm.": "output.LayerNorm.", "feed_forward.up.": "intermediate.dense.",
        "feed_forward.down.": "output.dense.", "masked_head.dense.": "cls.predictions.transform.dense.",
        "masked_head.norm.": "cls.predictions.transform.LayerNorm.", "head.": "cls.predictions.decoder.",
        "head.bias": "cls.predictions.bias",
    },
}  # fmt: skip
"""Family to our name of a module and theirs; of a block's module without its block's number."""


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
    }
    if parts not in families:
        raise UserError("no architecture of transformers is made of these parts.", "Llama's, GPT-2's and BERT's are.")
    return families[parts]


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


def to_state(config: ModelConfig, state: Mapping[str, Tensor]) -> State:
    """Our weights under their names; a matrix shared with the embedding is left out, as they do."""
    family = family_of(config)
    ours = {name: weight for name, weight in state.items() if not (config.tied_embeddings and name == "head.weight")}
    if family == "gpt2":
        ours = dict(_joined(ours))
    return {_their_name(name, family): weight.contiguous() for name, weight in ours.items()}


def from_state(config: ModelConfig, state: Mapping[str, Tensor]) -> State:
    """Their weights under our names, the shared matrix under both of its own.

    Raises:
        UserError: A weight is missing or has no place here.
    """
    family = family_of(config)
    if family == "bert":  # a model without a head is saved without the prefix
        state = {name if name.startswith(("bert.", "cls.")) else f"bert.{name}": w for name, w in state.items()}
    wanted = {_their_name(name, family): name for name in _names(config)}
    missing, extra = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys() - _ignored(state))
    if missing or extra:
        raise UserError(f"weights that do not fit: missing {missing[:3]}, unknown {extra[:3]}.", "Check config.json.")
    ours = {ours: state[theirs] for theirs, ours in wanted.items()}
    if family == "gpt2":
        ours = dict(_parted(ours))
    if config.tied_embeddings:
        ours["head.weight"] = ours["embedding.weight"]
    return ours


def _names(config: ModelConfig) -> list[str]:
    """Names of the weights of a model as they are stored: GPT-2's queries, keys and values joined, none shared."""
    with torch.device("meta"):  # the modules know best which weights there are
        state = Transformer(config).state_dict()
    names = [name for name in state if not (config.tied_embeddings and name == "head.weight")]
    if family_of(config) != "gpt2":
        return names
    kept = [name for name in names if ".attention.k." not in name and ".attention.v." not in name]
    return [name.replace(".attention.q.", ".attention.qkv.") for name in kept]


def _ignored(state: Mapping[str, Tensor]) -> set[str]:
    """What older files hold beside weights, and second names of shared ones."""
    ends = ("position_ids", "rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias")
    shared = {"lm_head.weight", "cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
    return {name for name in state if name.endswith(ends) or name in shared}


def _their_name(name: str, family: str) -> str:
    renamed = _RENAMED[family]
    if name.startswith("blocks."):
        _, number, rest = name.split(".", 2)
        module, _, kind = rest.rpartition(".")
        return f"{renamed['blocks.']}{number}.{renamed[f'{module}.']}{kind}"
    module, _, kind = name.rpartition(".")
    return renamed.get(name) or f"{renamed[f'{module}.']}{kind}"


def _joined(state: State) -> Iterator[tuple[str, Tensor]]:
    """GPT-2's form: queries, keys and values in one matrix, and matrices the other way round (inputs first)."""
    for name, weight in state.items():
        if ".attention.q." in name:
            parts = [state[name.replace(".attention.q.", f".attention.{part}.")] for part in "qkv"]
            joined = torch.cat(parts)
            yield name.replace(".attention.q.", ".attention.qkv."), joined.T if joined.ndim == 2 else joined
        elif ".attention.k." not in name and ".attention.v." not in name:
            yield name, weight.T if weight.ndim == 2 and name.startswith("blocks.") else weight


def _parted(state: State) -> Iterator[tuple[str, Tensor]]:
    for name, weight in state.items():
        turned = weight.T if weight.ndim == 2 and name.startswith("blocks.") else weight
        if ".attention.qkv." in name:
            for part, piece in zip("qkv", turned.chunk(3), strict=True):
                yield name.replace(".attention.qkv.", f".attention.{part}."), piece.contiguous()
        else:
            yield name, turned.contiguous()


def _write_llama(config: ModelConfig) -> dict[str, Any]:
    return {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": config.vocab_size,
        "hidden_size": config.d_model, "intermediate_size": config.hidden_dim,
        "num_hidden_layers": config.n_layers, "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads, "head_dim": config.head_dim, "hidden_act": "silu",
        "rms_norm_eps": config.norm_eps, "rope_theta": config.rope_base,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base},
        "tie_word_embeddings": config.tied_embeddings, "attention_bias": False, "mlp_bias": False,
        "max_position_embeddings": config.max_positions, "torch_dtype": "float32",
    }  # fmt: skip


def _read_llama(values: Mapping[str, Any]) -> ModelConfig:
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    plain = rope.get("rope_type", rope.get("type", "default")) == "default"
    if not plain or values.get("attention_bias") or values.get("mlp_bias") or values.get("hidden_act") != "silu":
        raise UserError(
            "this Llama has scaled rotary positions, biases or another activation.", "Plain ones can be read."
        )
    return ModelConfig(
        vocab_size=values["vocab_size"], d_model=values["hidden_size"], n_layers=values["num_hidden_layers"],
        n_heads=values["num_attention_heads"],
        n_kv_heads=values.get("num_key_value_heads") or values["num_attention_heads"],
        ffn_dim=values["intermediate_size"], norm_eps=values["rms_norm_eps"],
        rope_base=rope.get("rope_theta") or values.get("rope_theta") or 10_000.0,
        tied_embeddings=values.get("tie_word_embeddings", False),
        max_positions=values.get("max_position_embeddings", 2048),
    )  # fmt: skip


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
    return {
        "model_type": "bert", "architectures": ["BertForMaskedLM" if config.masked_head else "BertModel"],
        "vocab_size": config.vocab_size, "hidden_size": config.d_model, "intermediate_size": config.hidden_dim,
        "num_hidden_layers": config.n_layers, "num_attention_heads": config.n_heads, "hidden_act": "gelu",
        "max_position_embeddings": config.max_positions, "type_vocab_size": config.segments,
        "layer_norm_eps": config.norm_eps, "tie_word_embeddings": config.tied_embeddings,
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "torch_dtype": "float32",
    }  # fmt: skip


def _read_bert(values: Mapping[str, Any]) -> ModelConfig:
    masked = "BertForMaskedLM" in (values.get("architectures") or [])
    return ModelConfig(
        vocab_size=values["vocab_size"], d_model=values["hidden_size"], n_layers=values["num_hidden_layers"],
        n_heads=values["num_attention_heads"], n_kv_heads=values["num_attention_heads"],
        ffn_dim=values["intermediate_size"], max_positions=values["max_position_embeddings"],
        segments=values["type_vocab_size"], norm_eps=values["layer_norm_eps"],
        tied_embeddings=values.get("tie_word_embeddings", True), norm="layer", norm_first=False, activation="gelu",
        biases=True, positions="learned", causal=False, masked_head=masked, pooler=not masked,
    )  # fmt: skip


class _Family(NamedTuple):
    """How a family's config.json is written and read."""

    write: Callable[[ModelConfig], dict[str, Any]]
    read: Callable[[Mapping[str, Any]], ModelConfig]


_FAMILIES = {
    "llama": _Family(_write_llama, _read_llama),
    "gpt2": _Family(_write_gpt2, _read_gpt2),
    "bert": _Family(_write_bert, _read_bert),
}
