"""What a stage found in a text, in colour: replaced personal data, lines a classifier calls toxic, benchmark items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from flows.recipe import Recipe
from pipeline.pii.spans import PLACEHOLDERS
from pipeline.toxicity import LIKELY, load_classifier, probability

COLOURS = ("green", "yellow", "magenta", "cyan", "blue", "red")
ACTIONS = {"drop": "white on red", "cut": "red strike", "mark": "black on yellow"}


def highlighted(section: str, recipe: Recipe, text: str, row: Mapping[str, Any]) -> Text:
    """The text a stage gave, marked up for a terminal; plain for a section that marks nothing.

    Args:
        section: Of the recipe: pii, toxicity, decontaminate, or another.
        text: As the stage left it.
        row: Its other columns.
    """
    shown = Text(text)
    if section == "pii":
        for span in row.get("pii_spans") or ():
            colour = COLOURS[list(PLACEHOLDERS).index(span["kind"]) % len(COLOURS)]
            shown.stylize(f"bold {colour}", span["start"], span["start"] + len(PLACEHOLDERS[span["kind"]]))
    elif section == "decontaminate" and recipe.decontaminate.action != "cut":
        for span in row.get("contamination_spans") or ():
            shown.stylize(ACTIONS[span["action"]], span["start"], span["start"] + span["chars"])
    elif section == "toxicity":
        for model, colour in ((recipe.toxicity.spam_model, "yellow"), (recipe.toxicity.model, "red")):  # the last shows
            if model:
                _mark_lines(shown, load_classifier(model), colour, recipe.toxicity.max_lines)
    return shown


def _mark_lines(shown: Text, classifier: Any, colour: str, max_lines: int) -> None:
    """Colour the lines that the classifier would count."""
    start = seen = 0
    for line in shown.plain.split("\n"):
        if line.strip() and seen < max_lines:
            seen += 1
            prob = probability(line, classifier)
            if prob >= LIKELY:
                shown.stylize(f"bold {colour}" if prob >= 0.9 else colour, start, start + len(line))
        start += len(line) + 1
