"""Zero-shot evaluation of a training: multiple choice and minimal pairs, answered by likelihood."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa

from flows.child import run_child
from flows.generation import find_training, load_language
from flows.training_task import absolute
from model.config import Device
from model.scoring import ScoreSpec
from pipeline.questions import Question, read_questions
from pipeline.tokens import Tokenizer
from storage import files, schema
from storage.errors import UserError
from storage.lake import Lake, fingerprint
from storage.shards import read_table, write_table

VERSION = 2
"""Raised when scores come out differently; part of every evaluation's id."""
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Benchmark:
    """A file of questions: its name (the file's, without its ending), digest and items."""

    name: str
    sha256: str
    questions: tuple[Question, ...]

    @property
    def chance(self) -> float | None:
        """Expected share of right answers of one who guesses; None where an answer is written rather than chosen."""
        if all(len(question.options) == 1 for question in self.questions):
            return None
        return sum(1 / len(question.options) for question in self.questions) / len(self.questions)


def read_benchmark(uri: str, limit: int | None = None) -> Benchmark:
    """A JSONL file of questions; the first `limit` of them.

    Raises:
        UserError: No such file, no question in it, or a line that is none.
    """
    with files.open_read(uri) as stream:
        content = stream.read()
    name = uri.rstrip("/").rpartition("/")[2].removesuffix(".jsonl")
    try:
        lines = content.decode().split("\n")  # a string of JSON may hold U+2028, which ends a line of prose
    except UnicodeDecodeError as error:
        raise UserError(f"{uri} is not UTF-8.", "Benchmarks are JSONL files.") from error
    questions = tuple(read_questions(lines, name))[:limit]
    if not questions:
        raise UserError(f"{uri} holds no questions.", "Benchmarks are JSONL files, a question a line.")
    return Benchmark(name, hashlib.sha256(content).hexdigest(), questions)


def evaluate(
    lake: Lake,
    training: str,
    benchmark: Benchmark,
    *,
    start_token: bool = False,
    threads: int = 0,
    device: Device = "auto",
) -> list[dict[str, Any]]:
    """A training's scores on one benchmark, unless they are there; its `EVALUATIONS` rows.

    Args:
        start_token: Begin every context with the token that ends documents, as in training; without, only empty
            ones begin so, as in lm-evaluation-harness.

    Raises:
        UserError: No such training, or a model that gives no likelihoods.
    """
    row = find_training(lake, training)
    evaluation_id = fingerprint("benchmark", VERSION, row["training_id"], benchmark, start_token)
    path = lake.evaluation_path(evaluation_id)
    if not files.exists(lake.absolute(path)):
        scored = score_options(lake, row, benchmark, start_token=start_token, threads=threads, device=device)
        shared = {"evaluation_id": evaluation_id, "kind": "benchmark", "name": row["name"], "part": benchmark.name}
        about = {"training_id": row["training_id"], "sha256": benchmark.sha256, "items": len(benchmark.questions)}
        about |= {"chance": benchmark.chance, "start_token": start_token}
        rows = [
            shared | metric | {"details": json.dumps(about), "finished_at": datetime.now(UTC)}
            for metric in metrics(benchmark.questions, scored)
        ]
        write_table(lake.root, path, "evaluations", pa.Table.from_pylist(rows, schema.EVALUATIONS))
    found: list[dict[str, Any]] = read_table(lake.absolute(path)).to_pylist()
    return found


def score_options(
    lake: Lake, row: dict[str, Any], benchmark: Benchmark, *, start_token: bool, threads: int, device: Device
) -> list[tuple[float, bool]]:
    """Nats of every option of every question, in their order, and whether the model would write it."""
    tokenizer, tokens = load_language(lake, row["checkpoint"].rpartition("/")[0])
    options = [option for question in benchmark.questions for option in question.options]
    spec = ScoreSpec(
        weights=absolute(lake, row["checkpoint"]),
        requests=tuple(encode(tokenizer, *option, start_token) for option in options),
        max_positions=tokens.sequence_length,
        threads=threads,
        device=device,
    )
    return [(event["nats"], event["greedy"]) for event in run_child("model.score", "-", spec.model_dump_json())]


def encode(tokenizer: Tokenizer, context: str, continuation: str, start_token: bool) -> tuple[tuple[int, ...], ...]:
    """Ids of context and continuation, cut apart where the context's own ids end.

    White space at the end of the context goes to the continuation, where a tokenizer joins it to a word.
    """
    bare = context.rstrip()
    whole = tokenizer.encode(context + continuation).tolist()
    length = min(len(tokenizer.encode(bare)), len(whole) - 1)
    start = [tokenizer.end_id] if start_token or not length else []
    return (*start, *whole[:length]), tuple(whole[length:])


def metrics(questions: Sequence[Question], scored: Sequence[tuple[float, bool]]) -> list[dict[str, Any]]:
    """Scores with 95 % intervals: `acc` and, for choices, `acc_norm` (likelihood a character of the answer).

    Questions with one ending give `acc` (it is what the model would write) and `perplexity` of the endings, e to the
    mean of their nats. Intervals are Wilson's; of the perplexity, normal in the logarithm.
    """
    starts = [0]
    for question in questions:
        starts.append(starts[-1] + len(question.options))
    groups = [scored[a:b] for a, b in pairwise(starts)]
    if all(len(group) == 1 for group in groups):
        right = sum(greedy for ((_, greedy),) in groups)
        return [_share("acc", right, len(groups)), _perplexity([nats for ((nats, _),) in groups])]
    plain = sum(_likeliest([nats for nats, _ in g]) == q.gold for q, g in zip(questions, groups, strict=True))
    normed = sum(
        _likeliest([nats / len(text.removeprefix(" ")) for (nats, _), (_, text) in zip(g, q.options, strict=True)])
        == q.gold
        for q, g in zip(questions, groups, strict=True)
    )
    return [_share("acc", plain, len(groups)), _share("acc_norm", normed, len(groups))]


def _likeliest(nats: Sequence[float]) -> int:
    return min(range(len(nats)), key=nats.__getitem__)


def _share(metric: str, right: int, items: int) -> dict[str, Any]:
    low, high = share_interval(right, items)
    return {"metric": metric, "value": right / items, "low": low, "high": high, "unit": "share"}


def share_interval(right: int, items: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share: it holds its level for few items too, and stays within 0..1."""
    share, z2 = right / items, Z95**2
    middle = (share + z2 / (2 * items)) / (1 + z2 / items)
    reach = Z95 / (1 + z2 / items) * math.sqrt(share * (1 - share) / items + z2 / (4 * items**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _perplexity(nats: Sequence[float]) -> dict[str, Any]:
    mean = sum(nats) / len(nats)
    spread = math.sqrt(sum((value - mean) ** 2 for value in nats) / max(len(nats) - 1, 1) / len(nats))
    low, high = (exp_or_inf(mean + sign * Z95 * spread) for sign in (-1, 1))
    return {"metric": "perplexity", "value": exp_or_inf(mean), "low": low, "high": high, "unit": "an ending"}


def exp_or_inf(value: float) -> float:
    """e to a value; infinite where that is more than a float holds."""
    return math.exp(value) if value < 700 else math.inf
