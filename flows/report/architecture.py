"""Models as block diagrams: every box with the shape of what leaves it and the parameters it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from flows.report.figures import Column, Figure, Section, Table
from flows.report.interactive import Widget
from flows.report.looking import attention_figure
from flows.report.source import Source
from flows.report.words import count
from flows.rungs import IS_RUNG
from model.config import ModelConfig
from model.memory import block_parameters, count_parameters, kv_cache_bytes, norm_parameters
from model.parts import LstmConfig
from model.presets import PRESETS

NEWEST = f"""\
SELECT name, config FROM trainings WHERE NOT {IS_RUNG} ORDER BY finished_at DESC, training_id LIMIT 1"""

Box = dict[str, Any]


def architecture_section(source: Source) -> Section:
    """Published models and the newest trained one, box by box, and who sees whom."""
    models = trained_models(source) | dict(PRESETS)
    data = {"models": {name: describe(config) for name, config in models.items()}, "start": next(iter(models))}
    rows = [
        {"name": name, "kind": config.kind.replace("_", "–"), "total": count_parameters(config).total}
        | {"layers": config.n_layers + config.decoder_layers, "width": config.d_model, "kv": kv_cache_bytes(config)}
        for name, config in models.items()
    ]
    columns = (
        Column("name", "Model"),
        Column("kind", "Kind"),
        Column("total", "Parameters", "count"),
        Column("layers", "Blocks", "count"),
        Column("width", "Width", "count"),
        Column("kv", "KV cache a token, bfloat16", "bytes"),
    )
    caption = (
        "Shapes are of what leaves a box: B sequences, T positions, S positions of an encoder, V words of the "
        "vocabulary; the rest are this model's numbers. Grouped queries (GQA) share keys and values among query "
        "heads, MQA one pair among all: the cache shrinks with them, and little else."
    )
    lead = f"{count(len(models))} models, counted exactly: `winnow params` prints the same."
    diagram = Figure(
        "architecture-blocks", "Block by block", caption, Table(columns, rows),
        source="`model/presets.py`, with each model's paper; counts by `model/memory.py`, tested against the modules.",
        widget=Widget("architecture", data),
    )  # fmt: skip
    return Section("architecture", "Architecture", lead, (diagram, _masks(), *attention_figure(source)))


def describe(config: ModelConfig) -> dict[str, Any]:
    """A model for the diagram: its towers under each way of sharing keys and values, first its own."""
    variants = {"own": config}
    if config.lstm is None:
        variants |= {name: config.model_copy(update={"n_kv_heads": heads}) for name, heads in _sharing(config).items()}
    return {
        "kind": config.kind,
        "total": count_parameters(config).total,
        "variants": {
            name: {
                "heads": None if one.lstm else [one.n_heads, one.n_kv_heads, one.head_dim],
                "total": count_parameters(one).total,
                "kv_bytes": kv_cache_bytes(one),
                "towers": towers(one),
            }
            for name, one in variants.items()
        },
    }


def towers(config: ModelConfig) -> list[dict[str, Any]]:
    """From the input up: one tower, or an encoder's and a decoder's. The boxes' parameters add up to the model's.

    Returns:
        For each tower `title`, `before`, `block` (boxes repeated), `times` and `after`; a box has `name`, `shape` and
        `params` (of one block, where it is repeated).
    """
    if config.lstm is not None:
        return [_bilstm(config, config.lstm)]
    if not config.decoder_layers:
        return [_tower(config, config.kind, config.n_layers, "T", False)]
    return [
        _tower(config, "encoder", config.n_layers, "S", False) | {"after": _last_norm(config, "S")},
        _tower(config, "decoder", config.decoder_layers, "T", True, shared=True),
    ]


def _tower(
    config: ModelConfig, title: str, layers: int, length: str, crossed: bool, shared: bool = False
) -> dict[str, Any]:
    return {
        "title": title,
        "before": _embedding(config, length, shared),
        "block": _block(config, length, crossed),
        "times": layers,
        "after": [*_last_norm(config, length), *_head(config, length)],
    }


def _embedding(config: ModelConfig, length: str, shared: bool) -> list[Box]:
    width = config.d_model
    boxes = [_box("token ids", f"[B, {length}]", 0)]
    boxes.append(
        _box("token embedding" + (", the encoder's" if shared else ""), f"[B, {length}, {width}]",
             0 if shared else config.vocab_size * width)
    )  # fmt: skip
    if config.positions == "learned":
        boxes.append(_box("+ learned positions", f"[B, {length}, {width}]", config.max_positions * width))
    if config.positions == "relative":
        buckets = config.relative_buckets * config.n_heads
        boxes.append(_box("bias by distance, for all blocks", f"[{config.n_heads}, {length}, {length}]", buckets))
    if config.segments:
        boxes.append(_box("+ segments", f"[B, {length}, {width}]", config.segments * width))
    if not config.norm_first and (config.decoder_layers or not config.causal):
        boxes.append(_norm_box(config, length))
    return boxes


def _block(config: ModelConfig, length: str, crossed: bool) -> list[Box]:
    attention = [*_attention(config, length, length, "attention")]
    feed_forward = _feed_forward(config, length)
    norm = _norm_box(config, length)
    parts = [
        attention,
        *([_attention(config, length, "S", "attention to the encoder")] if crossed else []),
        feed_forward,
    ]
    boxes: list[Box] = []
    for part in parts:
        boxes += [norm, *part] if config.norm_first else [*part, norm]
    lacking = block_parameters(config, crossed) - sum(box["params"] for box in boxes)
    if lacking:  # Transformer-XL's matrix for distances
        boxes.insert(
            1 if config.norm_first else 0,
            _box("keys of distances", f"[{length}, {config.n_heads}, {config.head_dim}]", lacking),
        )
    return boxes


def _attention(config: ModelConfig, length: str, seen: str, name: str) -> list[Box]:
    heads, shared, dim, bias = config.n_heads, config.n_kv_heads, config.head_dim, int(config.biases)
    rotary = ", turned by position" if config.positions == "rotary" else ""
    return [
        _box(f"queries{rotary}", f"[B, {length}, {heads}, {dim}]", (config.d_model + bias) * heads * dim),
        _box(f"keys{rotary}", f"[B, {seen}, {shared}, {dim}]", (config.d_model + bias) * shared * dim),
        _box("values", f"[B, {seen}, {shared}, {dim}]", (config.d_model + bias) * shared * dim),
        _box(f"{name}: weights", f"[B, {heads}, {length}, {seen}]", 0),
        _box(f"{name}: output, added", f"[B, {length}, {config.d_model}]", (heads * dim + bias) * config.d_model),
    ]


def _feed_forward(config: ModelConfig, length: str) -> list[Box]:
    bias, ways = int(config.biases), 2 if config.gated else 1
    names = {"swiglu": "SwiGLU", "geglu": "GEGLU", "relu": "ReLU"}
    return [
        _box(f"feed-forward, {names.get(config.activation, 'GELU')}", f"[B, {length}, {config.hidden_dim}]",
             ways * (config.d_model + bias) * config.hidden_dim),
        _box("feed-forward: output, added", f"[B, {length}, {config.d_model}]",
             (config.hidden_dim + bias) * config.d_model),
    ]  # fmt: skip


def _head(config: ModelConfig, length: str) -> list[Box]:
    width, boxes = config.d_model, []
    if config.pooler:
        boxes.append(_box("pooler, of the first position", f"[B, {width}]", width * (width + 1)))
    if config.pair_head:
        boxes.append(_box("does the second part follow", "[B, 2]", 2 * (width + 1)))
    if config.masked_head:
        inner = width * (width + 1) + norm_parameters(config)
        boxes.append(_box("masked-word head", f"[B, {length}, {width}]", inner))
    if config.lm_head and not (config.pooler and not config.masked_head):
        table = 0 if config.tied_embeddings else config.vocab_size * width
        words = "logits, by the embedding's matrix" if config.tied_embeddings else "logits"
        boxes.append(_box(words, f"[B, {length}, {config.vocab_size}]", table + config.vocab_size * config.masked_head))
    return boxes


def _bilstm(config: ModelConfig, lstm: LstmConfig) -> dict[str, Any]:
    width, features = config.d_model, sum(number for _, number in lstm.filters)
    filters = sum((chars * lstm.char_dim + 1) * number for chars, number in lstm.filters)
    layer = 4 * lstm.cells * (2 * width + 1) + lstm.cells * width
    head = (width + 1) * config.vocab_size if config.lm_head else 0
    way = f"[B, T, {lstm.cells}] to [B, T, {width}]"
    return {
        "title": "both directions",
        "before": [
            _box("characters", f"[B, T, {lstm.word_chars}]", 0),
            _box("character embedding", f"[B, T, {lstm.word_chars}, {lstm.char_dim}]", lstm.char_ids * lstm.char_dim),
            _box("convolutions, the largest kept", f"[B, T, {features}]", filters),
            _box("highways", f"[B, T, {features}]", lstm.highways * (features + 1) * 2 * features),
            _box("projection", f"[B, T, {width}]", (features + 1) * width),
        ],
        "block": [_box("LSTM forward", way, layer), _box("LSTM backward", way, layer)],
        "times": config.n_layers,
        "after": [_box("logits", f"[B, T, {config.vocab_size}]", head)] if head else [],
    }


def _last_norm(config: ModelConfig, length: str) -> list[Box]:
    return [_norm_box(config, length)] if config.norm_first else []


def _norm_box(config: ModelConfig, length: str) -> Box:
    name = "RMSNorm" if config.norm == "rms" else "LayerNorm"
    return _box(name, f"[B, {length}, {config.d_model}]", norm_parameters(config))


def _box(name: str, shape: str, params: int) -> Box:
    return {"name": name, "shape": shape, "params": params}


def _sharing(config: ModelConfig) -> Mapping[str, int]:
    """Keys and values for every query head, for groups of four or eight, for all."""
    heads = config.n_heads
    group = next((size for size in (8, 4, 2) if heads % size == 0 and heads > size), 1)
    return {"mha": heads, "gqa": heads // group, "mqa": 1}


def trained_models(source: Source) -> dict[str, ModelConfig]:
    """The newest training that is no rung of a ladder; empty where there is none."""
    row = source.row(NEWEST)
    try:
        return {f"{row['name']}, trained here": ModelConfig(**json.loads(row["config"])["model"])} if row else {}
    except ValidationError:  # of another version of Winnow
        return {}


WORDS = ("the", "cat", "sat", "on", "the", "mat", "⏎", "a", "dog", "ran", "home", "⏎")


def _masks() -> Figure:
    rows = [
        {"mask": "causal", "sees": "itself and what comes before", "used": "GPT, Llama"},
        {"mask": "both directions", "sees": "every position", "used": "BERT, T5's encoder"},
        {
            "mask": "causal, within a document",
            "sees": "what comes before in the same document",
            "used": "packed training",
        },
        {"mask": "prefix", "sees": "the prefix, and what comes before", "used": "T5 as one tower (Raffel et al. 2020)"},
    ]
    columns = (Column("mask", "Mask"), Column("sees", "A position sees"), Column("used", "Used by"))
    caption = "A row is a position that attends, a column one that is attended to. Two documents are packed in one row."
    return Figure(
        "architecture-masks", "Who sees whom", caption, Table(columns, rows),
        source="The definition of each mask; `model/documents.py` for packed documents.",
        widget=Widget("masks", {"words": list(WORDS), "end": "⏎", "prefix": 4}),
    )  # fmt: skip
