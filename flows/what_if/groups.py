"""The pages of a run by the rules they failed and those they would fail now: what a what-if question counts.

One pass over the ledger, an archive at a time: the rules that a page failed are read as bits, the rules that changed
judge its signals again, and SQL counts the pages that agree in both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.what_if.tally import Tally, judge
from flows.what_if.verdicts import Move, Outcome
from storage.catalog import Catalog
from storage.database import InMemory
from storage.errors import Fatal
from storage.failures import UNJUDGED, flags_of, read_failures, word_columns, words_of
from storage.lake import Lake
from storage.views import literal_list, sql_text

BATCH_ROWS = 1 << 19
"""Rows of the ledger that are held at a time, by each thread."""

MOST_PLACES = 10
"""Pages of a group whose places are kept: examples beyond them are looked for in the whole ledger."""


@dataclass(frozen=True)
class Part:
    """The archives of a run whose pages went through the same stages, and how those would judge now."""

    archives: tuple[Mapping[str, Any], ...]
    move: Move

    def files(self, lake: Lake) -> list[tuple[str, int]]:
        """Their ledger files, which have the same columns, and how many rows each has; by crawl and archive."""
        rows = sorted(self.archives, key=lambda row: (row["crawl"], row["archive"]))
        outputs = [output for row in rows for output in row["outputs"] if output["table"] == "pages"]
        return [(lake.absolute(output["path"]), output["rows"]) for output in outputs]

    def flags(self) -> list[str]:
        """Columns of words that hold which old rules a page failed, and which changed ones it would fail."""
        return [*word_columns("failed", len(self.move.old_rules) + 1), *word_columns("fails", len(self.move.changed))]

    def moved_sql(self) -> str:
        """A condition on those that holds of all pages that move: they failed no rule that stays as it is."""
        moving = {rule.name for rule in self.move.changed} | set(self.move.old_rules) - set(self.move.new_rules)
        stays = [np.array([rule not in moving]) for rule in (*self.move.old_rules, "")]  # and no rule of another name
        words = zip(word_columns("failed", len(stays)), words_of(stays, 1), strict=True)
        lost = " OR ".join(f"({name} & {word[0]}) <> 0" for name, word in words)
        return f"NOT ({lost}) AND ({' OR '.join(f'{name} <> 0' for name in self.flags())})"


class Group(NamedTuple):
    """Pages that failed the same rules and would fail the same changed ones now.

    Attributes:
        failed: Rules they failed.
        mask: Their value of `Move.mask_sql`.
        outcome: What the new limits say of them.
        pages: How many they are.
        example_offset: Offset of the first of them in its archive.
        files: Ledger files that archive's is among.
        places: Ledger files and offsets of the first of them by hash of the offset, or of none.
    """

    part: Part
    failed: tuple[str, ...]
    mask: int
    outcome: Outcome
    pages: int
    example_offset: int
    files: tuple[str, ...]
    places: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Batch:
    """What was counted of some archives.

    Attributes:
        files: Their ledger files.
        groups: As `what_if/groups` gives them.
        places: As `what_if/places` does, archives by their place in `Part.files`.
    """

    files: tuple[str, ...]
    groups: pa.Table
    places: pa.Table


@dataclass(frozen=True)
class Groups:
    """The pages of a part by what they failed and would fail, in no order.

    Attributes:
        tally: What the new limits say of each group.
        fails: boolean[groups, changed rules]: those it would fail now.
        pages, bytes: How many there are of each, and how large their records.
        unjudged: Pages that no rule judged, with their bytes: of fate `read` (unreadable) and `archive` (refused).
        table: The groups, as `what_if/groups` gives them.
        files: The ledger files, as `Part.files` has them.
        batches: What was counted of each batch of them.
    """

    part: Part
    tally: Tally
    fails: np.ndarray
    pages: np.ndarray
    bytes: np.ndarray
    unjudged: Mapping[str, tuple[int, int]]
    table: pa.Table
    files: Sequence[str]
    batches: Sequence[Batch]

    @cached_property
    def by_old_rule(self) -> dict[str, dict[str, int]]:
        """Of each rule, pages that failed it (`failed`), that failed it first, and that it `alone` removed."""
        return _by_rule(self.part.move.old_rules, self.tally.before, self.pages)

    @cached_property
    def by_new_rule(self) -> dict[str, dict[str, int]]:
        """The same of the new rules, as far as is known."""
        return _by_rule(self.part.move.new_rules, self.tally.failed, self.pages)

    def chosen(self, which: np.ndarray, limit: int) -> list[Group]:
        """The largest groups that a condition holds of, in an order of their own."""
        found = np.flatnonzero(which)
        if not limit or not len(found):
            return []
        least = np.partition(self.pages[found], -min(limit, len(found)))[-min(limit, len(found))]
        rows = [(-int(self.pages[row]), *self._key(row), row) for row in found[self.pages[found] >= least]]
        return [self.group(row) for *_, row in sorted(rows)[:limit]]

    def _key(self, row: int) -> tuple[tuple[str, ...], int]:
        """The rules that a group failed, and its mask."""
        failed = tuple(self.part.move.old_rules[column] for column in np.flatnonzero(self.tally.before[row]))
        return failed, sum(1 << int(bit) for bit in np.flatnonzero(self.fails[row]))

    def group(self, row: int) -> Group:
        """All that is known of a group."""
        failed, mask = self._key(row)
        wanted = self.table.select(["unjudged", *self.part.flags(), "example_offset"]).slice(row, 1).to_pylist()[0]
        files = [path for batch in self.batches if _where(batch.groups, wanted).any() for path in batch.files]
        flags = {name: wanted[name] for name in self.part.flags()}
        found = [place for batch in self.batches for place in _places(batch.places, flags)]
        places = tuple((self.files[place["archive"]], place["offset"]) for place in sorted(found, key=_in_order))
        outcome, offset = self.part.move.outcome(failed, mask), wanted["example_offset"]
        return Group(self.part, failed, mask, outcome, int(self.pages[row]), offset, tuple(files), places[:MOST_PLACES])


def count_groups(lake: Lake, part: Part) -> Groups:
    """Every page of a part, grouped."""
    flags = ", ".join(part.flags())
    files = part.files(lake)
    with InMemory() as memory, ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        batches = list(pool.map(partial(_count, memory, part, flags), _batches(files)))
        groups = pa.concat_tables([batch.groups for batch in batches])
        whole = memory.query(sql_text("what_if/merged_groups").format(flags=flags), groups)
    unjudged = {name: _counted(_only(whole, number)) for number, name in enumerate(UNJUDGED, start=1)}
    judged = _only(whole, 0)
    before = _flags(judged, "failed", len(part.move.old_rules) + 1)
    if before[:, -1].any():
        raise _unknown_rule(lake, part)
    fails = _flags(judged, "fails", len(part.move.changed))
    tally = judge(part.move, before[:, :-1], fails)
    pages, size = judged["pages"].to_numpy(), judged["bytes"].to_numpy()
    return Groups(part, tally, fails, pages, size, unjudged, judged, [path for path, _ in files], batches)


def _batches(files: Sequence[tuple[str, int]]) -> Iterator[dict[str, int]]:
    """Files that have about `BATCH_ROWS` rows together, with their places among all."""
    waiting: dict[str, int] = {}
    rows = 0
    for place, (path, count) in enumerate(files):
        waiting[path] = place
        rows += count
        if rows >= BATCH_ROWS:
            yield waiting
            waiting, rows = {}, 0
    if waiting:
        yield waiting


def _count(memory: InMemory, part: Part, flags: str, files: Mapping[str, int]) -> Batch:
    rows = pa.concat_tables([_read(path, number, part.move) for path, number in files.items()])
    groups = memory.query(sql_text("what_if/groups").format(flags=flags), rows)
    statement = sql_text("what_if/places").format(flags=flags, most=MOST_PLACES, moved=part.moved_sql())
    return Batch(tuple(files), groups, memory.query(statement, rows))


def _read(path: str, number: int, move: Move) -> pa.Table:
    """The rows of a ledger file, with what `Part.flags` names, and the archive's number."""
    wanted = dict.fromkeys(["length", "offset", *move.reads()])
    rows = read_failures(path, move.old_rules, list(wanted))
    words = words_of(move.failing(rows), len(rows))
    rows = rows.drop_columns([name for name in wanted if name not in ("length", "offset")])
    for name, word in zip(word_columns("fails", len(move.changed)), words, strict=True):
        rows = rows.append_column(name, pa.array(word))
    return rows.append_column("archive_number", pa.array(np.full(len(rows), number, np.int32)))


def _flags(rows: pa.Table, name: str, count: int) -> np.ndarray:
    return flags_of([rows[column].to_numpy() for column in word_columns(name, count)], count)


def _by_rule(names: Sequence[str], failed: np.ndarray, pages: np.ndarray) -> dict[str, dict[str, int]]:
    """The counts of boolean[groups, rules], the rules in the order they judge."""
    groups, rules = np.nonzero(failed)
    opens = np.diff(groups, prepend=-1) > 0
    closes = np.diff(groups, append=len(pages)) > 0
    counted = {"failed": np.ones(len(groups), bool), "first": opens, "alone": opens & closes}
    found = {}
    for what, of in counted.items():
        sums = np.bincount(rules[of], pages[groups[of]], len(names))  # exact: below 2**53
        found[what] = {name: int(count) for name, count in zip(names, sums, strict=True)}
    return found


def _only(groups: pa.Table, unjudged: int) -> pa.Table:
    return groups.filter(pc.equal(groups["unjudged"], pa.scalar(unjudged, pa.int8())))


def _counted(rows: pa.Table) -> tuple[int, int]:
    """Pages and bytes of some groups."""
    return int(np.sum(rows["pages"].to_numpy())), int(np.sum(rows["bytes"].to_numpy()))


def _where(rows: pa.Table, wanted: Mapping[str, int]) -> np.ndarray:
    """boolean[rows]: whether a row has those values."""
    found = np.ones(len(rows), bool)
    for name, value in wanted.items():
        found &= rows[name].to_numpy() == value
    return found


def _places(rows: pa.Table, flags: Mapping[str, int]) -> list[dict[str, int]]:
    return [place for row in np.flatnonzero(_where(rows, flags)) for place in rows["places"][int(row)].as_py()]


def _in_order(place: Mapping[str, int]) -> tuple[int, int, int]:
    return place["hash"], place["archive"], place["offset"]


def _unknown_rule(lake: Lake, part: Part) -> Fatal:
    files = literal_list([path for path, _ in part.files(lake)])
    sets = Catalog(lake).query(sql_text("alarms/sets").format(files=files)).to_pylist()
    [name, *_] = sorted({rule for row in sets for rule in row["failed_rules"]} - set(part.move.old_rules))
    return Fatal(f"pages of the ledger fail {name}, a rule that their run's recipe does not have.")
