"""Pages that other limits would let in or put out, with the beginning of their texts: for reading before deciding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from flows.recorded import job_of
from flows.reread import texts_as_extracted
from flows.what_if.groups import Group, Part
from flows.what_if.question import Question
from flows.what_if.tally import DROPPED, KEPT, UNKNOWN, Tally
from storage.catalog import Catalog
from storage.errors import WinnowError
from storage.lake import Lake
from storage.statements import quoted
from storage.views import literal_list, sql_text

_IDENTITY = ("doc_id", "url", "crawl", "archive", "offset", "length", "payload_digest", "language")
EXCERPT_CHARS = 190


def examples(question: Question, each: int) -> list[dict[str, Any]]:
    """Up to `each` pages let in, put out, and let past a gate unmeasured, of the commonest combinations of rules.

    Returns:
        A row a page: move (in, out or unmeasured), url, identity, failed rules before and after, the changed rules'
        values, and an excerpt of its text as extracted, personal data replaced; or why it cannot be read.
    """
    wanted: list[Wanted] = []
    for move, belongs in MOVES.items():
        groups = [group for groups in question.groups for group in groups.chosen(belongs(groups.tally), each)][:each]
        pages = -(-each // max(len(groups), 1))  # of each combination, so that there are as many as asked for
        wanted += [Wanted(move, group, pages) for group in groups]
    found = [row for part in question.parts for row in pages_of(question.lake, part, wanted)]
    found.sort(key=itemgetter("number"))  # a group's pages stay in their order
    of_move = {move: [row for row in found if row["move"] == move][:each] for move in MOVES}
    rows = [{name: row[name] for name in row if name != "number"} for move in MOVES for row in of_move[move]]
    _read_excerpts(question, rows)
    return rows


MOVES: dict[str, Callable[[Tally], np.ndarray]] = {
    "in": lambda tally: tally.before.any(axis=1) & (tally.fate == KEPT),
    "out": lambda tally: ~tally.before.any(axis=1) & (tally.fate == DROPPED),
    "unmeasured": lambda tally: tally.fate == UNKNOWN,
}
"""Which groups of pages move."""


class Wanted(NamedTuple):
    """So many pages of a group are to be shown."""

    move: str
    group: Group
    pages: int


def pages_of(lake: Lake, part: Part, wanted: Sequence[Wanted]) -> Iterator[dict[str, Any]]:
    """The first pages of the groups of that part; `number` is the group's place among all."""
    signals = list(dict.fromkeys(rule.signal for rule in part.move.changed))
    of_part = {number: one for number, one in enumerate(wanted) if one.group.part is part}
    if not of_part:
        return
    groups = [_pages_sql(lake, number, one, signals) for number, one in of_part.items()]
    statement = sql_text("what_if/pages").format(groups=" UNION ALL ".join(f"FROM ({group})" for group in groups))
    for row in Catalog(lake).query(statement).to_pylist():
        move, group, _ = of_part[row["number"]]
        yield {
            "number": row["number"], "move": move, **{name: row[name] for name in _IDENTITY},
            "failed_before": list(group.failed), "failed_after": list(group.outcome.failed),
            "values": {signal: row[f"value {signal}"] for signal in signals},
        }  # fmt: skip


def _pages_sql(lake: Lake, number: int, wanted: Wanted, signals: Sequence[str]) -> str:
    """A query for a group's first pages; where it is known where they lie, it looks there."""
    group = wanted.group
    has_language = any("language" in stage.adds.names for stage in group.part.move.old)
    files, offsets = _where(lake, group, wanted.pages)
    return sql_text("what_if/page").format(
        number=number,
        language="language" if has_language else "NULL AS language",
        values=", ".join(f'"{signal}" AS "value {signal}"' for signal in signals) or "NULL AS nothing",
        rows=f"read_parquet({literal_list(files)}, hive_partitioning = false)",
        place=f'"offset" IN ({", ".join(map(str, offsets))})' if offsets else "true",
        failed="[" + ", ".join(map(quoted, group.failed)) + "]::VARCHAR[]",
        mask=group.part.move.mask_sql(),
        wanted=group.mask,
        limit=wanted.pages,
    )


def _where(lake: Lake, group: Group, pages: int) -> tuple[Sequence[str], Sequence[int]]:
    """Ledger files that hold the group's first pages, and offsets that are theirs; no offsets: not known."""
    if pages == 1:
        return group.files, [group.example_offset]
    if len(group.places) >= min(pages, group.pages):
        files, offsets = zip(*group.places[:pages], strict=True)
        return list(dict.fromkeys(files)), list(dict.fromkeys(offsets))
    return [path for path, _ in group.part.files(lake)], []


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
