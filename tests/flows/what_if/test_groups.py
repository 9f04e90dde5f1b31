"""Pages are grouped as one SQL statement over the ledger's lists groups them, whatever the recipe and the change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from flows.annotate_rows import pages_schema
from flows.recipe import load_recipe
from flows.what_if import examples
from flows.what_if import groups as grouping
from flows.what_if.groups import MOST_PLACES, Groups, Part, count_groups
from flows.what_if.verdicts import Move
from storage.catalog import Catalog
from storage.errors import Fatal
from storage.lake import Lake
from storage.shards import write_table
from storage.views import literal_list

PAGES = 400
LANGUAGES = ("en", "de", "fr", None)
QUESTIONS = (
    ("fineweb", ("gopher.min_words=30", "language.min_prob=0.5")),
    ("fineweb", ("language.targets=['de','fr']", "language.max_other_language_frac=0.5")),
    ("fineweb", ("language.targets=[]", "language.min_probs={de=0.2}", "fineweb.enabled=false")),
    ("fineweb", ()),
    ("fineweb2", ("gopher.min_words=30", "gopher.per_language.deu_Latn.min_words=7")),  # 88 rules
)
GROUPED = """
SELECT
    CASE WHEN fate = 'unreadable' THEN 'read' WHEN dropped_by = 'archive' THEN 'archive' END AS unjudged,
    failed_rules, {mask} AS mask, count(*) AS pages, sum(length)::BIGINT AS bytes, min("offset") AS example_offset
FROM read_parquet({files}, hive_partitioning = false)
GROUP BY ALL
"""


def draw_pages(archive: str, stages: Sequence[Any], seed: int) -> pa.Table:
    """Signals around their limits, some not measured, and lists of rules that have nothing to do with them."""
    draw, wanted = np.random.default_rng(seed), pages_schema(tuple(stages))
    rules = [rule for stage in stages for rule in stage.rules]
    values = [0, 0.3, 0.5, 1, 29, 40, 50, 9e5]
    columns: dict[str, Any] = {f.name: np.full(PAGES, None) for f in wanted}
    columns |= {f.name: draw.choice(values, PAGES) for f in wanted if f.type == pa.float64()}
    failed = [sorted(draw.choice(len(rules), draw.integers(0, 3), replace=False)) for _ in range(PAGES)]
    columns |= {
        "fate": ["dropped" if places else "kept" for places in failed],
        "dropped_by": ["c4" if places else None for places in failed],
        "failed_rules": [[rules[place].name for place in places] for places in failed],
        "archive": np.full(PAGES, archive), "crawl": np.full(PAGES, "c1"), "language": draw.choice(LANGUAGES, PAGES),
        "doc_id": np.full(PAGES, "d"), "domain": np.full(PAGES, "web"),
        "offset": np.arange(PAGES) * 100 + draw.integers(100), "length": draw.integers(1, 99, PAGES),
    }  # fmt: skip
    for place, verdict in ((3, ("unreadable", None, [])), (9, ("dropped", "archive", ["archive.not_html"]))):
        columns["fate"][place], columns["dropped_by"][place], columns["failed_rules"][place] = verdict
    unmeasured = draw.random(PAGES) < 0.2
    return pa.table(
        [pa.array(columns[f.name], f.type, mask=unmeasured if f.type == pa.float64() else None) for f in wanted],
        schema=wanted,
    )


def part_of(lake: Lake, recipe: str, changes: Sequence[str], archives: int = 3) -> Part:
    """Archives in the lake, and what the changes would have said of them."""
    old = load_recipe(recipe, ["language.max_other_language_frac=0.9"]).stages()
    new = load_recipe(recipe, ["language.max_other_language_frac=0.9", *changes]).stages()
    rows = []
    for number in range(archives):
        table = draw_pages(f"a{number}", old, number)
        output = write_table(lake.root, f"pages/a{number}.parquet", "pages", table)
        rows.append({"crawl": "c1", "archive": f"a{number}", "outputs": [output.to_dict()]})
    return Part(tuple(rows), Move(old, new))


def told(groups: Groups) -> dict[Any, tuple[int, int, int]]:
    """Groups as the statement has them: by where unjudged, rules failed, and mask."""
    offsets = groups.table["example_offset"].to_pylist()
    found: dict[Any, tuple[int, int, int]] = {}
    for row, offset in enumerate(offsets):
        group = groups.group(row)
        found[group.failed, group.mask] = (int(groups.pages[row]), int(groups.bytes[row]), offset)
    return found


@pytest.mark.parametrize(("recipe", "changes"), QUESTIONS)
def test_groups_are_those_of_the_lists(
    recipe: str, changes: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "BATCH_ROWS", PAGES + 1)  # so that two archives are one batch, and the third another
    lake = Lake(str(tmp_path))
    part = part_of(lake, recipe, changes)
    groups = count_groups(lake, part)
    files = literal_list([path for path, _ in part.files(lake)])
    rows = Catalog(lake).query(GROUPED.format(mask=part.move.mask_sql(), files=files)).to_pylist()
    place = {name: number for number, name in enumerate(part.move.old_rules)}
    wanted = {}
    for row in rows:
        if row["unjudged"] is None:
            key = (tuple(sorted(row["failed_rules"], key=place.__getitem__)), int(row["mask"]))
            wanted[key] = (row["pages"], row["bytes"], row["example_offset"])
    assert told(groups) == wanted
    for name in ("read", "archive"):
        lost = [(row["pages"], row["bytes"]) for row in rows if row["unjudged"] == name]
        assert groups.unjudged[name] == tuple(map(sum, zip(*lost, strict=True)))


def test_an_example_is_looked_for_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "BATCH_ROWS", 1)
    lake = Lake(str(tmp_path))
    part = part_of(lake, "fineweb", ("gopher.min_words=30",))
    groups = count_groups(lake, part)
    chosen = groups.chosen(np.ones(len(groups.pages), bool), 5)
    assert len(chosen) == 5 and chosen[0].failed == ()
    for group in chosen:
        query = f"SELECT count(*) AS pages FROM read_parquet({literal_list(group.files)}, hive_partitioning = false) "
        rules = "[" + ", ".join(f"'{rule}'" for rule in group.failed) + "]::VARCHAR[]"
        query += f'WHERE "offset" = {group.example_offset} AND failed_rules = {rules}'
        assert Catalog(lake).query(query).to_pylist()[0]["pages"] > 0
        assert len(group.files) == 1  # an offset of its own


def test_a_rule_that_the_recipe_does_not_have_is_named(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    part = part_of(lake, "fineweb", (), archives=1)
    stages = load_recipe("fineweb", ["fineweb.enabled=false"]).stages()
    with pytest.raises(Fatal, match="pages of the ledger fail fineweb"):
        count_groups(lake, Part(part.archives, Move(stages, stages)))


QUESTIONS_OF_EXAMPLES = (("gopher.min_words=30",), ("language.targets=['de','fr']",), ("fineweb.enabled=false",))


@pytest.mark.parametrize("changes", QUESTIONS_OF_EXAMPLES)
def test_pages_whose_places_were_kept_are_those_that_a_scan_finds(
    changes: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path))
    part = part_of(lake, "fineweb", changes)
    monkeypatch.setattr(grouping, "BATCH_ROWS", PAGES)
    groups = count_groups(lake, part)
    chosen = [group for belongs in examples.MOVES.values() for group in groups.chosen(belongs(groups.tally), 3)]
    assert chosen and max(group.pages for group in chosen) > 3
    moving = {rule.name for rule in part.move.changed} | set(part.move.old_rules) - set(part.move.new_rules)
    for group in chosen:  # of others the places are not kept: in a ledger of real stages none would move
        assert len(group.places) == (min(group.pages, MOST_PLACES) if moving.issuperset(group.failed) else 0)
    wanted = [examples.Wanted("in", group, 4) for group in chosen]
    kept = list(examples.pages_of(lake, part, wanted))
    blind = [one._replace(group=one.group._replace(places=())) for one in wanted]
    assert kept == list(examples.pages_of(lake, part, blind))
    found = [sum(row["number"] == number for row in kept) for number in range(len(chosen))]
    assert found == [min(4, group.pages) for group in chosen]
