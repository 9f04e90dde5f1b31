"""Weights as `transformers` names them, both ways: Llama, GPT-2, BERT, T5 and BART; see `huggingface_configs` too.

What is written is what `AutoModelForCausalLM`, `AutoModelForMaskedLM` and `AutoModelForSeq2SeqLM` load.
Source: transformers, models/{llama,gpt2,bert,t5,bart}/modeling_*.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from model.build import build_model
from model.config import ModelConfig
from model.huggingface_configs import family_of
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
        "pooler.": "bert.pooler.dense.", "pair_head.": "cls.seq_relationship.",
        "blocks.": "bert.encoder.layer.", "attention.q.": "attention.self.query.",
        "attention.k.": "attention.self.key.", "attention.v.": "attention.self.value.",
        "attention.o.": "attention.output.dense.", "attention_norm.": "attention.output.LayerNorm.",
        "feed_forward_norm.": "output.LayerNorm.", "feed_forward.up.": "intermediate.dense.",
        "feed_forward.down.": "output.dense.", "masked_head.dense.": "cls.predictions.transform.dense.",
        "masked_head.norm.": "cls.predictions.transform.LayerNorm.", "head.": "cls.predictions.decoder.",
        "head.bias": "cls.predictions.bias",
    },
    "t5": {
        "embedding.": "shared.", "head.": "lm_head.", "norm.": "final_layer_norm.", "blocks.": "block.",
        "relative_bias.": "block.0.layer.0.SelfAttention.relative_attention_bias.",
        "attention_norm.": "layer.0.layer_norm.", "cross_norm.": "layer.1.layer_norm.",
        "feed_forward_norm.": "layer.{last}.layer_norm.", "feed_forward.gate.": "layer.{last}.DenseReluDense.wi_0.",
        "feed_forward.up.": "layer.{last}.DenseReluDense.wi{_1}.",
        "feed_forward.down.": "layer.{last}.DenseReluDense.wo.",
        **{f"attention.{part}.": f"layer.0.SelfAttention.{part}." for part in "qkvo"},
        **{f"cross_attention.{part}.": f"layer.1.EncDecAttention.{part}." for part in "qkvo"},
    },
    "bart": {
        "embedding.": "model.shared.", "head.": "lm_head.", "position_embedding.": "embed_positions.",
        "embedding_norm.": "layernorm_embedding.", "blocks.": "layers.", "attention_norm.": "self_attn_layer_norm.",
        "cross_norm.": "encoder_attn_layer_norm.", "feed_forward_norm.": "final_layer_norm.",
        "feed_forward.up.": "fc1.", "feed_forward.down.": "fc2.",
        "attention.o.": "self_attn.out_proj.", "cross_attention.o.": "encoder_attn.out_proj.",
        **{f"attention.{part}.": f"self_attn.{part}_proj." for part in "qkv"},
        **{f"cross_attention.{part}.": f"encoder_attn.{part}_proj." for part in "qkv"},
    },
}  # fmt: skip
"""Family to our name of a module and theirs; of a block's module without its block's number."""

_UNUSED_POSITIONS = 2
"""Rows at the head of BART's tables of positions that no position uses."""
_BART_BIAS = "final_logits_bias"
"""Zeros in every BART that was not made otherwise by hand: no weight, but saved as one."""


def to_state(config: ModelConfig, state: Mapping[str, Tensor]) -> State:
    """Our weights under their names; a matrix shared with the embedding is left out, as they do."""
    family = family_of(config)
    ours = {name: weight for name, weight in state.items() if not (config.tied_embeddings and name == "head.weight")}
    if family == "gpt2":
        ours = dict(_joined(ours))
    if family == "bart":
        return _to_bart(config, ours, whole="head.weight" in state)
    return {_their_name(name, config): weight.contiguous() for name, weight in ours.items()}


def from_state(config: ModelConfig, state: Mapping[str, Tensor]) -> State:
    """Their weights under our names, the shared matrix under both of its own.

    Raises:
        UserError: A weight is missing or has no place here.
    """
    family = family_of(config)
    if family == "bert":  # a model without a head is saved without the prefix
        state = {name if name.startswith(("bert.", "cls.")) else f"bert.{name}": w for name, w in state.items()}
    if family == "bart":
        state = _from_bart(state)
    if family == "t5":  # versions differ in whether a shared matrix is written once or under its other names
        state = {"lm_head.weight": state.get("shared.weight", torch.zeros(0)), **state}
        state = {name: w for name, w in state.items() if not name.endswith(".embed_tokens.weight")}
    wanted = {_their_name(name, config): name for name in _names(config)}
    missing, extra = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys() - _ignored(state))
    if missing or extra:
        raise UserError(f"weights that do not fit: missing {missing[:3]}, unknown {extra[:3]}.", "Check config.json.")
    ours = {ours: state[theirs] for theirs, ours in wanted.items()}
    if family == "gpt2":
        ours = dict(_parted(ours))
    if config.tied_embeddings:
        ours["head.weight"] = ours["embedding.weight"]
    return ours


def _to_bart(config: ModelConfig, ours: State, whole: bool) -> State:
    state = {_their_name(name, config): weight.contiguous() for name, weight in ours.items()}
    for name, weight in state.items():
        if name.endswith(".embed_positions.weight"):
            state[name] = torch.cat([weight.new_zeros(_UNUSED_POSITIONS, weight.shape[1]), weight])
    return state | ({_BART_BIAS: torch.zeros(1, config.vocab_size)} if whole else {})


def _from_bart(state: Mapping[str, Tensor]) -> State:
    bias = state.get(_BART_BIAS)
    if bias is not None and bool(bias.any()):
        raise UserError("this BART adds a bias to its logits.", "Plain ones can be read.")
    kept = {name: w for name, w in state.items() if name != _BART_BIAS and not name.endswith(".embed_tokens.weight")}
    return {
        name: w[_UNUSED_POSITIONS:].contiguous() if name.endswith(".embed_positions.weight") else w
        for name, w in kept.items()
    }


def _names(config: ModelConfig) -> list[str]:
    """Names of the weights of a model as they are stored: GPT-2's queries, keys and values joined, none shared."""
    with torch.device("meta"):  # the modules know best which weights there are
        state = build_model(config).state_dict()
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


def _their_name(name: str, config: ModelConfig) -> str:
    renamed = _RENAMED[family_of(config)]
    if name.startswith(("encoder.", "decoder.")) and family_of(config) == "bart":
        stack, _, rest = name.partition(".")
        return f"model.{stack}.{_their_name(rest, config)}"
    if name.startswith(("encoder.", "decoder.")):  # T5: two stacks, whose last part is the second or the third
        stack, _, rest = name.partition(".")
        found = _their_name(rest, config).replace("{last}", "1" if stack == "encoder" else "2")
        return f"{stack}.{found.replace('{_1}', '_1' if config.gated else '')}"
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
