"""Does a change to the data help? The same ladder on two token sets, measured on the same held-out documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from prefect import flow
from pydantic import Field

from flows.child import run_child
from flows.corpus_flow import corpus_flow
from flows.corpus_plan import CorpusRequest
from flows.ladder_training import LadderRequest, train_all, tune
from flows.progress import tell
from flows.recipe import load_recipe
from flows.rungs import COMPARISON
from flows.steps import Step, find_step
from flows.tokens_flow import TokensRequest, tokens_flow
from flows.training_task import absolute, read_token_set
from flows.work import phase, prefect_api, publish_markdown, publish_table, threads, unit_of_work
from model.scaling.comparison import Comparison, MeasureSpec, Pair, compare
from model.scaling.ladder import Rung, rungs
from model.token_set import TokenSet
from storage import files, schema
from storage.errors import UserError
from storage.lake import Lake, fingerprint
from storage.shards import iter_batches, write_table

VERSION = 3
"""Raised when comparisons come out differently; part of every evaluation's id."""

MOST_BYTES = 2_000_000
"""Held-out text measured on: a difference of a thousandth is far above what more would change."""


LEAST_CHARS = 50_000
"""Common held-out text that will do."""


class CompareRequest(LadderRequest):
    """What a comparison needs to know; Prefect shows it as a form."""

    a: str = Field(description="corpus whose newest token set is the one side")
    b: str = Field(description="and the other")


def compare_corpora(
    recipe_a: str, recipe_b: str, inputs: tuple[str, ...], seeds: int, root: str, workers: int, changes: tuple[str, ...]
) -> Comparison:
    """Make what is missing of two corpora and their tokens, then compare them; resumes where it stopped.

    Args:
        recipe_a, recipe_b: The recipes. Tokenizer, ladder and training are those of the first, for both.
        inputs: Archives of both; none where both corpora are in the lake.
        seeds: Of every rung.
        root: The lake.
        workers: Processes, and rungs side by side.
        changes: section.key=value for both recipes.

    Raises:
        UserError: The recipes have the same name, or see `compare_flow`.
    """
    first, second = load_recipe(recipe_a, changes), load_recipe(recipe_b, changes)
    if first.name == second.name:
        raise UserError(f"both recipes are called {first.name!r}.", "Give each a name of its own.")
    with prefect_api():
        for path, recipe in ((recipe_a, first), (recipe_b, second)):
            if inputs:
                request = CorpusRequest(recipe=path, inputs=inputs, changes=changes, lake=root, workers=workers)
                corpus_flow(request)
            tokens_flow(TokensRequest(name=recipe.name, config=first.tokens, lake=root, workers=workers))
        ladder = first.scaling.model_copy(update={"seeds": tuple(range(seeds)), "noise_seeds": ()})
        request_both = CompareRequest(
            a=first.name,
            b=second.name,
            config=ladder,
            model=first.model,
            train=first.training,
            lake=root,
            workers=workers,
        )
        found: Comparison = compare_flow(request_both)
    return found


@flow(name="compare", flow_run_name="compare-{request.a}-{request.b}")
def compare_flow(request: CompareRequest) -> Comparison:
    """Train the ladder on both token sets, measure both on the documents held out of either, and compare.

    Raises:
        UserError: Token sets that are not there or do not match, or too few runs to tell anything.
    """
    lake = Lake(request.lake)
    lake.check_writable()
    sides = {
        name: find_step(lake, "tokens", name, "Make tokens first: `winnow tokens`.") for name in (request.a, request.b)
    }
    sets = {name: read_token_set(lake, lake.tokens_dir(step.key, step.fingerprint)) for name, step in sides.items()}
    _demand_alike(sets)
    vocabulary = sets[request.a].vocab_size
    if request.config.rate_factors:
        request = _tuned(request, lake, sides[request.a], vocabulary)
    ladder = rungs(request.config, vocabulary, request.model, request.train)
    rows = {name: _climb(request, ladder, lake, step) for name, step in sides.items()}
    texts = write_held_out(lake, list(sides.values()))
    losses = measure(lake, rows, texts, sets[request.a], request)
    found = compare(list(_pairs(ladder, rows, losses, request)), names=(request.a, request.b))
    _write(lake, request, rows, found)
    publish_table("comparison", comparison_rows(found), "Loss of b less that of a, bits a byte, by rung")
    publish_markdown("comparison", found.verdict)
    tell(found.verdict)
    return found


@unit_of_work("measure")
def measure_task(label: str, spec: MeasureSpec) -> dict[str, float]:
    """Bits a byte of some trainings, by their weights."""
    events = run_child("model.measure", "-", spec.model_dump_json())
    return {event["weights"]: float(event["bits_per_byte"]) for event in events}


def measure(
    lake: Lake, rows: dict[str, dict[str, dict[str, Any]]], texts: str, tokens: TokenSet, request: CompareRequest
) -> dict[str, float]:
    """Bits a byte of every training on the common documents, by its weights."""
    weights = [absolute(lake, row["checkpoint"]) for side in rows.values() for row in side.values()]
    spec = MeasureSpec(
        weights=tuple(weights),
        texts=absolute(lake, texts),
        sequence_length=tokens.sequence_length,
        end_of_document=tokens.end_of_document,
        objective=request.train.objective,
        threads=request.config.threads,
        device=request.device,
    )
    measured: dict[str, float] = phase("measure", threads(1), lambda: measure_task.submit(texts, spec).result())
    return measured


def write_held_out(lake: Lake, sides: Sequence[Step]) -> str:
    """The documents held out of both corpora, as JSON lines; the path in the lake.

    Which they are is a matter of their ids, so both sides hold out nearly the same ones; those that either has to
    train on are left out here. Where the corpora share too little, documents that only one side has are taken too:
    then text that the other's rules refuse counts as well.
    """
    name = fingerprint("held-out", VERSION, *(side.fingerprint for side in sides))
    path = f"evaluations/held-out/{name}.jsonl"
    if not files.exists(lake.absolute(path)):
        found = common_documents(_held_out(lake, sides))
        chosen, size = [], 0
        for doc_id in sorted(found):
            chosen.append(found[doc_id])
            size += len(found[doc_id].encode())
            if size >= MOST_BYTES:
                break
        lines = "".join(json.dumps({"text": text}) + "\n" for text in chosen)
        files.write_bytes(lake.absolute(path), lines.encode())
    return path


def common_documents(sides: Sequence[dict[str, str]]) -> dict[str, str]:
    """Documents that all sides have, or, if those are few, that any has; texts by id."""
    shared = set.intersection(*(set(side) for side in sides))
    every = {doc_id: text for side in sides for doc_id, text in side.items()}
    common = {doc_id: text for doc_id, text in every.items() if doc_id in shared}
    return common if sum(len(text) for text in common.values()) >= LEAST_CHARS else every


def comparison_rows(found: Comparison) -> list[dict[str, Any]]:
    """One row a rung."""
    return [
        {**{key: value for key, value in asdict(rung).items() if key != "delta"}, **asdict(rung.delta)}
        for rung in found.rungs
    ]


def describe_comparison(found: Comparison) -> Iterator[str]:
    """A comparison in lines, for the terminal."""
    yield f"{'rung':20}{'N':>10}{'D':>12}{'C':>10}{'seeds':>6}{'a':>9}{'b':>9}{'b - a':>9}   90 % interval"
    for rung in found.rungs:
        delta = rung.delta
        yield (
            f"{rung.rung:20}{rung.params:>10,.0f}{rung.tokens:>12,.0f}{rung.flops:>10.2e}{rung.seeds:>6}"
            f"{rung.loss_a:>9.4f}{rung.loss_b:>9.4f}{delta.value:>+9.4f}   {delta.low:+.4f} to {delta.high:+.4f}"
            f"  {rung.words}"
        )
    yield f"seeds move a difference by {found.noise:.4f} (standard deviation)"
    slope = found.slope
    yield f"ten times the compute changes it by {slope.value:+.4f} ({slope.low:+.4f} to {slope.high:+.4f})"
    yield found.verdict


def _held_out(lake: Lake, sides: Sequence[Step]) -> list[dict[str, str]]:
    """Of every side what it holds out and no side has to train on: texts by id."""
    corpora = [find_step(lake, "mix", side.key, "Make a corpus first: `winnow corpus`.") for side in sides]
    found = [
        {row["id"]: row["text"] for row in _rows(lake, corpus, ["id", "split", "text"]) if row["split"] == "held_out"}
        for corpus in corpora
    ]
    for corpus in corpora:
        for row in _rows(lake, corpus, ["id", "split"]):
            if row["split"] == "train":
                for texts in found:
                    texts.pop(row["id"], None)
    return found


def _rows(lake: Lake, corpus: Step, columns: list[str]) -> Iterator[dict[str, Any]]:
    for output in corpus.outputs_of("corpus"):
        for batch in iter_batches(lake.absolute(output.path), columns, 256):
            yield from batch.to_pylist()


def _climb(request: CompareRequest, ladder: Sequence[Rung], lake: Lake, side: Step) -> dict[str, dict[str, Any]]:
    directory = lake.tokens_dir(side.key, side.fingerprint)
    trained: dict[str, dict[str, Any]] = phase(
        "compare", threads(request.workers), lambda: train_all(request, ladder, side.key, directory, COMPARISON)
    )
    return trained


def _tuned(request: CompareRequest, lake: Lake, side: Step, vocabulary: int) -> CompareRequest:
    """The rule for the rate checked on one side, for both: the sides differ in their data alone."""
    directory = lake.tokens_dir(side.key, side.fingerprint)
    tuned: CompareRequest = phase(
        "sweep", threads(request.workers), lambda: tune(request, vocabulary, side.key, directory)
    )
    return tuned


def _pairs(
    ladder: Sequence[Rung],
    rows: dict[str, dict[str, dict[str, Any]]],
    losses: dict[str, float],
    request: CompareRequest,
) -> Iterator[Pair]:
    lake = Lake(request.lake)
    for rung in ladder:
        if all(rung.name in side for side in rows.values()):
            a, b = (losses[absolute(lake, rows[name][rung.name]["checkpoint"])] for name in (request.a, request.b))
            stem = rung.name.rpartition("-s")[0]
            yield Pair(stem, rung.params, rung.tokens, rung.flops, rung.train.seed, a, b)


def _demand_alike(sets: dict[str, TokenSet]) -> None:
    if len(sets) < 2:
        raise UserError("both sides are the same corpus.", "Give two recipes of different names.")
    first, second = sets.values()
    for key in ("vocab_size", "sequence_length"):
        if getattr(first, key) != getattr(second, key):
            raise UserError(
                f"the two token sets differ in {key}: {getattr(first, key):,} and {getattr(second, key):,}.",
                "Only the corpora may differ.",
            )


def _write(lake: Lake, request: CompareRequest, rows: dict[str, dict[str, dict[str, Any]]], found: Comparison) -> None:
    trained = sorted(row["training_id"] for side in rows.values() for row in side.values())
    evaluation_id = fingerprint("comparison", VERSION, request.a, request.b, trained)
    path = lake.evaluation_path(evaluation_id)
    if files.exists(lake.absolute(path)):
        return
    same = {
        "evaluation_id": evaluation_id,
        "kind": "comparison",
        "name": f"{request.a} against {request.b}",
        "unit": "bits a byte",
        "finished_at": datetime.now(UTC),
    }
    deltas = [{**same, "part": rung.rung, "metric": "delta", **asdict(rung.delta)} for rung in found.rungs]
    whole = {**same, "part": "all", "metric": "delta", **asdict(found.mean), "details": json.dumps(asdict(found))}
    far = {**same, "part": "extrapolated", "metric": "delta", **asdict(found.far)}
    table = pa.Table.from_pylist([*deltas, whole, far], schema.EVALUATIONS)
    write_table(lake.root, path, "evaluations", table)
