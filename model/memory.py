"""Parameters and memory of a model, by formula: no torch, no weights, exact to the unit."""

from __future__ import annotations

from dataclasses import dataclass

from model.config import ModelConfig


@dataclass(frozen=True)
class ParameterCount:
    """Parameters by where they are.

    Attributes:
        embedding: Token, position and segment embeddings, and their norm.
        blocks: Attention, feed-forward and norms of all blocks, and the last norm.
        head: Output head, a pooler included; nothing for a matrix it shares with the embedding.
    """

    embedding: int
    blocks: int
    head: int

    @property
    def total(self) -> int:
        """Every parameter, each once: what model cards call the size."""
        return self.embedding + self.blocks + self.head

    @property
    def non_embedding(self) -> int:
        """All but the embeddings: the output head, a matrix every token is multiplied by, is counted."""
        return self.blocks + self.head


def count_parameters(config: ModelConfig) -> ParameterCount:
    """Exact parameter counts of a model; tests hold them against the modules."""
    width, table = config.d_model, config.vocab_size * config.d_model
    norm = width * (2 if config.norm == "layer" else 1)
    kv_width = config.n_kv_heads * config.head_dim
    attention = 2 * _matrix(config, width, width) + 2 * _matrix(config, width, kv_width)
    inner = (2 if config.activation == "swiglu" else 1) * _matrix(config, width, config.hidden_dim)
    block = attention + inner + _matrix(config, config.hidden_dim, width) + 2 * norm
    blocks = config.n_layers * block + (norm if config.norm_first else 0)
    learned = config.max_positions if config.positions == "learned" else 0
    embedding = table + (learned + config.segments) * width
    if not config.causal and not config.norm_first:
        embedding += norm
    head = 0 if config.tied_embeddings else table
    if config.masked_head:
        head += width * (width + 1) + norm + config.vocab_size
    if config.pooler:
        head += width * (width + 1)
    return ParameterCount(embedding, blocks, head)


def _matrix(config: ModelConfig, inputs: int, outputs: int) -> int:
    return (inputs + config.biases) * outputs


def kv_cache_bytes(config: ModelConfig, tokens: int = 1, bytes_per_value: int = 2) -> int:
    """Keys and values kept for `tokens` tokens of one sequence: 2 layers n_kv_heads head_dim values a token.

    `bytes_per_value` is 2 for bfloat16, 4 for float32.
    """
    return 2 * config.n_layers * config.n_kv_heads * config.head_dim * bytes_per_value * tokens


def training_flops(config: ModelConfig, tokens: int) -> float:
    """C = 6 N D with N every parameter. Source: Kaplan et al. 2020, section 2.1."""
    return 6.0 * count_parameters(config).total * tokens
