"""`winnow try extract FILE --why`: every text block of a page, its scores, and whether it was kept."""

from __future__ import annotations

import json

from flows.recipe import Recipe
from flows.tables import console
from pipeline.extract.decode import decode_page
from pipeline.extract.winnow import explain_page
from storage.errors import UserError

_SHOWN = 90  # characters of a block, on a screen that is wide enough
_FRAME = 32  # columns beside them


def print_blocks(section: str, recipe: Recipe, data: bytes, as_json: bool) -> None:
    """Print the blocks in their order: kept (+) or not (-), score with and without its surroundings, element, text."""
    if section != "extract" or recipe.extract.engine != "winnow":
        raise UserError('--why shows the blocks of the engine "winnow":', "winnow try extract PAGE --why.")
    reasons = explain_page(decode_page(data, None)[0])
    if as_json:
        print(json.dumps([reason._asdict() for reason in reasons], ensure_ascii=False))
        return
    print(f"{'':2}{'score':>6}{'alone':>7}  {'element':<12}text")
    most = max(min(_SHOWN, console().width - _FRAME), 8)
    for reason in reasons:
        text = " ".join(reason.text.split())
        shown = text if len(text) <= most else f"{text[:most]}..."
        sign = "+" if reason.kept else "-"
        print(f"{sign:2}{reason.second:6.2f}{reason.first:7.2f}  {reason.tag:<12}{shown}")
