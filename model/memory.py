"""Parameters and memory of a model, by formula: no torch, no weights, exact to the unit."""

from __future__ import annotations

from dataclasses import dataclass

from model.config import ModelConfig
from model.parts import LstmConfig


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
    if config.lstm is not None:
        return _count_bilstm(config, config.lstm)
    width, table = config.d_model, config.vocab_size * config.d_model
    norm = norm_parameters(config)
    stacks = 2 if config.decoder_layers else 1
    learned = config.max_positions if config.positions == "learned" else 0
    buckets = config.relative_buckets * config.n_heads if config.positions == "relative" else 0
    blocks = config.n_layers * block_parameters(config)
    blocks += config.decoder_layers * block_parameters(config, crossed=True)
    blocks += stacks * (buckets + (norm if config.norm_first else 0))
    embedding = table + (stacks * learned + config.segments) * width
    if not config.norm_first and (stacks == 2 or not config.causal):
        embedding += stacks * norm
    head = 0 if config.tied_embeddings else table
    if config.masked_head:
        head += width * (width + 1) + norm + config.vocab_size
    if config.pooler:
        head += width * (width + 1)
    if config.pair_head:
        head += 2 * (width + 1)
    return ParameterCount(embedding, blocks, head)


def norm_parameters(config: ModelConfig) -> int:
    """Of one norm."""
    return config.d_model * (2 if config.norm == "layer" else 1)


def block_parameters(config: ModelConfig, crossed: bool = False) -> int:
    """Of one block; `crossed`: of one that also attends to an encoder's output."""
    width, inner = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    attention = _matrix(config, config.d_model, width) + 2 * _matrix(config, config.d_model, inner)
    attention += _matrix(config, width, config.d_model)
    by_content = config.d_model * width + 2 * width if config.positions == "transformer_xl" else 0
    hidden = (2 if config.gated else 1) * _matrix(config, config.d_model, config.hidden_dim)
    hidden += _matrix(config, config.hidden_dim, config.d_model)
    parts = 2 if crossed else 1
    return parts * attention + by_content + hidden + (1 + parts) * norm_parameters(config)


def _matrix(config: ModelConfig, inputs: int, outputs: int) -> int:
    return (inputs + config.biases) * outputs


def _count_bilstm(config: ModelConfig, lstm: LstmConfig) -> ParameterCount:
    width, features = config.d_model, sum(count for _, count in lstm.filters)
    filters = sum((chars * lstm.char_dim + 1) * count for chars, count in lstm.filters)
    highways = lstm.highways * (features + 1) * 2 * features
    letters = lstm.char_ids * lstm.char_dim + filters + highways + (features + 1) * width
    layer = 4 * lstm.cells * (2 * width + 1) + lstm.cells * width
    head = (width + 1) * config.vocab_size if config.lm_head else 0
    return ParameterCount(letters, 2 * config.n_layers * layer, head)


def kv_cache_bytes(config: ModelConfig, tokens: int = 1, bytes_per_value: int = 2) -> int:
    """Keys and values kept for `tokens` tokens of one sequence: 2 layers n_kv_heads head_dim values a token.

    `bytes_per_value` is 2 for bfloat16, 4 for float32. A T5 keeps those of its decoder; who does not write
    word by word keeps none.
    """
    layers = 0 if config.kind in ("encoder", "bilstm") else config.decoder_layers or config.n_layers
    return 2 * layers * config.n_kv_heads * config.head_dim * bytes_per_value * tokens


def training_flops(config: ModelConfig, tokens: int) -> float:
    """C = 6 N D with N every parameter, as Hoffmann et al. 2022 count; Kaplan et al. 2020 leave the embeddings out."""
    return 6.0 * count_parameters(config).total * tokens
