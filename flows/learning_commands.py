"""The learning half of the command line: tokens, training, generation, parameter counts; added in `flows.cli`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from flows.generation import Piece


def tokens(
    name: Annotated[str | None, typer.Argument(help="Corpus; by default the newest.")] = None,
    recipe: RecipeOption = None,
    lake: LakeOption = DEFAULT_LAKE,
    workers: WorkersOption = DEFAULT_WORKERS,
    changes: SetOption = [],  # noqa: B006  typer reads the default, nobody changes it
    as_json: JsonOption = False,
) -> None:
    """Train a tokenizer on a corpus and pack it into sequences; prints its fertility. Run it again to resume."""
    from flows.recorded import settings_for
    from flows.tables import print_table
    from flows.tokens_flow import TokensRequest, fertility, tokens_flow
    from flows.work import prefect_api
    from storage.lake import Lake

    config = settings_for(Lake(lake), recipe, changes, name).tokens
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
    recipe: RecipeOption = None,
    lake: LakeOption = DEFAULT_LAKE,
    changes: SetOption = [],  # noqa: B006
) -> None:
    """Train a model on packed tokens. Run it again to resume from its last checkpoint."""
    from flows.pretrain_flow import PretrainRequest, pretrain_flow
    from flows.recorded import settings_for
    from flows.work import prefect_api
    from model.presets import preset as find_preset
    from storage.lake import Lake

    loaded = settings_for(Lake(lake), recipe, changes, name)
    model = find_preset(preset) if preset else loaded.model
    request = PretrainRequest(name=name, run_name=run_name, model=model, train=loaded.training, lake=lake, ranks=ranks)
    with prefect_api():
        pretrain_flow(request)


def generate(
    prompts: Annotated[
        list[str] | None, typer.Argument(help="Beginnings of texts; none: an empty one. A T5 fills in <extra_id_0>.")
    ] = None,
    training: Annotated[str, typer.Option(help="Training: its id or name; by default the newest.")] = "latest",
    max_tokens: Annotated[int, typer.Option(min=1)] = 120,
    temperature: Annotated[float, typer.Option(min=0, help="0: always the likeliest token.")] = 0.8,
    top_k: Annotated[int, typer.Option(min=0, help="Only the k likeliest; 0: all.")] = 0,
    top_p: Annotated[
        float, typer.Option(min=0.001, max=1, help="Only the likeliest that make up this probability.")
    ] = 0.95,
    min_p: Annotated[
        float, typer.Option(min=0, max=1, help="Only those at least this share as likely as the likeliest.")
    ] = 0.0,
    repetition_penalty: Annotated[
        float, typer.Option(min=0.01, help="Over 1: tokens already there become less likely.")
    ] = 1.0,
    beams: Annotated[int, typer.Option(min=1, help="Over 1: the best text of a beam search.")] = 1,
    length_penalty: Annotated[float, typer.Option(help="Of beams: over 0 favours long texts.")] = 1.0,
    stop: Annotated[list[str] | None, typer.Option(help="String that ends a text; may be given again.")] = None,
    why: Annotated[int, typer.Option(min=0, help="Show so many candidates of every token, with probabilities.")] = 0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile each step first: for long texts on a GPU.")
    ] = False,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """Text from a trained model, as it comes."""
    from flows.generation import write
    from storage.lake import Lake

    texts = prompts or [""]
    options: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p, "seed": seed}
    options |= {"repetition_penalty": repetition_penalty, "beams": beams, "length_penalty": length_penalty, "why": why}
    options["compile"] = compiled
    pieces = write(Lake(lake), texts, training, stop or (), max_tokens=max_tokens, **options)
    if why:
        _print_why(pieces)
    elif len(texts) == 1:
        _print_as_it_comes(texts[0], pieces)
    else:
        _print_texts(texts, pieces)


def _print_why(pieces: Iterable[Piece]) -> None:
    """A line a token: itself, then the candidates with the model's probability and that of drawing each."""
    for piece in pieces:
        if piece.token is not None:
            shown = "  ".join(f"{text!r} {given:.3f}/{drawn:.3f}" for text, given, drawn in piece.why)
            print(f"{piece.row}  {piece.token!r:20}  {shown}", flush=True)


def _print_as_it_comes(prompt: str, pieces: Iterable[Piece]) -> None:
    """The prompt only where something follows it: a model that cannot write says so instead."""
    shown = prompt
    for piece in pieces:
        sys.stdout.write(shown + piece.text)
        sys.stdout.flush()
        shown = ""
    print(shown)


def _print_texts(prompts: Sequence[str], pieces: Iterable[Piece]) -> None:
    texts = list(prompts)
    for piece in pieces:
        texts[piece.row] += piece.text
    print("\n\n".join(texts))


def export(
    folder: Annotated[str, typer.Argument(help="Folder to write.")],
    training: Annotated[str, typer.Option(help="Training: its id or name; by default the newest.")] = "latest",
    finetuning: Annotated[
        str | None,
        typer.Option(help="A kept fine-tuning instead: its id or data set; what it gives is the same there."),
    ] = None,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """A trained model, or a fine-tuned one, and its tokenizer as a folder that `transformers` loads."""
    from flows.exporting import export as write
    from storage.lake import Lake

    written = write(Lake(lake), training, folder, finetuning)
    if as_json:
        print(json.dumps(written))
    else:
        print(f"{written['folder']}: {written['architecture']}, {written['bytes']:,} bytes, of {written['training']}")


def import_(
    folder: Annotated[str, typer.Argument(help="Folder that `transformers` saved: Llama, GPT-2, BERT, T5 or BART.")],
    name: Annotated[str | None, typer.Option(help="To find it by; by default the folder's.")] = None,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """A model that `transformers` saved, into the lake: `winnow generate --training NAME` writes with it."""
    from flows.importing import import_model
    from storage.lake import Lake

    came = import_model(Lake(lake), folder, name)
    if as_json:
        print(json.dumps(came))
    else:
        print(f"{came['name']}: {came['type']}, {came['parameters']:,} parameters, from {came['folder']}")


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
    width = max(len(row["preset"]) for row in rows)
    print(f"{'preset':{width}}{'parameters':>19}{'without embedding':>19}{'KV cache bytes/token':>21}")
    for row in rows:
        counts = f"{row['total']:19,}{row['non_embedding']:19,}{row['kv_cache_bytes_per_token']:21,}"
        print(f"{row['preset']:{width}}{counts}")
