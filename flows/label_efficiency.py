"""Label efficiency: what pre-training is worth, by how many labelled examples there are; from fine-tunings' rows.

Runs that differ in their seed alone are one point: their mean, and Student's interval of it. Runs of one seed from
both starts share everything but the weights they begin with, so the difference has an interval of its own, of pairs.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.special import stdtrit

Row = Mapping[str, Any]
Curve = tuple[str, str, str, str]
"""Data set, training, kind of model, mode."""

PRETRAINED, SCRATCH = "pretrained", "scratch"


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over seeds with its 95 % interval; none of one seed."""

    value: float
    low: float | None
    high: float | None
    seeds: int


@dataclass(frozen=True, slots=True)
class Point:
    """Runs from one start on so many examples.

    Attributes:
        seconds, flops: Of one fine-tuning, mean; pre-training left out.
        rates: Learning rates of the runs: where each chose its own, several.
    """

    start: str
    examples: int
    score: Mean
    seconds: float
    flops: float
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Efficiency:
    """A model's scores by number of examples, from both starts.

    Attributes:
        gains: Pre-trained less from scratch, by examples, over the seeds that both have.
        pretrain_flops, pretrain_seconds: Null where the lake did not do the pre-training.
    """

    data: str
    name: str
    kind: str
    mode: str
    metric: str
    points: tuple[Point, ...]
    gains: tuple[tuple[int, Mean], ...]
    pretrain_flops: float | None
    pretrain_seconds: float | None

    def of(self, start: str) -> list[Point]:
        """Points from one start, by examples."""
        return [point for point in self.points if point.start == start]


def mean_of(values: Sequence[float]) -> Mean:
    """Mean and Student's 95 % interval."""
    mean, count = statistics.fmean(values), len(values)
    if count < 2:
        return Mean(mean, None, None, count)
    reach = float(stdtrit(count - 1, 0.975)) * statistics.stdev(values) / math.sqrt(count)
    return Mean(mean, mean - reach, mean + reach, count)


def efficiencies(rows: Iterable[Row]) -> list[Efficiency]:
    """Rows of the view `finetunings` by data set, training, kind and mode, sorted by them.

    A run that was done again under other settings counts by its newest rows: those of one seed, start and number of
    examples.
    """
    curves: dict[Curve, dict[tuple[str, int, int], Row]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: (row["finished_at"], row["evaluation_id"])):
        curve = (row["data"], row["name"], row["kind"], row["mode"])
        curves[curve][row["start"], row["examples"], row["seed"]] = row
    return [_efficiency(curve, runs) for curve, runs in sorted(curves.items())]


def _efficiency(curve: Curve, runs: Mapping[tuple[str, int, int], Row]) -> Efficiency:
    groups: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for (start, examples, _), row in runs.items():
        groups[start, examples].append(row)
    points = tuple(_point(start, examples, group) for (start, examples), group in sorted(groups.items()))
    pairs: dict[int, list[float]] = defaultdict(list)
    for (start, examples, seed), row in sorted(runs.items()):
        other = runs.get((SCRATCH, examples, seed))
        if start == PRETRAINED and other is not None:
            pairs[examples].append(row["value"] - other["value"])
    first = next(iter(runs.values()))
    gains = tuple((examples, mean_of(found)) for examples, found in sorted(pairs.items()))
    cost = first["pretrain_flops"], first["pretrain_seconds"]
    return Efficiency(*curve, first["metric"], points, gains, *cost)


def _point(start: str, examples: int, group: Sequence[Row]) -> Point:
    score = mean_of([row["value"] for row in group])
    seconds, flops = (statistics.fmean(row[key] for row in group) for key in ("seconds", "flops"))
    rates = tuple(sorted({row["learning_rate"] for row in group}))
    return Point(start, examples, score, seconds, flops, rates)


def flat(row: Row) -> dict[str, Any]:
    """An `EVALUATIONS` row of a fine-tuning as the view `finetunings` has it."""
    details = json.loads(row["details"])
    kept = ("evaluation_id", "name", "metric", "value", "low", "high", "finished_at")
    told = (
        *("task", "kind", "mode", "start", "examples", "seed", "measured_examples", "params_trained", "params_total"),
        *("learning_rate", "steps", "best_step", "tokens_seen", "flops", "seconds"),
        *("pretrain_tokens", "pretrain_flops", "pretrain_seconds"),
    )
    return {key: row[key] for key in kept} | {"data": row["part"]} | {key: details[key] for key in told}


def table_rows(found: Iterable[Efficiency]) -> list[dict[str, Any]]:
    """A row a data set, model, start and number of examples, for the terminal and the report."""
    rows = []
    for one in found:
        gains = dict(one.gains)
        for point in sorted(one.points, key=lambda point: (point.examples, point.start)):
            gain = gains.get(point.examples) if point.start == PRETRAINED else None
            rows.append(
                {
                    "data": one.data, "model": one.name, "kind": one.kind, "mode": one.mode, "start": point.start,
                    "examples": point.examples, "seeds": point.score.seeds, "metric": one.metric,
                    "mean": point.score.value, "from": point.score.low, "to": point.score.high,
                    "gain": gain.value if gain else None, "gain_from": gain.low if gain else None,
                    "gain_to": gain.high if gain else None, "seconds": point.seconds, "flops": point.flops,
                    "rates": " ".join(f"{rate:g}" for rate in point.rates),
                }
            )  # fmt: skip
    return rows
