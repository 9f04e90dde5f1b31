"""`winnow embeddings`: static against contextual vectors of a training's words."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.options import DEFAULT_LAKE, JsonOption, LakeOption, RecipeOption, SetOption

SHOWN = ("part", "metric", "value", "low", "high", "unit", "of")


def embeddings(
    pairs: Annotated[
        list[str] | None,
        typer.Argument(help="Rated word pairs (WordSim-353, RG-65, MEN...): a line is two words and a number."),
    ] = None,
    training: Annotated[str, typer.Option(help="Training: its id or name; by default the newest.")] = "latest",
    word: Annotated[list[str] | None, typer.Option(help="One more word for the figure; may be given again.")] = None,
    senses: Annotated[
        str | None, typer.Option(help="TOML file of words with sentences for each sense, instead of the shipped one.")
    ] = None,
    recipe: RecipeOption = None,
    changes: SetOption = [],  # noqa: B006
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """Vectors of words: fastText's, one a word, against a training's, one a use, layer by layer.

    Measures: rank correlation with people's ratings of word pairs; whether uses of one sense (sentences written for
    it) and of one domain (the corpus's) lie together; how alike a word's uses are. `winnow report` draws the uses.
    """
    from flows.embedding.run import embed_training, read_pair_file
    from flows.embedding.senses import read_senses
    from flows.recorded import settings_for
    from flows.tables import print_table, table_of
    from storage.lake import Lake

    config = settings_for(Lake(lake), recipe, changes).embeddings
    files = [read_pair_file(path) for path in pairs or ()]
    rows = embed_training(Lake(lake), training, files, word or (), read_senses(senses), config)
    shown = [row | {"of": _of(json.loads(row["details"]))} for row in rows if row["part"] != "figure"]
    print_table(table_of(shown, SHOWN), "json" if as_json else "table", title=rows[0]["name"])


def _of(about: dict[str, object]) -> str:
    """What a number is over."""
    if "pairs" in about:
        return f"{about['covered']} of {about['pairs']} pairs"
    return f"{about['words']} words" + (f", {about['uses']} uses" if "uses" in about else "")
