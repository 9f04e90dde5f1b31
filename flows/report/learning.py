"""What the corpus teaches: tokens, and the newest training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flows.report.figures import Column, Figure, Section, Table
from flows.report.interactive import Widget
from flows.report.looking import step_figure
from flows.report.memory import memory_figure
from flows.report.sequences import sequences_figure
from flows.report.source import Row, Source
from flows.report.svg import Axis, Plot
from flows.report.tokenizer import read_tokenizer, tokenizer_figure
from flows.report.words import count, power, seconds
from flows.rungs import IS_RUNG
from model.token_set import TokenSet

TOKENS = """\
SELECT key AS name, fingerprint, summary FROM steps
WHERE step = 'tokens' ORDER BY finished_at DESC, fingerprint LIMIT 1"""
_BITS = "CASE WHEN config ->> '$.model.causal' = 'true' THEN eval_bits_per_byte END AS eval_bits_per_byte"
"""Of decoders: what an encoder or a T5 pays for what is hidden is no price of a byte of text."""
TRAININGS = f"""\
SELECT name, params_total, train_tokens, flops, learning_rate, batch_tokens, train_loss, eval_loss,
    {_BITS}, wall_seconds, tokens_per_second, mfu, mfu_convention, memory_bytes, device, finished_at
FROM trainings ORDER BY finished_at DESC, training_id LIMIT 20"""
CURVE = f"""\
SELECT name, params_total, train_tokens, batch_tokens, flops, train_loss, eval_loss, {_BITS}, wall_seconds,
    tokens_per_second, device, curve, config
FROM trainings WHERE NOT {IS_RUNG} ORDER BY finished_at DESC, training_id LIMIT 1"""


def tokens_section(source: Source) -> Section:
    """The tokenizer and the packed sequences of the newest token set."""
    found = source.row(TOKENS)
    if not found:
        return Section("tokens", "Tokens", "Nothing has been tokenised yet: `winnow tokens` does it.")
    tokens: Mapping[str, Any] = json.loads(found["summary"])
    token_set = TokenSet(**tokens)
    train, held_out = tokens["train"], tokens["held_out"]
    lead = (
        f"{count(train['total']['tokens'])} tokens to train on, {count(held_out['total']['tokens'])} "
        f"held out, with a vocabulary of {count(tokens['vocab_size'])}, packed into sequences of "
        f"{count(tokens['sequence_length'])}."
    )
    tokenizer = read_tokenizer(source, token_set)
    figures = (
        *tokenizer_figure(source, token_set, tokenizer),
        _fertility(tokens),
        _packing(token_set),
        *sequences_figure(source, token_set, tokenizer),
    )
    return Section("tokens", "Tokens", lead, figures)


def training_section(source: Source) -> Section:
    """The newest training that is no rung of a ladder, and all trainings."""
    newest, trainings = source.row(CURVE), source.rows(TRAININGS)
    if not trainings:
        lead = "No model has been trained yet: `winnow pretrain` trains one."
        return Section("training", "Training", lead, (memory_figure(source),))
    if not newest:
        lead = "Only rungs of a ladder have been trained."
        return Section("training", "Training", lead, (_trainings(trainings), memory_figure(source)))
    bits = newest["eval_bits_per_byte"]
    price = " of the tokens it was asked for" if bits is None else f", {bits:.3f} bits a byte"
    lead = (
        f"{newest['name']}: {count(newest['params_total'])} parameters, "
        f"{count(newest['train_tokens'])} tokens, {power(newest['flops'])} FLOP in "
        f"{seconds(newest['wall_seconds'])} on {newest['device']}. Held-out loss "
        f"{newest['eval_loss']:.3f} nats a token{price}."
    )
    figures = (
        *step_figure(source),
        training_curve(newest),
        _rate(newest),
        _trainings(trainings),
        memory_figure(source),
    )
    return Section("training", "Training", lead, figures)


def _fertility(tokens: Mapping[str, Any]) -> Figure:
    rows = [
        {
            "domain": domain,
            "split": split.replace("_", " "),
            **counts,
            "bytes_per_token": counts["bytes"] / counts["tokens"] if counts["tokens"] else None,
        }
        for split in ("train", "held_out")
        for domain, counts in tokens[split]["domains"].items()
    ]
    columns = (
        Column("domain", "Domain"),
        Column("split", "Split"),
        Column("documents", "Documents", "count"),
        Column("tokens", "Tokens", "count", bar=True),
        Column("bytes", "Text", "bytes"),
        Column("bytes_per_token", "Bytes a token", "loss"),
    )
    caption = (
        "Bytes of text a token stands for: the higher, the better the vocabulary suits the domain. "
        "Held-out documents are whole documents the model never sees."
    )
    return Figure("tokens-fertility", "Bytes a token, by domain", caption, Table(columns, rows), sql=TOKENS)


def _packing(tokens: TokenSet) -> Figure:
    rows = []
    for name, split in (("train", tokens.train), ("held out", tokens.held_out)):
        room = split.sequences * tokens.width
        rows.append(
            {
                "split": name,
                "documents": split.total.documents,
                "sequences": split.sequences,
                "tokens": split.total.tokens,
                "filled": 1 - split.packing.padding_tokens / room if room else None,
                "padding": split.packing.padding_tokens,
                "cut": split.packing.cut_documents / split.total.documents if split.total.documents else None,
            }
        )
    columns = (
        Column("split", "Split"),
        Column("documents", "Documents", "count"),
        Column("sequences", "Sequences", "count"),
        Column("tokens", "Tokens of text", "count"),
        Column("padding", "of padding", "count"),
        Column("filled", "Positions filled", "frac"),
        Column("cut", "Documents cut", "frac"),
    )
    caption = (
        f"How documents went into sequences of {count(tokens.width)} tokens: what padding fills is computed for "
        "nothing, and a document that is cut loses sight of its beginning. Marks between documents fill positions too."
    )
    return Figure("tokens-packing", "Packing", caption, Table(columns, rows), sql=TOKENS)


def training_curve(training: Row) -> Figure:
    """The losses of a training, step by step, and on held-out documents at its end."""
    curve: Sequence[Row] = training["curve"]
    x = Axis.over("tokens seen", [0, *(point["tokens"] for point in curve)], margin=0.02)
    losses = [*(point["loss"] for point in curve), training["eval_loss"]]
    plot = Plot("Training loss against tokens seen", x, Axis.over("loss, nats a token", losses))
    plot.line([(point["tokens"], point["loss"]) for point in curve], "c0 thin")
    plot.line(_smoothed(curve), "c1", "mean over nearby steps")
    words = f"held out: {training['eval_loss']:.3f}"
    plot.dot(curve[-1]["tokens"], training["eval_loss"], "c2", words)
    plot.name(curve[-1]["tokens"], training["eval_loss"], words, "c2")
    columns = (
        Column("step", "Step", "count"),
        Column("tokens", "Tokens", "count"),
        Column("loss", "Loss", "loss"),
        Column("learning_rate", "Learning rate", "power"),
    )
    caption = (
        "Loss of each recorded step, in nats a token, its running mean, and the loss on held-out documents at the end."
    )
    legend = (("step", "c0"), ("running mean", "c1"), ("held out", "c2"))
    thinned = _thinned(curve, 40)
    return Figure("training-curve", "Loss", caption, Table(columns, thinned), plot.render(), legend, sql=CURVE)


def _rate(training: Row) -> Figure:
    curve: Sequence[Row] = training["curve"]
    x = Axis.over("tokens seen", [0, *(point["tokens"] for point in curve)], margin=0.02)
    y = Axis("learning rate", 0.0, 1.1 * max(point["learning_rate"] for point in curve))
    plot = Plot("Learning rate against tokens seen", x, y, 220)
    plot.line([(point["tokens"], point["learning_rate"]) for point in curve], "c3")
    columns = (Column("tokens", "Tokens", "count"), Column("learning_rate", "Learning rate", "power"))
    caption = (
        "The schedule this training had, and what the sliders make of it: linear warm-up from the first step on, then "
        "the peak falls to its end."
    )
    table, widget = Table(columns, _thinned(curve, 20)), Widget("rate", _schedule(training))
    return Figure("training-rate", "Learning rate", caption, table, plot.render(), sql=CURVE, widget=widget)


def _schedule(training: Row) -> Mapping[str, Any]:
    config: Mapping[str, Any] = json.loads(training["config"])["train"]
    curve: Sequence[Row] = training["curve"]
    return {
        "steps": max(1, training["train_tokens"] // max(1, training["batch_tokens"])),
        "tokens": training["train_tokens"],
        "peak": config["learning_rate"],
        "warmup": config["warmup_frac"],
        "end": config["min_learning_rate_frac"],
        "shape": config.get("schedule", "cosine"),
        "curve": [(point["tokens"], point["learning_rate"]) for point in _thinned(curve, 80)],
    }


def _trainings(rows: Sequence[Row]) -> Figure:
    columns = (
        Column("name", "Training"),
        Column("params_total", "Parameters", "count"),
        Column("train_tokens", "Tokens", "count"),
        Column("flops", "FLOP", "power"),
        Column("learning_rate", "Peak rate", "number"),
        Column("eval_loss", "Held-out loss", "loss"),
        Column("eval_bits_per_byte", "Bits a byte", "loss"),
        Column("wall_seconds", "Elapsed", "seconds"),
        Column("tokens_per_second", "Tokens a second", "count"),
        Column("mfu", "MFU", "frac"),
        Column("memory_bytes", "Most memory", "bytes"),
    )
    conventions = sorted({row["mfu_convention"] for row in rows if row["mfu"] is not None and row["mfu_convention"]})
    caption = " ".join(
        (
            "The newest twenty. Losses in nats depend on the tokenizer; bits a byte, of decoders, do not.",
            *(f"MFU, model FLOPs utilisation, is {convention}." for convention in conventions),
        )
    )
    return Figure("training-all", "Trainings", caption, Table(columns, rows), sql=TRAININGS)


def _smoothed(curve: Sequence[Row]) -> list[tuple[float, float]]:
    """Mean loss of a twentieth of the points around each."""
    reach = max(1, len(curve) // 40)
    points = []
    for index, point in enumerate(curve):
        near = curve[max(0, index - reach) : index + reach + 1]
        points.append((point["tokens"], sum(other["loss"] for other in near) / len(near)))
    return points


def _thinned(curve: Sequence[Row], most: int) -> list[Row]:
    every = -(-len(curve) // most)
    return [point for index, point in enumerate(curve) if index % every == 0 or index == len(curve) - 1]
