"""Looks into trained models (`winnow probe`): a training step on real text, attention, and both objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.probing import read_probes
from flows.report.figures import Column, Figure, Section, tabled
from flows.report.finetuning import against_figure
from flows.report.interactive import Widget
from flows.report.source import Row, Source

Look = Mapping[str, Any]

NONE = "`winnow probe` looks into a trained model; the report then shows it."
SOURCE = "The newest `winnow probe` of the training {name}, kept in the lake's evaluations."


def newest_look(source: Source, kind: str | None = None) -> Look | None:
    """The newest look into a model of that kind (decoder, encoder), or of any."""
    looks = (look for look in read_probes(source.lake) if kind in (None, look["kind"]))
    return next(looks, None)


def step_figure(source: Source) -> tuple[Figure, ...]:
    """A passage from text to update."""
    look = newest_look(source)
    if look is None:
        return ()
    rows = [
        {"token": _spelt(look, token), "target": "" if target is None else _spelt(look, target), "nats": nats}
        for token, target, nats in zip(look["ids"], look["targets"], look["target_nats"], strict=True)
    ]
    columns = (Column("token", "Token"), Column("target", "Target"), Column("nats", "Loss, nats", "loss"))
    caption = "One held-out passage through the trained model and back: what a training step does, with its numbers."
    return _drawn(look, "training-step", "A step, on real text", caption, columns, rows, Widget("steps", look))


def attention_figure(source: Source) -> tuple[Figure, ...]:
    """Who attends to whom in the trained model."""
    look = newest_look(source)
    if look is None:
        return ()
    rows = [
        {"block": block + 1, "head": head + 1, "self": _mean_on_diagonal(weights), "first": _mean_on_first(weights)}
        for block, heads in zip(look["blocks"], look["attention"], strict=True)
        for head, weights in enumerate(heads)
    ]
    columns = (
        Column("block", "Block", "count"),
        Column("head", "Head", "count"),
        Column("self", "On the token itself", "frac"),
        Column("first", "On the first token", "frac"),
    )
    caption = "The trained model's attention weights on a held-out passage: a row is a token, its shades add up to one."
    part = {key: look[key] for key in ("ids", "pieces", "blocks", "attention")}
    return _drawn(
        look, "architecture-attention", "What it attends to", caption, columns, rows, Widget("attention", part)
    )


def objectives_section(source: Source) -> Section:
    """What the two kinds of model are asked to do, on the corpus's own text."""
    decoder, encoder = newest_look(source, "decoder"), newest_look(source, "encoder")
    looks = (*(_written(decoder) if decoder else ()), *(_masked(encoder) if encoder else ()))
    figures = (*looks, *against_figure(source))
    if not figures:
        return Section("objectives", "Objectives", f"No model has been looked into yet: {NONE}")
    lead = "A decoder says the next token from those before it; an encoder says hidden tokens from those on both sides."
    return Section("objectives", "Objectives", lead, figures)


def _written(look: Look) -> tuple[Figure, ...]:
    written = look["written"]
    rows = [
        {"token": _spelt(look, token), "logit": step["top"][0][1]}
        for token, step in zip(written["ids"], written["steps"], strict=True)
    ]
    columns = (Column("token", "Token written"), Column("logit", "Its logit", "number"))
    caption = (
        "The model writes on from the first half of a held-out passage, always its likeliest token. The temperature "
        "divides the recorded logits before the softmax: below one the likeliest gains, above one all come closer."
    )
    part = {key: look[key] for key in ("ids", "pieces", "written")}
    return _drawn(look, "objectives-writing", "Token by token", caption, columns, rows, Widget("writing", part))


def _masked(look: Look) -> tuple[Figure, ...]:
    rows = [
        {"place": one["place"], "token": _spelt(look, one["id"]), "shown": _spelt(look, one["shown"])}
        | {"way": one["way"], "said": _spelt(look, one["said"]["top"][0][0])}
        for one in look["masked"]
    ]
    columns = (
        Column("place", "Position", "count"),
        Column("token", "Token"),
        Column("shown", "Shown"),
        Column("way", "Way"),
        Column("said", "Said first"),
    )
    caption = (
        "Of the tokens chosen (15 %), four in five are hidden, one in ten is replaced, one in ten left: the model "
        "must say them all, and cannot know which were touched. Source: Devlin et al. 2019."
    )
    part = {key: look[key] for key in ("ids", "pieces", "masked")}
    return _drawn(look, "objectives-masked", "Hidden words", caption, columns, rows, Widget("masked", part))


def _drawn(
    look: Look, id: str, title: str, caption: str, columns: tuple[Column, ...], rows: list[Row], widget: Widget
) -> tuple[Figure, ...]:
    return tabled(id, title, caption, columns, rows, source=SOURCE.format(name=look["name"]), widget=widget)


def _spelt(look: Look, token: int) -> str:
    return str(look["pieces"][str(token)])


def _mean_on_diagonal(weights: list[list[float]]) -> float:
    return sum(row[place] for place, row in enumerate(weights)) / len(weights)


def _mean_on_first(weights: list[list[float]]) -> float:
    return sum(row[0] for row in weights) / len(weights)
