"""What a model is and how it is trained: plain values, so that flows can plan without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from model.parts import LstmConfig, ObjectiveConfig, RopeScaling
from storage.schema import Section


class ModelConfig(Section):
    """One stack of attention and feed-forward blocks. The defaults are a Llama-3-style decoder whose sizes train on
    two cores in a minute; GPT, BERT, T5 and ELMo are other choices of the same keys, see `model.presets`.
    """

    vocab_size: int = Field(4_096, ge=2, description="token ids; a training takes its tokens' own")
    d_model: int = Field(128, ge=2, description="width of the residual stream")
    n_layers: int = Field(3, ge=1, description="blocks")
    n_heads: int = Field(4, ge=1, description="query heads; by default d_model / n_heads is a head's width, even")
    n_kv_heads: int = Field(2, ge=1, description="key and value heads, each shared by n_heads / n_kv_heads queries")
    head_width: int | None = Field(None, ge=1, description="width of a head; None: d_model / n_heads")
    ffn_dim: int | None = Field(
        None,
        ge=1,
        description="hidden width of the feed-forward part; None: 8/3 of d_model, rounded up to ffn_multiple, for "
        "SwiGLU and GEGLU (Shazeer 2020), else 4 d_model",
    )
    ffn_multiple: int = Field(
        64, ge=1, description="what ffn_dim is rounded up to, where it is not given; Llama 1: 256"
    )
    rope_base: float = Field(
        500_000.0, gt=0, description="base of the rotary angles; Llama 3: 500,000, Llama 2: 10,000"
    )
    rope_scaling: RopeScaling | None = Field(None, description="stretched positions (Llama 3.1); None: as trained")
    norm_eps: float = Field(1e-5, gt=0, description="added to the mean square; Llama 2, 3 and GPT: 1e-5, BERT: 1e-12")
    norm: Literal["rms", "layer"] = Field("rms", description="RMSNorm (Llama) or LayerNorm (GPT, BERT)")
    norm_first: bool = Field(True, description="norms before each part and at the end; False: after it (GPT 1, BERT)")
    activation: Literal["swiglu", "geglu", "gelu", "gelu_tanh", "relu"] = Field(
        "swiglu", description="SwiGLU and GEGLU (T5 1.1) have three matrices, others two; GPT's GELU and GEGLU use tanh"
    )
    biases: bool = Field(False, description="biases on all matrices of the blocks (GPT, BERT)")
    positions: Literal["rotary", "learned", "relative", "transformer_xl"] = Field(
        "rotary",
        description="turned into queries and keys; added; T5's bias by distance; Transformer-XL's content-based one",
    )
    relative_buckets: int = Field(32, ge=4, description="T5: distances that are told apart")
    relative_distance: int = Field(128, ge=8, description="T5: all distances from this on are one")
    scaled_attention: bool = Field(True, description="scores divided by sqrt(head width); T5: no")
    scaled_head: bool = Field(False, description="output divided by sqrt(d_model) before the tied matrix (T5 1.0)")
    max_positions: int = Field(2_048, ge=1, description="how many positions are learned")
    causal: bool = Field(True, description="a position sees only those before it; False: an encoder")
    decoder_layers: int = Field(0, ge=0, description="blocks that also attend to the n_layers of an encoder; 0: none")
    lstm: LstmConfig | None = Field(None, description="LSTMs of both directions instead of attention (ELMo)")
    lm_head: bool = Field(True, description="the output matrix; False: only features (ELMo as it is handed out)")
    segments: int = Field(0, ge=0, description="segment embeddings, added to the tokens'; BERT: 2")
    masked_head: bool = Field(
        False, description="BERT's head: a matrix, GELU and a norm before the output matrix, which has a bias"
    )
    pooler: bool = Field(False, description="a matrix and tanh over the first position's output (BERT)")
    pair_head: bool = Field(False, description="whether two pieces follow each other, from the pooler (BERT)")
    init_std: float | None = Field(
        None,
        gt=0,
        description="of the initial weights, of those that write to the residual stream / sqrt(2 n_layers); "
        "None: 1 / sqrt(d_model) (OLMo, Groeneveld et al. 2024): the usual 0.02 starts small models slowly",
    )
    tied_embeddings: bool = Field(False, description="output head shares the embedding's weights; Llama 2 and 3: no")

    @model_validator(mode="after")
    def _heads_divide(self) -> ModelConfig:
        whole = self.head_width is not None or self.d_model % self.n_heads == 0
        if not whole or (self.positions in ("rotary", "transformer_xl") and self.head_dim % 2):
            raise ValueError(f"d_model {self.d_model} must be n_heads {self.n_heads} times an even number")
        if self.n_heads % self.n_kv_heads:
            raise ValueError(f"n_heads {self.n_heads} must be a multiple of n_kv_heads {self.n_kv_heads}")
        if self.pair_head and not self.pooler:
            raise ValueError("pair_head reads what pooler makes: set both")
        if self.lstm is not None and self.lstm.cells <= self.d_model:
            raise ValueError(f"lstm.cells {self.lstm.cells} must be more than d_model {self.d_model}")
        return self

    @property
    def kind(self) -> Literal["decoder", "encoder", "encoder_decoder", "bilstm"]:
        """What sort of model this is: what it sees, and so what it can be trained to do."""
        if self.lstm is not None:
            return "bilstm"
        if self.decoder_layers:
            return "encoder_decoder"
        return "decoder" if self.causal else "encoder"

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.head_width or self.d_model // self.n_heads

    @property
    def gated(self) -> bool:
        """Whether the feed-forward part has a gate: three matrices."""
        return self.activation in ("swiglu", "geglu")

    @property
    def hidden_dim(self) -> int:
        """Hidden width of the feed-forward part, given or derived."""
        if self.ffn_dim is not None:
            return self.ffn_dim
        if not self.gated:
            return 4 * self.d_model
        return -(-(8 * self.d_model // 3) // self.ffn_multiple) * self.ffn_multiple


class TrainConfig(Section):
    """How a model is trained; nothing here says where or how fast.

    What is null is set by published rules for the model's size and budget: see `model.rules`.
    """

    objective: ObjectiveConfig = ObjectiveConfig()
    train_tokens: int = Field(600_000, ge=1, description="tokens to see, repeats counted; rounded to whole steps")
    batch_tokens: int | None = Field(
        None, ge=1, description="tokens a step; at least one sequence. null: Step Law (Li et al. 2025)"
    )
    learning_rate: float | None = Field(None, gt=0, description="peak. null: Step Law (Li et al. 2025)")
    warmup_frac: float | None = Field(
        None, ge=0, le=1, description="share of the steps with a linear warm-up. null: Porian et al. 2024"
    )
    schedule: Literal["cosine", "linear", "wsd"] = Field(
        "cosine", description="how the rate falls after the warm-up; wsd: not at all until the last decay_frac"
    )
    decay_frac: float = Field(0.2, ge=0, le=1, description="wsd: share of the steps that decay (Hägele et al. 2024)")
    min_learning_rate_frac: float = Field(
        0.1, ge=0, le=1, description="the schedule's end, as a share of the peak (Hoffmann et al. 2022)"
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW, first moment (Touvron et al. 2023)")
    beta2: float | None = Field(None, ge=0, lt=1, description="AdamW, second moment. null: Marek et al. 2025")
    adam_eps: float = Field(1e-8, gt=0, description="AdamW, added to the denominator (Kingma & Ba 2015)")
    weight_decay: float = Field(0.1, ge=0, description="decoupled, on matrices only (Touvron et al. 2023)")
    clip_norm: float = Field(1.0, gt=0, description="largest gradient norm (Touvron et al. 2023)")
    parametrisation: Literal["standard", "mup"] = Field(
        "standard", description="mup: the best rate of a small width is that of a large one (Yang et al. 2022)"
    )
    mup_base_width: int = Field(128, ge=1, description="mup: the d_model at which both parametrisations are the same")
    micro_batch_tokens: int | None = Field(
        None, ge=1, description="tokens computed at once; the gradients of a step add up. null: all of a step's"
    )
    precision: Literal["auto", "float32", "bf16"] = Field(
        "auto", description="bf16: autocast over float32 weights; auto: bf16 on a GPU, float32 on a CPU"
    )
    compile: bool = Field(False, description="torch.compile, block by block")
    recompute: bool = Field(False, description="blocks are computed again going back, which saves their activations")
    parallel: Literal["ddp", "fsdp"] = Field(
        "ddp", description="several ranks: whole models whose gradients are averaged, or weights cut up among them"
    )
    spike_deviations: float = Field(
        7.0,
        gt=0,
        description="a loss so many standard deviations above the recent mean is a spike, and left out (7: OLMo 2's "
        "spike score, arXiv:2501.00656); 32 runs of 50k to 3.2M parameters stayed below 3 (docs/benchmarks.md)",
    )
    patience_steps: int = Field(5, ge=1, description="steps left out in a row before going back to a checkpoint")
    max_rollbacks: int = Field(3, ge=0, description="times a training goes back before it gives up")
    checkpoint_steps: int = Field(
        200, ge=1, description="steps between checkpoints; changes no result but where a training goes back to"
    )
    keep_checkpoints: int = Field(2, ge=1, description="newest checkpoints that stay; changes no result")
    eval_sequences: int = Field(256, ge=1, description="held-out sequences the loss is measured on, about")
    seed: int = Field(0, ge=0, lt=2**63, description="of the initial weights and the order of sequences")


Device = Literal["auto", "cpu", "cuda"]
"""Where to train: "auto" takes a GPU where there is one."""


def known(value: float | None) -> float:
    """A setting that `model.rules.settle` has filled in.

    Raises:
        ValueError: It has not.
    """
    if value is None:
        raise ValueError("settle the training's settings first")
    return value


def step_tokens(config: TrainConfig, sequence_length: int) -> int:
    """Tokens one step sees: `batch_tokens` in whole sequences, at least one."""
    return max(1, int(known(config.batch_tokens)) // sequence_length) * sequence_length


def count_steps(config: TrainConfig, sequence_length: int) -> int:
    """Optimiser steps that come nearest to `train_tokens`, at least one."""
    return max(1, round(config.train_tokens / step_tokens(config, sequence_length)))
