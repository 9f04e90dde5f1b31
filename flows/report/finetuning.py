"""Pre-train and fine-tune: what pre-training is worth by how many labelled examples there are, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.label_efficiency import PRETRAINED, SCRATCH, Efficiency, Point, efficiencies, table_rows
from flows.report.figures import Column, Figure, Section, Table, with_interval
from flows.report.interactive import Widget
from flows.report.source import Source
from flows.report.svg import Axis, Plot
from flows.report.words import count, plural, power, seconds

FINETUNINGS = "SELECT * FROM finetunings"
NONE = "No model has been fine-tuned yet: `winnow finetune` does it, and with `--from both` says what it was worth."
COLOURS = {
    ("decoder", PRETRAINED): "c1",
    ("decoder", SCRATCH): "c5",
    ("encoder", PRETRAINED): "c2",
    ("encoder", SCRATCH): "c4",
}
OTHERS = {PRETRAINED: "c3", SCRATCH: "c0"}
"""Of kinds and modes beside those."""
ROOM = 0.35
"""Around the means, of their range: an interval of two seeds may be wider than all else, and is cut there."""


SPREAD = 0.06
"""Of the number of examples: series stand beside each other, so that their intervals can be told apart."""


def finetuning_section(source: Source) -> Section:
    """Label-efficiency curves, from scratch against pre-trained, with cost."""
    found = efficiencies(source.rows(FINETUNINGS))
    if not found:
        return Section("finetuning", "Pre-train and fine-tune", NONE)
    runs = sum(point.score.seeds for one in found for point in one.points)
    data = sorted({one.data for one in found})
    lead = f"{plural(runs, 'fine-tuning')} on {plural(len(data), 'data set')}. {_headline(found)}".strip()
    return Section("finetuning", "Pre-train and fine-tune", lead, (_curves(found), _costs(found)))


def against_figure(source: Source) -> tuple[Figure, ...]:
    """An encoder's and a decoder's scores on the same task; nothing where no task has both."""
    found = [one for one in efficiencies(source.rows(FINETUNINGS)) if one.of(PRETRAINED)]
    kinds = {key: {o.kind for o in found if (o.data, o.mode) == key} for key in {(o.data, o.mode) for o in found}}
    both = [one for one in found if {"encoder", "decoder"} <= kinds[one.data, one.mode]]
    both = [one for one in both if one.kind in ("encoder", "decoder")]
    if not both:
        return ()
    rows = [row for row in table_rows(both) if row["start"] == PRETRAINED]
    first = [one for one in both if one.data == both[0].data and one.mode == both[0].mode]
    plot = _plot(f"Encoder and decoder on {both[0].data}", first, (PRETRAINED,))
    caption = (
        f"Models of the lake fine-tuned on the same examples of {both[0].data}, by how many there are, with 95 % "
        "intervals over seeds. They differ in what they see and in what they were asked for; the table has every task."
    )
    legend = tuple((kind, COLOURS[kind, PRETRAINED]) for kind in ("encoder", "decoder"))
    return (
        Figure(
            "objectives-against", "Encoder against decoder", caption, Table(COLUMNS, rows), plot.render(), legend,
            sql=FINETUNINGS,
        ),
    )  # fmt: skip


COLUMNS = (
    Column("data", "Data"),
    Column("model", "Model"),
    Column("kind", "Kind"),
    Column("mode", "Mode"),
    Column("start", "Start"),
    Column("examples", "Examples", "count"),
    Column("seeds", "Seeds", "count"),
    Column("metric", "Metric"),
    *with_interval(Column("mean", "Mean", "loss"), "from", "to"),
    *with_interval(Column("gain", "Gain", "loss"), "gain_from", "gain_to"),
    Column("seconds", "Elapsed", "seconds"),
    Column("flops", "FLOP", "power"),
)


def _headline(found: Sequence[Efficiency]) -> str:
    """The greatest gain whose interval leaves zero out, else that none does."""
    gains = [(gain.value, one, n, gain) for one in found for n, gain in one.gains if gain.low is not None]
    if not gains:
        return "With both starts and several seeds (`--from both --seeds 5`) gains have an interval."
    sure = [entry for entry in gains if (entry[3].low or 0.0) > 0]
    if not sure:
        return "No gain of pre-training is beyond what seeds alone bring."
    _, one, examples, gain = max(sure, key=lambda entry: entry[0])
    return (
        f"Pre-training brought most to the {one.kind.replace('_', '-')} {one.name} with {count(examples)} examples of "
        f"{one.data}: {gain.value:+.3f} {one.metric.replace('_', ' ')} ({gain.low:+.3f} to {gain.high:+.3f})."
    )


def _curves(found: Sequence[Efficiency]) -> Figure:
    first = [one for one in found if one.data == found[0].data]
    starts = (PRETRAINED, SCRATCH)
    plot = _plot(f"Score on {found[0].data} by training examples", first, starts)
    caption = (
        "Score on examples never trained on, by how many there were to learn from: from the pre-trained weights, and "
        "from random weights of the same shape. Both starts share examples, order, head and settings. Bars are "
        "Student's 95 % intervals over seeds, cut at the frame; gains are of pairs with the same seed."
    )
    legend = tuple(dict.fromkeys((_series(one, start), _colour(one, start)) for one in first for start in starts))
    widget = Widget("labels", {"curves": [_told(one) for one in found]})
    rows = table_rows(found)
    return Figure(
        "finetuning-curves", "Label efficiency", caption, Table(COLUMNS, rows), plot.render(), legend,
        sql=FINETUNINGS, widget=widget,
    )  # fmt: skip


def _costs(found: Sequence[Efficiency]) -> Figure:
    rows: list[dict[str, Any]] = []
    for one in found:
        most = max(one.points, key=lambda point: point.examples)
        rows.append(
            {
                "data": one.data, "model": one.name, "mode": one.mode, "examples": most.examples,
                "flops": most.flops, "seconds": most.seconds, "pretrain_flops": one.pretrain_flops,
                "pretrain_seconds": one.pretrain_seconds,
                "share": most.flops / one.pretrain_flops if one.pretrain_flops else None,
            }
        )  # fmt: skip
    columns = (
        Column("data", "Data"),
        Column("model", "Model"),
        Column("mode", "Mode"),
        Column("examples", "Examples", "count"),
        Column("flops", "Fine-tuning", "power"),
        Column("seconds", "elapsed", "seconds"),
        Column("pretrain_flops", "Pre-training", "power"),
        Column("pretrain_seconds", "elapsed", "seconds"),
        Column("share", "One of the other", "frac"),
    )
    caption = (
        "FLOP and time of one fine-tuning on the most examples, and of the pre-training it began with, which is paid "
        "once for all tasks. Fine-tuning: 6 per matrix weight and token, 4 where the matrices stay (LoRA), 2 where all "
        "does (frozen); pre-training: 6 N D."
    )
    return Figure("finetuning-cost", "What either costs", caption, Table(columns, rows), sql=FINETUNINGS)


def _plot(title: str, found: Sequence[Efficiency], starts: Sequence[str]) -> Plot:
    points = [point for one in found for start in starts for point in one.of(start)]
    x = Axis.over("training examples", [point.examples for point in points], log=True)
    y = Axis.over(found[0].metric.replace("_", " "), [point.score.value for point in points], margin=ROOM)
    plot = Plot(title, x, y)
    shown = [(one, start) for one in found for start in starts]
    for number, (one, start) in enumerate(shown):
        colour, name = _colour(one, start), _series(one, start)
        beside = 1 + SPREAD * (number / max(len(shown) - 1, 1) - 0.5)
        line = [(point.examples * beside, point) for point in one.of(start)]
        drawn = f"{colour}{' dashed' * (start == SCRATCH)}"
        plot.line([(where, point.score.value) for where, point in line], drawn, name)
        for where, point in line:
            score, words = point.score, f"{name}: {_words(one, point)}"
            plot.estimate(where, score.value, score.low, score.high, colour, words)
    return plot


def _words(one: Efficiency, point: Point) -> str:
    score = point.score
    spread = f" ({score.low:.3f} to {score.high:.3f})" if score.low is not None else ""
    return (
        f"{count(point.examples)} examples, {score.value:.3f}{spread} {one.metric.replace('_', ' ')}, "
        f"{plural(score.seeds, 'seed')}, {power(point.flops)} FLOP in {seconds(point.seconds)}"
    )


def _series(one: Efficiency, start: str) -> str:
    how = "" if one.mode == "full" else f", {one.mode}"
    return f"{one.kind.replace('_', '-')}{how}, {'pre-trained' if start == PRETRAINED else 'from scratch'}"


def _colour(one: Efficiency, start: str) -> str:
    return COLOURS[one.kind, start] if one.mode == "full" and (one.kind, start) in COLOURS else OTHERS[start]


def _told(one: Efficiency) -> dict[str, Any]:
    """A curve for the page's script: points with their cost, pre-training counted or not."""
    return {
        "data": one.data, "name": one.name, "metric": one.metric.replace("_", " "), "before": one.pretrain_flops,
        "series": [
            {
                "name": _series(one, start), "colour": _colour(one, start), "pretrained": start == PRETRAINED,
                "points": [
                    {
                        "examples": point.examples, "value": point.score.value, "low": point.score.low,
                        "high": point.score.high, "flops": point.flops, "words": _words(one, point),
                    }
                    for point in one.of(start)
                ],
            }
            for start in (PRETRAINED, SCRATCH) if one.of(start)
        ],
    }  # fmt: skip
