"""`winnow probe`: a look into a trained model, for the report."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from flows.options import DEFAULT_LAKE, JsonOption, LakeOption


def probe(
    training: Annotated[str, typer.Argument(help="Training: its id or name; by default the newest.")] = "latest",
    text: Annotated[str, typer.Option(help="Passage; by default the beginning of a held-out document.")] = "",
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """Look into a trained model: one passage step by step through the network; `winnow report` draws it."""
    from flows.probing import probe_training
    from storage.lake import Lake

    row = probe_training(Lake(lake), training, text)
    if as_json:
        print(row["details"])
        return
    _print_look(json.loads(row["details"]))


def _print_look(told: dict[str, Any]) -> None:
    """Every position's target beside what the model would say, then what one step on the passage does."""
    pieces, update = told["pieces"], told["update"]

    def spelt(token: int) -> str:
        return json.dumps(pieces[str(token)], ensure_ascii=False)

    for place, target in enumerate(told["targets"]):
        said = told["next"][place]["top"][0][0]
        nats = told["target_nats"][place]
        end = "" if target is None else f"{spelt(target):18} {nats:7.3f} nats"
        print(f"{spelt(told['ids'][place]):18} says {spelt(said):18} target {end}")
    print(
        f"loss {update['before']:.3f} nats a token; after one step of {update['learning_rate']:g} on this passage "
        f"{update['after']:.3f}"
    )
