"""The learning half of the command line: tokens, training, generation, parameter counts; added in `flows.cli`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from flows.options import (
    DEFAULT_LAKE,
    DEFAULT_WORKERS,
    JsonOption,
    LakeOption,
    RecipeOption,
    SetOption,
    WorkersOption,
)


def tokens(
    name: Annotated[str | None, typer.Argument(help="Corpus; by default the newest.")] = None,
    recipe: RecipeOption = "fineweb",
    lake: LakeOption = DEFAULT_LAKE,
    workers: WorkersOption = DEFAULT_WORKERS,
    changes: SetOption = [],  # noqa: B006  typer reads the default, nobody changes it
    as_json: JsonOption = False,
) -> None:
    """Train a tokenizer on a corpus and pack it into sequences; prints its fertility. Run it again to resume."""
    from flows.recipe import load_recipe
    from flows.tables import print_table
    from flows.tokens_flow import TokensRequest, fertility, tokens_flow
    from flows.work import prefect_api
    from storage.lake import Lake

    config = load_recipe(recipe, changes).tokens
    with prefect_api():
        step = tokens_flow(TokensRequest(name=name, config=config, lake=lake, workers=workers))
    print_table(fertility(Lake(lake), step), "json" if as_json else "table", title="fertility")


def pretrain(
    name: Annotated[str | None, typer.Argument(help="Token set; by default the newest.")] = None,
    run_name: Annotated[str | None, typer.Option(help="Name of the training; by default the token set's.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Model by name (see `winnow params`) instead of the recipe's.")
    ] = None,
    ranks: Annotated[int, typer.Option(min=1, help="Processes that share every batch, a GPU each.")] = 1,
    recipe: RecipeOption = "fineweb",
    lake: LakeOption = DEFAULT_LAKE,
    changes: SetOption = [],  # noqa: B006
) -> None:
    """Train a model on packed tokens. Run it again to resume from its last checkpoint."""
    from flows.pretrain_flow import PretrainRequest, pretrain_flow
    from flows.recipe import load_recipe
    from flows.work import prefect_api
    from model.presets import preset as find_preset

    loaded = load_recipe(recipe, changes)
    model = find_preset(preset) if preset else loaded.model
    request = PretrainRequest(name=name, run_name=run_name, model=model, train=loaded.training, lake=lake, ranks=ranks)
    with prefect_api():
        pretrain_flow(request)


def generate(
    prompt: Annotated[str, typer.Argument(help="Beginning of the text; may be empty.")] = "",
    training: Annotated[str, typer.Option(help="Training: its id or name; by default the newest.")] = "latest",
    max_tokens: Annotated[int, typer.Option(min=1)] = 120,
    temperature: Annotated[float, typer.Option(min=0, help="0: always the likeliest token.")] = 0.8,
    top_k: Annotated[int, typer.Option(min=0, help="Only the k likeliest; 0: all.")] = 0,
    top_p: Annotated[
        float, typer.Option(min=0.001, max=1, help="Only the likeliest that make up this probability.")
    ] = 0.95,
    seed: int = 0,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """Text from a trained model, as it comes."""
    from flows.generation import generate as pieces
    from storage.lake import Lake

    sys.stdout.write(prompt)
    options: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    for piece in pieces(Lake(lake), prompt, training, max_tokens=max_tokens, **options):
        sys.stdout.write(piece)
        sys.stdout.flush()
    print()


def export(
    folder: Annotated[str, typer.Argument(help="Folder to write.")],
    training: Annotated[str, typer.Option(help="Training: its id or name; by default the newest.")] = "latest",
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """A trained model and its tokenizer as a folder that `transformers` loads."""
    from flows.exporting import export as write
    from storage.lake import Lake

    written = write(Lake(lake), training, folder)
    if as_json:
        print(json.dumps(written))
    else:
        print(f"{written['folder']}: {written['architecture']}, {written['bytes']:,} bytes, of {written['training']}")


def params(
    preset: Annotated[str | None, typer.Argument(help="Model preset; none lists them all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Exact parameter counts of a model, with and without embeddings, and its KV cache a token."""
    from model.presets import PRESETS
    from model.presets import preset as find_preset

    names = [preset] if preset else list(PRESETS)
    rows = [_count(name, find_preset(name)) for name in names]
    if as_json:
        print(json.dumps(rows))
        return
    _print_counts(rows)


def _count(name: str, config: Any) -> dict[str, Any]:
    from model.memory import count_parameters, kv_cache_bytes

    count = count_parameters(config)
    return {
        "preset": name,
        "total": count.total,
        "non_embedding": count.non_embedding,
        "kv_cache_bytes_per_token": kv_cache_bytes(config),
    }


def _print_counts(rows: Sequence[dict[str, Any]]) -> None:
    print(f"{'preset':14}{'parameters':>20}{'without embedding':>20}{'KV cache bytes/token':>24}")
    for row in rows:
        counts = f"{row['total']:20,}{row['non_embedding']:20,}{row['kv_cache_bytes_per_token']:24,}"
        print(f"{row['preset']:14}{counts}")
