"""`winnow lineage`: from a page to the training steps that saw it, and from a step back to its pages."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import DEFAULT_LAKE, JsonOption, LakeOption
from storage.errors import UserError

PAGE = ("what", "name", "id", "place")
STEP = ("sequence", "start", "doc_id", "url", "crawl", "archive", "offset", "length")


def lineage(
    page: Annotated[str, typer.Argument(help="URL, doc_id or the beginning of one; none with --step.")] = "",
    training: Annotated[
        str | None, typer.Option(help="Training: its id or name; by default all, with --step the newest.")
    ] = None,
    step: Annotated[int | None, typer.Option(min=1, help="Instead of a page: what this step learned from.")] = None,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """A page's way through the lake: archive, corpus shards, sequences, the steps of trainings that saw it.

    With --step the other way: every document in that step's batch, with URL, archive and offset. Found from the order
    a training draws its sequences in, which its seed decides; batches that were left out or taken back are told apart.
    """
    from flows.tables import print_table, table_of
    from flows.tracing import trace_page, trace_step
    from storage.lake import Lake

    if bool(page) == (step is not None):
        raise UserError("lineage goes from a page or from a step.", "Give a URL or doc_id, or --step.")
    if step is not None:
        rows, columns = trace_step(Lake(lake), training or "latest", step), [*STEP, *(["file", "row"] * as_json)]
    else:
        rows, columns = trace_page(Lake(lake), page, training), [*PAGE, *(["steps"] * as_json)]
    print_table(table_of(rows, columns), "json" if as_json else "table")
