"""Pages that other limits would let in or put out, with the beginning of their texts: for reading before deciding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from flows.recorded import job_of
from flows.reread import texts_as_extracted
from flows.what_if.question import Group, Question
from flows.what_if.tally import DROPPED, KEPT, UNKNOWN, Tally
from storage.catalog import Catalog
from storage.errors import WinnowError
from storage.lake import Lake
from storage.statements import quoted
from storage.views import sql_text

_IDENTITY = ("doc_id", "url", "crawl", "archive", "offset", "length", "payload_digest", "language")
EXCERPT_CHARS = 190


def examples(question: Question, each: int) -> list[dict[str, Any]]:
    """Up to `each` pages let in, put out, and let past a gate unmeasured, of the commonest combinations of rules.

    Returns:
        A row a page: move (in, out or unmeasured), url, identity, failed rules before and after, the changed rules'
        values, and an excerpt of its text as extracted, personal data replaced; or why it cannot be read.
    """
    rows: list[dict[str, Any]] = []
    for move, belongs in _MOVES.items():
        chosen = [group for groups in question.groups for group in groups.chosen(belongs(groups.tally), each)][:each]
        pages = -(-each // max(len(chosen), 1))  # of each combination, so that there are as many as asked for
        found = [page for group in chosen for page in _pages(question.lake, group, pages)]
        rows.extend({"move": move, **page} for page in found[:each])
    _read_excerpts(question, rows)
    return rows


_MOVES: dict[str, Callable[[Tally], np.ndarray]] = {
    "in": lambda tally: tally.before.any(axis=1) & (tally.fate == KEPT),
    "out": lambda tally: ~tally.before.any(axis=1) & (tally.fate == DROPPED),
    "unmeasured": lambda tally: tally.fate == UNKNOWN,
}
"""Which groups of pages move."""


def _pages(lake: Lake, group: Group, limit: int) -> list[dict[str, Any]]:
    """The group's first pages; of one alone its place is known."""
    changed = group.part.move.changed
    signals = list(dict.fromkeys(rule.signal for rule in changed))
    has_language = any("language" in stage.adds.names for stage in group.part.move.old)
    statement = sql_text("what_if/page").format(
        language="language" if has_language else "NULL AS language",
        rows=group.part.pages(lake),
        values=", ".join(f'"{signal}" AS "value {signal}"' for signal in signals) or "NULL AS nothing",
        mask=group.part.move.mask_sql(),
        failed="[" + ", ".join(map(quoted, group.failed)) + "]::VARCHAR[]",
        place=f'"offset" = {group.example_offset}' if limit == 1 else "true",
    )
    verdicts = {"failed_before": list(group.failed), "failed_after": list(group.outcome.failed)}
    return [
        {**{name: row[name] for name in _IDENTITY}, **verdicts, "values": {s: row[f"value {s}"] for s in signals}}
        for row in Catalog(lake).query(statement, [group.mask, limit]).to_pylist()
    ]


def _read_excerpts(question: Question, rows: Sequence[dict[str, Any]]) -> None:
    for part in question.parts:
        for archive in part.archives:
            of_it = [row for row in rows if (row["crawl"], row["archive"]) == (archive["crawl"], archive["archive"])]
            if of_it:
                _read_of_archive(question, archive, of_it)


def _read_of_archive(question: Question, archive: Mapping[str, Any], rows: Iterable[dict[str, Any]]) -> None:
    pages = list(rows)
    try:
        job = job_of(question.lake, question.run.recipe, archive)
        distinct = list({page["offset"]: page for page in pages}.values())
        texts = texts_as_extracted(job, archive, distinct)
    except WinnowError as error:
        for page in pages:
            page |= {"excerpt": None, "unread": str(error)}
        return
    for page in pages:
        text = " ".join((texts[page["offset"]] or "").split())
        page["excerpt"] = text[:EXCERPT_CHARS] + ("…" if len(text) > EXCERPT_CHARS else "")
