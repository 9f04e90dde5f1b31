"""From a page to the steps of a training that saw it, and back: which sequences hold a document, and when those came.

Nothing is recorded for this while training. A sequence's documents are in its file, the order of sequences is a matter
of seed and position (`model.order`), and a training's events tell which batches were left out or taken back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flows.training_task import read_token_set
from model.order import Order
from storage.errors import UserError
from storage.lake import Lake
from storage.shards import read_table

_EVENT = re.compile(r"step (?P<out>\d+) is left out|going back from step (?P<at>\d+) to step (?P<to>\d+)")


@dataclass(frozen=True)
class Seen:
    """What a training saw of some documents.

    Attributes:
        sequences: Numbers of the training sequences that hold some of one, over all files of the split.
        steps: Steps whose batch had one of those, from 1; the weights are of these.
        undone: Steps whose batch had one and changed nothing in the end: left out, or gone back from.
    """

    sequences: tuple[int, ...]
    steps: tuple[int, ...]
    undone: tuple[int, ...] = ()


@dataclass(frozen=True)
class Batches:
    """Every batch a training took from its loader, in order, the undone ones too.

    Attributes:
        steps: The step each was, from 1; a training that went back has some steps twice.
        counted: Whether its step is one of those the weights are made of.
    """

    steps: npt.NDArray[np.int64]
    counted: npt.NDArray[np.bool_]


def batches_of(steps: int, events: Sequence[str]) -> Batches:
    """The batches of a finished training.

    Args:
        steps: Steps it is made of.
        events: What it said was out of the ordinary, in order (`trainings.events`).
    """
    numbers: list[int] = []
    counted: list[bool] = []
    reached = 0
    for found in filter(None, map(_EVENT.search, events)):
        last = int(found["out"] or found["at"])
        numbers += range(reached + 1, last + 1)
        counted += [True] * (last - reached)
        reached = last
        if found["out"]:
            counted[-1] = False
        else:
            reached = int(found["to"])
            counted = [good and number <= reached for number, good in zip(numbers, counted, strict=True)]
    numbers += range(reached + 1, steps + 1)
    counted += [True] * (steps - reached)
    return Batches(np.array(numbers, np.int64), np.array(counted, bool))


def sequences_with(
    lake: Lake, tokens_dir: str, names: Sequence[str], doc_ids: Collection[str]
) -> npt.NDArray[np.int64]:
    """Numbers of the sequences, over these files of a token set in order, that hold some of these documents."""
    wanted, found, before = np.array(sorted(doc_ids), object), [np.zeros(0, np.int64)], 0
    for name in names:
        lists: Any = read_table(lake.absolute(f"{tokens_dir}/{name}"), ["doc_ids"])["doc_ids"].combine_chunks()
        hits = np.flatnonzero(np.isin(lists.flatten().to_numpy(zero_copy_only=False).astype(object), wanted))
        ends = np.cumsum(lists.value_lengths().to_numpy(zero_copy_only=False))
        found.append(before + np.unique(np.searchsorted(ends, hits, "right")))
        before += len(lists)
    return np.concatenate(found)


def steps_that_saw(lake: Lake, training: dict[str, Any], tokens_dir: str, doc_ids: Collection[str]) -> Seen:
    """What a finished training saw of some documents.

    Args:
        lake: Where both are.
        training: Its `TRAININGS` row.
        tokens_dir: The token set it read, relative to the lake.
        doc_ids: The documents.
    """
    tokens = read_token_set(lake, tokens_dir)
    rows = sequences_with(lake, tokens_dir, tokens.train.files, doc_ids)
    batch, batches = _batch_size(training, tokens.sequence_length), _batches(training)
    order = Order(tokens.train.sequences, training["seed"])
    positions = order.positions_of(rows.tolist(), batch * len(batches.steps))
    met = np.unique(positions // batch)
    good = batches.counted[met]
    steps, undone = (tuple(np.unique(batches.steps[met[chosen]]).tolist()) for chosen in (good, ~good))
    return Seen(tuple(rows.tolist()), steps, undone)


@dataclass(frozen=True)
class Piece:
    """A stretch of a document in a sequence of a step's batch.

    Attributes:
        sequence: Number of the sequence, over all files of the split.
        file, row: The file it is in, and its place there.
        start: Position of the stretch's first token in the sequence.
        doc_id: The document; the first stretch of a sequence may go on from another sequence's.
    """

    sequence: int
    file: str
    row: int
    start: int
    doc_id: str


def pieces_of_step(lake: Lake, training: dict[str, Any], tokens_dir: str, step: int) -> list[Piece]:
    """Everything that a step of a finished training learned from, in the order of its batch.

    Raises:
        UserError: It has no such step, or the step was left out.
    """
    tokens = read_token_set(lake, tokens_dir)
    batch, batches = _batch_size(training, tokens.sequence_length), _batches(training)
    places = np.flatnonzero((batches.steps == step) & batches.counted)
    if not len(places):
        if step in batches.steps:
            raise UserError(f"step {step} of {training['name']} was left out: it changed no weight.")
        raise UserError(f"{training['name']} has steps 1 to {batches.steps.max()}, not {step}.")
    rows = Order(tokens.train.sequences, training["seed"]).rows(int(places[0]) * batch, batch)
    return _pieces(lake, tokens_dir, tokens.train.files, rows.tolist())


def _pieces(lake: Lake, tokens_dir: str, names: Sequence[str], rows: Sequence[int]) -> list[Piece]:
    found: dict[int, list[Piece]] = {}
    before = 0
    for name in names:
        table = read_table(lake.absolute(f"{tokens_dir}/{name}"), ["doc_starts", "doc_ids"])
        for number in {row for row in rows if before <= row < before + len(table)}:
            row = number - before
            starts, ids = (table[column][row].as_py() for column in ("doc_starts", "doc_ids"))
            found[number] = [Piece(number, name, row, start, doc_id) for start, doc_id in zip(starts, ids, strict=True)]
        before += len(table)
    return [piece for number in rows for piece in found[number]]


def _batch_size(training: dict[str, Any], sequence_length: int) -> int:
    return int(training["batch_tokens"]) // sequence_length


def _batches(training: dict[str, Any]) -> Batches:
    return batches_of(training["train_tokens"] // training["batch_tokens"], training["events"] or ())
