"""What a training or a generation needs of each GPU's memory, by formula, before any is spent: no torch.

Counted as this project computes: float32 master weights under bf16 autocast, losses in chunks (`model.loss`), fused
AdamW, activations as the blocks of `model.transformer` keep them for going back. Sharding: tensor parallelism cuts
weights, heads and hidden widths, and with sequence parallelism all activations; pipeline parallelism cuts the blocks;
FSDP cuts weights, gradients and moments over the GPUs that are left. Sizes are bytes; GB are 10^9.
Source: Korthikanti et al. 2022, arXiv:2205.05198 (activations); Rajbhandari et al. 2019, ZeRO (sharding); Dao et al.
2022, FlashAttention. docs/memory.md holds predictions against peaks measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from model.config import ModelConfig
from model.memory import block_parameters, count_parameters, kv_cache_bytes

Precision = Literal["float32", "bf16", "pure_bf16"]
Checkpointing = Literal["none", "full"]

_CHUNK_VALUES, _CHUNK_ROWS = 1 << 21, 256
"""As in `model.loss`, where torch is; a test holds one against the other."""


@dataclass(frozen=True)
class Layout:
    """How a training is spread and computed.

    Attributes:
        gpus: All of them.
        tensor, pipeline: GPUs that share a layer, and stages that share the stack.
        fsdp: Weights, gradients and moments cut over the other GPUs; else each holds them.
        precision: float32; bf16 autocast over float32 weights; or weights and gradients in bf16, moments in float32.
        length, batch: Tokens of a sequence, and sequences a GPU computes at once.
        checkpointing: full: blocks are computed again going back, only their inputs are kept.
        flash: Attention that keeps no scores.
        parts: Parts a GPU computes of a step, one after another, so that their gradients add up. The stages of a
            pipeline have several under way in any case.
    """

    gpus: int = 1
    tensor: int = 1
    pipeline: int = 1
    fsdp: bool = False
    precision: Precision = "bf16"
    length: int = 2048
    batch: int = 1
    checkpointing: Checkpointing = "none"
    flash: bool = True
    parts: int = 1

    @property
    def shards(self) -> int:
        """GPUs that FSDP cuts weights over."""
        return max(1, self.gpus // (self.tensor * self.pipeline)) if self.fsdp else 1


@dataclass(frozen=True)
class Need:
    """Bytes a GPU needs to train, by what they hold.

    Attributes:
        weights, gradients, optimizer: Of this GPU's share.
        copies: bf16 copies of weights that autocast keeps through a step, or that FSDP has gathered.
        activations: Kept for going back, logits apart.
        logits: The chunk of them that exists, and the output matrix's gradient, which is made with the loss.
        recomputed: One block's activations, made again where blocks keep only their inputs.
        head_gradient: The output matrix's share of `logits`, which stays.
        waiting: Gradients of the parts of a step that are done, while the next part is computed.
    """

    weights: float
    copies: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    recomputed: float
    head_gradient: float
    waiting: float

    @property
    def total(self) -> float:
        """When most is held: at the loss, before anything has gone back; at the first block computed again; or when
        all gradients are there.
        """
        going_back = max(self.logits, self.head_gradient + self.recomputed)
        computing = self.waiting + self.copies + self.activations + going_back
        return self.weights + self.optimizer + max(computing, self.gradients)


def training_need(config: ModelConfig, layout: Layout) -> Need:
    """What one GPU of a training holds; the first pipeline stage, whose microbatches under way are all of them."""
    pure = layout.precision == "pure_bf16"
    cut = layout.tensor * layout.pipeline
    parameters = count_parameters(config).total / cut
    held = parameters / layout.shards
    bytes_each = 2 if pure else 4
    head = config.vocab_size * config.d_model / layout.tensor
    copies = 2 * largest_unit(config, layout) if layout.precision == "bf16" else 0.0
    if layout.precision == "bf16" and layout.shards == 1:
        copies = 2.0 * parameters
    return Need(
        weights=bytes_each * held,
        copies=copies,
        gradients=bytes_each * held,
        optimizer=8 * held,
        activations=activation_bytes(config, layout),
        logits=logits_bytes(config, layout) + 4 * head,
        recomputed=block_bytes(config, layout) if layout.checkpointing == "full" else 0.0,
        head_gradient=4 * head,
        waiting=bytes_each * held if layout.parts > 1 or layout.pipeline > 1 else 0.0,
    )


def largest_unit(config: ModelConfig, layout: Layout) -> float:
    """Parameters that FSDP gathers at once: a block, or embedding and output matrix."""
    table = config.vocab_size * config.d_model * (1 if config.tied_embeddings else 2)
    return max(block_parameters(config, crossed=config.decoder_layers > 0), table) / layout.tensor


def block_values(config: ModelConfig, layout: Layout) -> tuple[float, float]:
    """Numbers a block keeps of one token for going back: in the compute precision, and always in float32."""
    width = config.d_model
    queries, keys = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    attention = 2 * queries + 2 * keys + width  # q, output; k, v; the input of the three matrices
    hidden = {"swiglu": 4, "geglu": 4, "relu": 1}.get(config.activation, 2) * config.hidden_dim
    inner = float(attention + hidden + width)  # and the input of the feed-forward matrices
    scaled = 4 if config.norm == "rms" and config.norm_first else 2  # inputs of two norms; RMSNorm keeps x / rms too
    float32 = float(scaled * width + config.n_heads)  # and the logarithms of the softmax's denominators
    if not layout.flash:
        inner += config.n_heads * layout.length
    if config.decoder_layers:  # a decoder's block attends twice; stacks are taken as alike
        inner += attention / 2
    return inner, float32


def block_bytes(config: ModelConfig, layout: Layout) -> float:
    """What one block keeps for going back, of all tokens a GPU computes at once."""
    inner, float32 = block_values(config, layout)
    compute, stream = _widths(layout)
    return layout.batch * layout.length * (compute * inner + stream * float32) / layout.tensor


def activation_bytes(config: ModelConfig, layout: Layout) -> float:
    """Kept for going back by all blocks and by the end of the stack; the logits apart."""
    _, stream = _widths(layout)
    row = layout.batch * layout.length * stream * config.d_model / layout.tensor
    block = row if layout.checkpointing == "full" else block_bytes(config, layout)
    return (config.n_layers + config.decoder_layers) * block + 4 * row  # last norm, the head's rows and gradients


def _widths(layout: Layout) -> tuple[int, int]:
    """Bytes of a number in products, and in the residual stream and norms."""
    return {"float32": (4, 4), "bf16": (2, 4), "pure_bf16": (2, 2)}[layout.precision]


def logits_bytes(config: ModelConfig, layout: Layout) -> float:
    """The chunk of logits that exists at once."""
    values = min(layout.batch * layout.length, chunk_rows(config)) * config.vocab_size
    return values * (4 if layout.precision == "float32" else 8) / layout.tensor


def chunk_rows(config: ModelConfig) -> int:
    """Rows of logits that exist at once, at most."""
    return max(_CHUNK_ROWS, _CHUNK_VALUES // config.vocab_size)


def cache_table(config: ModelConfig, tokens: int, bytes_per_value: int = 2) -> dict[str, float]:
    """Bytes of keys and values with every head's own (MHA), with these groups (GQA), and with one for all (MQA)."""
    heads = {"MHA": config.n_heads, "GQA": config.n_kv_heads, "MQA": 1}
    return {
        name: kv_cache_bytes(config.model_copy(update={"n_kv_heads": count}), tokens, bytes_per_value)
        for name, count in heads.items()
    }
