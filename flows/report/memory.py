"""A memory budget in the page: what the formulas of `model.memory_plan` take of each model, and the cards to fit."""

from __future__ import annotations

from typing import Any

from flows.report.architecture import trained_models
from flows.report.figures import Column, Figure, Table
from flows.report.interactive import Widget
from flows.report.source import Row, Source
from model.config import ModelConfig
from model.memory import count_parameters, kv_cache_bytes
from model.memory_plan import Layout, block_values, chunk_rows, largest_unit, training_need
from model.presets import PRESETS
from model.scaling.hardware import ACCELERATORS

START = "llama3-8b"
GIVEN = Layout(checkpointing="full")
"""What the table counts for: one GPU, one sequence, blocks computed again."""


def memory_figure(source: Source) -> Figure:
    """What training and writing need of each GPU, for any model and any way to spread it."""
    all_models = trained_models(source) | dict(PRESETS)
    models = {name: config for name, config in all_models.items() if config.lstm is None}
    cards = [{"name": card.name, "bytes": card.memory_bytes} for card in sorted_cards()]
    data = {
        "models": {name: terms(config) | {"preset": name in PRESETS} for name, config in models.items()},
        "start": START,
        "cards": cards,
    }
    columns = (
        Column("name", "Model"),
        Column("parameters", "Parameters", "count"),
        Column("bytes", "To train", "bytes", bar=True),
        Column("card", "Smallest card that holds it"),
    )
    caption = (
        f"What one GPU must hold, by formula; GB are 10⁹ bytes. The table is for one sequence of {GIVEN.length:,} "
        "tokens, bf16 over float32 weights, blocks computed again. Most is held either at the loss, before "
        "anything has gone back, or when all gradients are there: the longer bar decides. Cards by their data "
        "sheets; what frameworks and fragments take comes on top."
    )
    return Figure(
        "training-memory", "Will it fit", caption, Table(columns, [_row(name, models[name]) for name in models]),
        source="`winnow memory` prints the same to the byte (`model/memory_plan.py`); docs/memory.md holds them "
        "against measured peaks. An LSTM has no blocks of this kind and is left out.",
        widget=Widget("memory", data),
    )  # fmt: skip


def sorted_cards() -> list[Any]:
    """Cards, the smallest first."""
    return sorted(ACCELERATORS.values(), key=lambda card: (card.memory_bytes, card.name))


def terms(config: ModelConfig) -> dict[str, Any]:
    """What `training_need` takes of a model, before any layout has a say.

    Returns:
        `parameters`; `layers` of all stacks; `width`, `vocab`; `unit`, the parameters that FSDP gathers at once;
        `values` and `float32`, numbers a block keeps of a token, and `scores`, those of attention without Flash for
        each position seen; `chunk`, rows of logits that exist at once; `cached`, keys and values of a token.
    """
    values, float32 = block_values(config, Layout())
    return {
        "parameters": count_parameters(config).total,
        "layers": config.n_layers + config.decoder_layers,
        "width": config.d_model,
        "vocab": config.vocab_size,
        "unit": largest_unit(config, Layout()),
        "values": values,
        "float32": float32,
        "scores": config.n_heads,
        "chunk": chunk_rows(config),
        "cached": kv_cache_bytes(config, 1, 1),
    }


def _row(name: str, config: ModelConfig) -> Row:
    need = training_need(config, GIVEN).total
    card = next((card.name for card in sorted_cards() if need <= card.memory_bytes), "none: more GPUs")
    return {"name": name, "parameters": count_parameters(config).total, "bytes": need, "card": card}
