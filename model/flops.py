"""Arithmetic of a training, counted: by the usual rule, and product by product."""

from __future__ import annotations

from model.config import ModelConfig

MFU_CONVENTION = (
    "(6 * matmul parameters + 12 * layers * n_heads * head_dim * sequence length) * tokens/s of the median step / "
    "rate of one large matrix product measured on the same device in the same precision; attention counted as if "
    "every position saw every other"
)
"""How MFU is counted here. Source: Chowdhery et al. 2022 (PaLM), appendix B."""


def matmul_parameters(config: ModelConfig) -> int:
    """Parameters that every token is multiplied by: no embeddings, norms or biases.

    The output matrix counts, shared with the embedding or not. Of a T5 both stacks count, as if a token went through
    either (it goes through one: an upper bound); of an ELMo the LSTMs and the output matrix, once for each direction.
    """
    if config.lstm is not None:
        layer = config.lstm.cells * 9 * config.d_model  # four gates of input and state, and the projection
        return 2 * (config.n_layers * layer + config.d_model * config.vocab_size)
    query_width, kv_width = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    matrices = 3 if config.activation in ("swiglu", "geglu") else 2
    attention = 2 * config.d_model * (query_width + kv_width)
    block = attention + matrices * config.d_model * config.hidden_dim
    head = config.d_model * config.vocab_size + config.decoder_layers * (block + attention)
    return config.n_layers * block + head + (config.d_model**2 if config.masked_head else 0)


def flops_per_token(config: ModelConfig, length: int) -> float:
    """Of a step, by the convention of `MFU_CONVENTION`: a product and a sum are two; backward is twice forward."""
    layers = 0 if config.lstm is not None else config.n_layers + 2 * config.decoder_layers
    return 6.0 * matmul_parameters(config) + 12.0 * layers * config.n_heads * config.head_dim * length


def exact_flops_per_token(config: ModelConfig, length: int) -> float:
    """What the products of a step need: as above, but a decoder's position sees only itself and those before it."""
    if config.kind != "decoder":
        return flops_per_token(config, length)
    seen = (length + 1) / 2
    return 6.0 * matmul_parameters(config) + 12.0 * config.n_layers * config.n_heads * config.head_dim * seen
