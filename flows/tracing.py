"""What became of a page: its captures, and the corpora, token sets and trainings that have it; and a step's pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from flows.captures import captures_of
from flows.generation import find_training
from flows.lineage import pieces_of_step, sequences_with, steps_that_saw
from model.token_set import TokenSet
from storage.catalog import Catalog
from storage.errors import UserError
from storage.lake import Lake
from storage.shards import read_table
from storage.views import sql_text

Row = dict[str, Any]


def trace_page(lake: Lake, page: str, training: str | None = None) -> list[Row]:
    """Where a page came from and went: rows of `what` (capture, corpus, tokens, training), `name`, `id`, `place`.

    Args:
        lake: Where all is.
        page: As `captures_of` takes it.
        training: Only this one: its id, the beginning of it, or its name. None: all.

    Returns:
        Rows from archive to training. Of a training that has sequences of the page and saw none, `place` says so.

    Raises:
        UserError: The lake has no such page, or no such training.
    """
    captures = captures_of(Catalog(lake), page)
    doc_ids = sorted({row["doc_id"] for row in captures})
    rows = [_capture(row) for row in captures]
    steps = lake.rows("steps")
    rows += [found for step in steps if step["step"] == "mix" for found in _in_corpus(lake, step, doc_ids)]
    only = find_training(lake, training)["training_id"] if training else None
    trainings = [row for row in lake.rows("trainings") if only in (None, row["training_id"])]
    sets = [step for step in steps if step["step"] == "tokens"]
    rows += [found for step in sets for found in _in_tokens(lake, step, doc_ids)]
    return rows + [
        found
        for step in sets
        for row in trainings
        if row["tokens_fingerprint"] == step["fingerprint"]
        for found in _in_training(lake, step, row, doc_ids)
    ]


def trace_step(lake: Lake, training: str, step: int) -> list[Row]:
    """What a step learned from: a row a stretch of a document, in the order of its batch.

    Returns:
        sequence, file, row, start; doc_id; url, crawl, archive, offset, length of the page it came from: null where
        the lake has no page of that id any more, or never had (a model from elsewhere).

    Raises:
        UserError: No such training, step or token set.
    """
    row = find_training(lake, training)
    if "tokens_fingerprint" not in row:
        raise UserError(f"{row['name']} was trained elsewhere: which text it saw is not known here.")
    sets = [found for found in lake.rows("steps") if found["fingerprint"] == row["tokens_fingerprint"]]
    if not sets:
        raise UserError(f"the tokens {row['name']} was trained on are not in the lake.", "Make them again.")
    pieces = pieces_of_step(lake, row, lake.tokens_dir(sets[0]["key"], sets[0]["fingerprint"]), step)
    ids = sorted({piece.doc_id for piece in pieces})
    captures: dict[str, Row] = {}
    for capture in Catalog(lake).query(sql_text("lineage/captures"), [ids]).to_pylist():
        captures.setdefault(capture["doc_id"], capture)
    columns = ("url", "crawl", "archive", "offset", "length")
    return [
        {"sequence": piece.sequence, "file": piece.file, "row": piece.row, "start": piece.start}
        | {"doc_id": piece.doc_id, **{name: captures.get(piece.doc_id, {}).get(name) for name in columns}}
        for piece in pieces
    ]


def _capture(row: Row) -> Row:
    place = f"{row['crawl']}/{row['archive']} at {row['offset']}, {row['length']} long: {row['fate']}"
    if row["survivor_id"]:
        place += f", {row['survivor_id']} is kept instead"
    return {"what": "capture", "name": row["url"], "id": row["doc_id"], "place": place}


def _in_corpus(lake: Lake, step: Row, doc_ids: Sequence[str]) -> Iterator[Row]:
    for output in step["outputs"]:
        if output["table"] != "corpus":
            continue
        table = read_table(lake.absolute(output["path"]), ["id", "epoch"])
        rows = np.flatnonzero(np.isin(table["id"].to_numpy().astype(object), np.array(doc_ids, object)))
        if len(rows):
            name = output["path"].rpartition("/")[2]
            yield _row("corpus", step["key"], step["fingerprint"], f"{name}, {_listed('row', rows.tolist())}")


def _in_tokens(lake: Lake, step: Row, doc_ids: Sequence[str]) -> Iterator[Row]:
    tokens = TokenSet.model_validate(json.loads(step["summary"]))
    for split, files in (("training", tokens.train.files), ("held-out", tokens.held_out.files)):
        rows = sequences_with(lake, lake.tokens_dir(step["key"], step["fingerprint"]), files, doc_ids)
        if len(rows):
            place = f"{split} {_listed('sequence', rows.tolist())}"
            yield _row("tokens", step["key"], step["fingerprint"], place)


def _in_training(lake: Lake, step: Row, training: Row, doc_ids: Sequence[str]) -> Iterator[Row]:
    seen = steps_that_saw(lake, training, lake.tokens_dir(step["key"], step["fingerprint"]), doc_ids)
    if not seen.sequences:
        return
    whole = training["train_tokens"] // training["batch_tokens"]
    place = f"{_listed('step', seen.steps)} of {whole:,}" if seen.steps else f"in none of its {whole:,} steps"
    if seen.undone:
        place += f"; {_listed('step', seen.undone)} that changed nothing: left out or gone back from"
    yield _row("training", training["name"], training["training_id"], place) | {"steps": list(seen.steps)}


def _row(what: str, name: str, key: str, place: str) -> Row:
    return {"what": what, "name": name, "id": key, "place": place}


def _listed(noun: str, numbers: Sequence[int], most: int = 12) -> str:
    """A few numbers one by one, of many how many there are and the ends."""
    if len(numbers) == 1:
        return f"{noun} {numbers[0]:,}"
    if len(numbers) <= most:
        return f"{noun}s {', '.join(f'{number:,}' for number in numbers)}"
    return f"{len(numbers):,} {noun}s from {numbers[0]:,} to {numbers[-1]:,}"
