"""Arithmetic of a training, counted: by the usual rule, and product by product."""

from __future__ import annotations

from model.config import ModelConfig
from model.parts import ObjectiveConfig

MFU_CONVENTION = (
    "(6 * matmul parameters + 12 * layers * n_heads * head_dim * sequence length) * tokens/s of the median step / "
    "rate of one large matrix product measured on the same device in the same precision; attention counted as if "
    "every position saw every other"
)
"""How MFU is counted here. Source: Chowdhery et al. 2022 (PaLM), appendix B."""


def matmul_parameters(config: ModelConfig) -> int:
    """Parameters that every token is multiplied by: no embeddings, norms or biases.

    The output matrix counts, shared with the embedding or not. Of a T5 or BART both stacks count, as if a token went
    through either (it goes through one: an upper bound); of an ELMo the LSTMs and the output matrix, once for each
    direction, and not its letters, which are read once a word of a batch.
    """
    if config.lstm is not None:
        layer = config.lstm.cells * 9 * config.d_model  # four gates of input and state, and the projection
        return 2 * (config.n_layers * layer + (config.d_model * config.vocab_size if config.lm_head else 0))
    block, across, read = _block(config), _across(config), _read_by_decoder(config)
    return config.n_layers * block + _head(config) + config.decoder_layers * (block + across + read)


def flops_per_token(config: ModelConfig, length: int) -> float:
    """Of a step, by the convention of `MFU_CONVENTION`: a product and a sum are two; backward is twice forward."""
    layers = 0 if config.lstm is not None else config.n_layers + 2 * config.decoder_layers
    return 6.0 * matmul_parameters(config) + 12.0 * layers * config.n_heads * config.head_dim * length


def exact_flops_per_token(config: ModelConfig, length: int, objective: ObjectiveConfig | None = None) -> float:
    """What the products of a step need, a stored token.

    As above, but a decoder's position sees only itself and those before it; an encoder's output matrix meets only the
    hidden tokens; of a T5 or BART a token is either read by the encoder or written by the decoder, and a hidden span
    has one more token on both sides; Transformer-XL scores by distance too, half as much again (its vectors of
    distances are made once a batch, and not counted). A row is taken as one document: packed ones that do not see each
    other take less.
    """
    objective = objective or ObjectiveConfig()
    products = 3 if config.positions == "transformer_xl" else 2  # scores, and sums of values
    width, hidden = 6.0 * products * config.n_heads * config.head_dim, objective.hidden_frac
    if config.kind == "decoder":
        return 6.0 * matmul_parameters(config) + width * config.n_layers * (length + 1) / 2
    if config.kind == "encoder":
        return flops_per_token(config, length) - 6.0 * (1 - hidden) * _head(config)
    if config.kind == "bilstm":
        return flops_per_token(config, length)
    marks = hidden / objective.mean_span
    read, written = 1 - hidden + marks, hidden + marks
    block, layers = _block(config), config.decoder_layers
    encoder = config.n_layers * (6.0 * block + width * read * length) + 6.0 * layers * _read_by_decoder(config)
    decoder = layers * (6.0 * (block + _across(config)) + width * (written * length + 1) / 2 + width * read * length)
    return read * encoder + written * (decoder + 6.0 * _head(config))


def _block(config: ModelConfig) -> int:
    """Attention and feed-forward part."""
    query_width, kv_width = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    return config.d_model * (2 * (query_width + kv_width) + (3 if config.gated else 2) * config.hidden_dim)


def _across(config: ModelConfig) -> int:
    """Queries and output of a decoder's attention to the encoder: what it writes is multiplied by them."""
    return 2 * config.d_model * config.n_heads * config.head_dim


def _read_by_decoder(config: ModelConfig) -> int:
    """Keys and values of that attention: what was read is multiplied by them."""
    return 2 * config.d_model * config.n_kv_heads * config.head_dim


def _head(config: ModelConfig) -> int:
    return config.d_model * config.vocab_size + (config.d_model**2 if config.masked_head else 0)
