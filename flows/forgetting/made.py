"""What was made of forgotten pages: corpus shards written again without them, token sets and trainings taken away."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.dataset_card import NOTHING_KNOWN, Provenance, card_text, provenance_of
from flows.dedup_steps import outputs_of
from flows.forgetting.erase import Eraser
from flows.forgetting.request import relative, trainings_of
from flows.mix_task import write_card
from flows.recorded import recorded_recipe
from pipeline.mix import END_TOKENS
from pipeline.mix_config import MixConfig
from storage import files, schema
from storage.errors import UserError
from storage.lake import Lake
from storage.shards import Output, column_names, read_table, write_table

CONFIG = "config.json"
"""In a token set's directory: the settings it was made with."""


@dataclass(frozen=True)
class TokenSetLeft:
    """A token set some of whose shards go: its name and fingerprint, the corpus's, its settings (JSON; empty where it
    kept none), and the numbers of those shards.
    """

    name: str
    fingerprint: str
    corpus: str
    config: str
    shards: tuple[str, ...]


def plan_mixtures(eraser: Eraser) -> dict[str, list[dict[str, Any]]]:
    """Folder of every corpus that holds one of the pages, and its mixture as it will be without them."""
    lake = eraser.lake
    gone: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for uri in _shards_of(lake, "corpus"):
        rows = read_table(uri, [n for n in ("id", "domain", "token_count", "split") if n in column_names(uri)])
        lost = [{"split": "train"} | row for row in rows.filter(eraser.named(rows["id"])).to_pylist()]
        if lost:
            gone[relative(lake, uri).rpartition("/")[0]] += lost
    return {folder: _mixture_without(lake, folder, lost) for folder, lost in sorted(gone.items())}


def clear_corpora(eraser: Eraser, mixtures: Mapping[str, list[dict[str, Any]]]) -> None:
    """Write the shards that hold the pages again without them, and the mixtures as they were planned."""
    for folder, rows in mixtures.items():
        for uri in _shards_of(eraser.lake, folder):
            eraser.rewrite(uri, "corpus", "id", lambda rows: rows.filter(pc.invert(eraser.named(rows["id"]))))
        path = f"{folder}/mixture.parquet"
        write_table(eraser.lake.root, path, "mixture", pa.Table.from_pylist(rows, schema.MIXTURE))
        eraser.changed.add(path)


def _shards_of(lake: Lake, folder: str) -> list[str]:
    return [uri for uri in lake.files_of(folder) if not uri.endswith("mixture.parquet")]


def write_cards(lake: Lake, folders: Collection[str]) -> None:
    """Write the cards of these corpora again, once rows and files agree; their digests go into their steps' rows."""
    for uri in lake.files_of("steps/mix"):
        row = read_table(uri).to_pylist()[0]
        outputs = [Output.from_dict(output) for output in row["outputs"]]
        folder = next(output.path.rpartition("/")[0] for output in outputs if output.table == "mixture")
        if folder not in folders:
            continue
        shards = [output for output in outputs if output.table == "corpus"]
        mixture = read_table(lake.absolute(f"{folder}/mixture.parquet")).to_pylist()
        config, provenance = _origin(lake, row)
        summary = json.loads(row["summary"])
        summary |= {"given_tokens": sum(one["given_tokens"] for one in mixture)}
        card = write_card(
            lake, folder, card_text(row["key"], config, mixture, shards, provenance, summary.get("shortfall"))
        )
        row["outputs"] = [(card if o.table == "card" else o).to_dict() for o in outputs]
        row["summary"] = json.dumps(summary, sort_keys=True)
        write_table(lake.root, relative(lake, uri), "steps", pa.Table.from_pylist([row], schema.STEPS))


def find_token_sets(eraser: Eraser) -> dict[str, TokenSetLeft]:
    """Folder of every token set that holds one of the pages, and what there is to take away and to make again."""
    lake = eraser.lake
    numbers: dict[str, set[str]] = defaultdict(set)
    for uri in lake.files_of("tokens"):
        table = read_table(uri, ["doc_ids"]) if "doc_ids" in column_names(uri) else None
        if table is not None and eraser.names_any(pc.list_flatten(table["doc_ids"])):
            folder, _, name = relative(lake, uri).rpartition("/")
            numbers[folder].add(name.removesuffix(".parquet").rpartition("-")[2])
    return {folder: _described(lake, folder, sorted(found)) for folder, found in sorted(numbers.items())}


def clear_tokens(lake: Lake, sets: Mapping[str, TokenSetLeft]) -> None:
    """Take away the packed shards that hold the pages, and what commits their sets; all of a set without settings."""
    for folder, left in sets.items():
        _remove(lake, lake.step_path("tokens", left.name, left.fingerprint))
        _remove(lake, f"{folder}/meta.json")
        for number in left.shards:
            for name in (f"shard-{number}.json", f"train-{number}.parquet", f"held_out-{number}.parquet"):
                _remove(lake, f"{folder}/{name}")
        if not left.config:
            clear_folder(lake, folder)


def clear_folder(lake: Lake, folder: str) -> None:
    """Take away every file of a folder."""
    for uri in files.list_files(lake.absolute(folder)):
        files.remove(uri)


def clear_trainings(lake: Lake, tokens: Collection[str]) -> None:
    """Take away the trainings, finished or not, of these token sets (fingerprints): weights, checkpoints, row."""
    for training in trainings_of(lake, tokens):
        clear_folder(lake, training.directory)
        _remove(lake, lake.training_path(training.training_id))


def _mixture_without(lake: Lake, folder: str, lost: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mixture without what is forgotten; every row of it that loses something says so."""
    rows = read_table(lake.absolute(f"{folder}/mixture.parquet")).to_pylist()
    for row in rows:
        mine = [one for one in lost if one["domain"] == row["domain"]]
        held = [one for one in mine if one["split"] == "held_out"]
        trained = sorted((one for one in mine if one["split"] != "held_out"), key=lambda one: one["token_count"])
        once = {one["id"]: one["token_count"] + END_TOKENS for one in trained}
        row["given_tokens"] -= _tokens(trained)
        row["available_tokens"] = max(0, row["available_tokens"] - sum(once.values()))
        row["documents"] -= len(trained)
        row["unique_documents"] -= len(once)
        if held:
            row["held_out_documents"] -= len(held)
            row["held_out_tokens"] -= _tokens(held)
        row["epochs"] = row["given_tokens"] / row["available_tokens"] if row["available_tokens"] else 0.0
        if mine:
            said = f"forgotten at request: {len(once) + len(held):,}"
            row["reason"] = f"{row['reason']}; {said}" if row["reason"] else said
    total = max(sum(row["given_tokens"] for row in rows), 1)
    return [row | {"given_frac": row["given_tokens"] / total} for row in rows]


def _tokens(documents: Iterable[Mapping[str, Any]]) -> int:
    return sum(one["token_count"] + END_TOKENS for one in documents)


def _origin(lake: Lake, mix: Mapping[str, Any]) -> tuple[MixConfig, Provenance]:
    """Recipe and ledger behind a corpus, as the run that made it recorded them."""
    for run in lake.rows("runs"):
        steps = {(step["step"], step["key"], step["fingerprint"]) for step in run["steps"]}
        if ("mix", mix["key"], mix["fingerprint"]) not in steps:
            continue
        try:
            recipe = recorded_recipe(run["recipe"])
        except UserError:
            break
        archives = [
            row
            for row in lake.archive_rows()
            if ("annotate", f"{row['crawl']}/{row['archive']}", row["fingerprint"]) in steps
        ]
        searches = [r for r in lake.rows("steps") if (r["step"], r["key"], r["fingerprint"]) in steps]
        duplicates = outputs_of([row for row in searches if row["step"] == "dedup"], "duplicates")
        return recipe.mix, provenance_of(lake, recipe, archives, duplicates)
    return MixConfig(), NOTHING_KNOWN


def _described(lake: Lake, folder: str, shards: list[str]) -> TokenSetLeft:
    meta = _read(lake, f"{folder}/meta.json")
    corpus = str(json.loads(meta)["corpus_fingerprint"]) if meta else ""
    _, name, fingerprint = folder.split("/")
    return TokenSetLeft(name, fingerprint, corpus, _read(lake, f"{folder}/{CONFIG}"), tuple(shards))


def _read(lake: Lake, path: str) -> str:
    if not files.exists(lake.absolute(path)):
        return ""
    with files.open_read(lake.absolute(path)) as stream:
        return stream.read().decode()


def _remove(lake: Lake, path: str) -> None:
    if files.exists(lake.absolute(path)):
        files.remove(lake.absolute(path))
