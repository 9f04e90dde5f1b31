"""Parameters and memory of a model, by formula: no torch, no weights, exact to the unit."""

from __future__ import annotations

from dataclasses import dataclass

from model.config import ModelConfig


@dataclass(frozen=True)
class ParameterCount:
    """Parameters by where they are.

    Attributes:
        embedding: Token embedding.
        blocks: Attention, feed-forward and norms of all blocks, and the last norm.
        head: Output head; 0 where it shares the embedding's weights.
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
        """All but the token embedding: the output head, a matrix every token is multiplied by, is counted."""
        return self.blocks + self.head


def count_parameters(config: ModelConfig) -> ParameterCount:
    """Exact parameter counts of a decoder."""
    table = config.vocab_size * config.d_model
    queries_and_output = 2 * config.d_model * config.d_model
    keys_and_values = 2 * config.d_model * config.n_kv_heads * config.head_dim
    feed_forward = 3 * config.d_model * config.hidden_dim
    norms = 2 * config.d_model
    block = queries_and_output + keys_and_values + feed_forward + norms
    blocks = config.n_layers * block + config.d_model
    return ParameterCount(table, blocks, 0 if config.tied_embeddings else table)


def kv_cache_bytes(config: ModelConfig, tokens: int = 1, bytes_per_value: int = 2) -> int:
    """Keys and values kept for `tokens` tokens of one sequence: 2 layers n_kv_heads head_dim values a token.

    `bytes_per_value` is 2 for bfloat16, 4 for float32.
    """
    return 2 * config.n_layers * config.n_kv_heads * config.head_dim * bytes_per_value * tokens


def training_flops(config: ModelConfig, tokens: int) -> float:
    """C = 6 N D with N every parameter. Source: Kaplan et al. 2020, section 2.1."""
    return 6.0 * count_parameters(config).total * tokens
