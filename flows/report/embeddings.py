"""Vectors of words (`winnow embeddings`): one dot against many, and what either kind is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flows.embedding.run import read_embeddings
from flows.report.figures import Column, Figure, Section, tabled, with_interval
from flows.report.interactive import Widget
from flows.report.source import Row, Source

MOST_MODELS = 3
NONE = "No model's vectors have been measured yet: `winnow embeddings` does it, against fastText's on the same text."
SOURCE = "`winnow embeddings` of the training {name}, kept in the lake's evaluations of kind embeddings."


def embeddings_section(source: Source) -> Section:
    """The newest measurement of each of the newest few trainings."""
    newest: dict[str, list[Row]] = {}
    for rows in read_embeddings(source.lake):
        newest.setdefault(rows[0]["details"]["training_id"], rows)
    chosen = list(newest.values())[:MOST_MODELS]
    if not chosen:
        return Section("embeddings", "Embeddings", NONE)
    lead = (
        "A static vector is one dot for a word, whatever its use; a trained model gives every use one of its own, "
        "layer by layer."
    )
    makers = (_polysemy(chosen), _measure(chosen, "similarity"), _measure(chosen, "senses"), _alike(chosen))
    return Section("embeddings", "Embeddings", lead, tuple(figure for made in makers for figure in made))


def _polysemy(models: Sequence[Sequence[Row]]) -> tuple[Figure, ...]:
    """Every use of a word in the plane of a layer; still: how far apart each layer's uses are."""
    told = [(rows[0]["name"], rows[-1]["details"]["words"]) for rows in models]
    rows = [
        {"model": name, "word": word["word"], "uses": len(word["uses"]), "layer": layer, "dots": _dots(drawn)}
        for name, words in told
        for word in words
        for layer, drawn in enumerate(word["layers"])
    ]
    columns = (
        Column("model", "Model"),
        Column("word", "Word"),
        Column("uses", "Uses", "count"),
        Column("layer", "Layer", "count"),
        Column("dots", "Different dots", "count"),
    )
    caption = (
        "Uses of a word in the plane of their two largest principal components, a plane of its own for every layer. "
        "Colours are the senses that sentences were written for, or the domains of the corpus's own uses. fastText's "
        "one dot stands among the words nearest to it. Layer 0 is what goes into the first block."
    )
    widget = Widget("polysemy", {"models": [{"name": name, "words": words} for name, words in told]})
    source = SOURCE.format(name=", ".join(name for name, _ in told))
    return tabled("embeddings-polysemy", "One dot, many dots", caption, columns, rows, widget=widget, source=source)


def _dots(drawn: Mapping[str, Any]) -> int:
    return len({tuple(point) for point in drawn["points"]})


MEASURES = {
    "similarity": (
        ("similarity",),
        "embeddings-similarity",
        "Word similarity",
        "Spearman's rank correlation of cosines with people's ratings of word pairs, 95 % bootstrap intervals over the "
        "pairs. All methods are measured on the same pairs: those whose words the corpus uses often enough. “uses” is "
        "the mean over uses in the corpus, “alone” the word without a passage.",
    ),
    "senses": (
        ("senses", "domains"),
        "embeddings-senses",
        "Are uses told apart?",
        "Probability that two uses with the same label are nearer than two with different ones: senses of sentences "
        "written by hand for this, domains of the corpus's own uses, which tell of topic rather than sense. 0.5 is "
        "what vectors give that do not see the context. 95 % bootstrap intervals over the words.",
    ),
}


def _measure(models: Sequence[Sequence[Row]], kind: str) -> tuple[Figure, ...]:
    measures, name, title, caption = MEASURES[kind]
    columns = (Column("part", "Set"), Column("metric", "Vectors"), *with_interval(Column("value", "Value", "loss")))
    return _numbers(
        models, lambda row: row["details"].get("measure") in measures and row["unit"] != "pairs", name, title, caption,
        columns,
    )  # fmt: skip


def _alike(models: Sequence[Sequence[Row]]) -> tuple[Figure, ...]:
    """How much a word's vector stays itself from use to use."""
    columns = (Column("metric", "Layer"), Column("value", "Cosine", "loss", bar=True))
    caption = (
        "Mean cosine between uses of one word, less that between uses of different words: 1 where the context changes "
        "nothing. Source: Ethayarajh 2019."
    )
    return _numbers(
        models, lambda row: row["part"] == "self-similarity", "embeddings-alike", "How much a word stays itself",
        caption, columns,
    )  # fmt: skip


def _numbers(
    models: Sequence[Sequence[Row]], wanted: Callable[[Row], bool], name: str, title: str, caption: str,
    columns: tuple[Column, ...],
) -> tuple[Figure, ...]:  # fmt: skip
    """A table of some of the rows, with the model before them and what they are over behind."""
    found = [row for rows in models for row in rows if wanted(row)]
    shown = [{**row, "model": row["name"], "over": _over(row["details"])} for row in found]
    source = SOURCE.format(name=", ".join(sorted({row["name"] for row in found})))
    columns = (Column("model", "Model"), *columns, Column("over", "Over"))
    return tabled(name, title, caption, columns, shown, source=source)


def _over(about: Mapping[str, Any]) -> str:
    if "pairs" in about:
        return f"{about['covered']} of {about['pairs']} pairs"
    return f"{about['words']} words" + (f", {about['uses']} uses" if "uses" in about else "")
