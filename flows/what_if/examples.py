"""Pages that other limits would let in or put out, with the beginning of their texts: for reading before deciding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flows.recorded import job_of
from flows.reread import texts_as_extracted
from flows.what_if.question import Group, Question
from storage.catalog import Catalog
from storage.errors import WinnowError
from storage.lake import Lake
from storage.views import quoted, sql_text

_IDENTITY = ("doc_id", "url", "crawl", "archive", "offset", "length", "payload_digest", "language")
EXCERPT_CHARS = 190


def examples(question: Question, each: int) -> list[dict[str, Any]]:
    """Up to `each` pages let in, put out, and let past a gate unmeasured, of the commonest combinations of rules.

    Returns:
        A row a page: move (in, out or unmeasured), url, identity, failed rules before and after, the changed rules'
        values, and an excerpt of its text as extracted, personal data replaced; or why it cannot be read.
    """
    moves = {"in": _let_in, "out": _put_out, "unmeasured": _unmeasured}
    rows: list[dict[str, Any]] = []
    for move, belongs in moves.items():
        chosen = [group for group in question.groups if belongs(group)][:each]
        pages = -(-each // max(len(chosen), 1))  # of each combination, so that there are as many as asked for
        found = [page for group in chosen for page in _pages(question.lake, group, pages)]
        rows.extend({"move": move, **page} for page in found[:each])
    _read_excerpts(question, rows)
    return rows


def _let_in(group: Group) -> bool:
    return group.before != "kept" and group.outcome is not None and group.outcome.fate == "kept"


def _put_out(group: Group) -> bool:
    return group.before == "kept" and group.outcome is not None and group.outcome.fate == "dropped"


def _unmeasured(group: Group) -> bool:
    return group.outcome is not None and group.outcome.fate == "unknown"


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
    after = group.outcome.failed if group.outcome else group.failed
    verdicts = {"failed_before": list(group.failed), "failed_after": list(after)}
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
