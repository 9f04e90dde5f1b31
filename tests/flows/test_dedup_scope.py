"""Crawls that come one after another: a new one is matched against the old, and nothing old is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flows import dedup_steps, query
from flows.annotate_task import annotate
from flows.corpus_flow import mix_all, write_run
from flows.corpus_plan import CorpusRequest, plan_corpus
from flows.dedup_commands import summaries
from flows.steps import Step
from flows.why import explain
from storage.catalog import Catalog
from storage.errors import UserError
from storage.files import list_files, sha256_of
from storage.lake import Lake
from tests.flows.archives import article, page, write_warc

OFF = ("language.enabled=false", "gopher.enabled=false", "c4.enabled=false", "fineweb.enabled=false")


class AtOnce:
    """Units of work done where they are asked for, without a server."""

    @staticmethod
    def submit(_label: str, work: Callable[..., None], *arguments: Any) -> AtOnce:
        work(*arguments)
        return AtOnce()

    def result(self) -> None:
        """Nothing is left to wait for."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_units(units: Mapping[str, tuple[Any, ...]]) -> None:
        for label, unit in units.items():
            AtOnce.submit(label, *unit)

    monkeypatch.setattr(dedup_steps, "unit_task", AtOnce)
    monkeypatch.setattr(dedup_steps, "_all_units", all_units)


def run(lake: Path, archive: Path, crawl: str, *changes: str) -> dict[str, Step]:
    """What the corpus flow does with one archive; the searches by crawl."""
    changed = (*OFF, "dedup.scope=lake", *changes)
    return make(
        CorpusRequest(recipe="fineweb", inputs=(str(archive),), crawl=crawl, lake=str(lake), workers=1, changes=changed)
    )


def make(request: CorpusRequest) -> dict[str, Step]:
    """The corpus flow without Prefect."""
    plan = plan_corpus(request)
    rows = [annotate(job) for job in plan.jobs]
    steps = dedup_steps.dedup_all(plan.lake, plan.recipe.dedup, 1, rows)
    write_run(plan, "finished", plan.fingerprints, [*steps.values(), mix_all(plan, rows, steps)])
    return steps


def duplicates(lake: Path) -> list[tuple[str, str, str]]:
    """(URL removed, crawl of the survivor, kind) of every duplicate in force."""
    rows = Catalog(Lake(str(lake))).query(
        "SELECT url, survivor_crawl, duplicate_kind FROM ledger WHERE fate = 'duplicate' ORDER BY url"
    )
    return [tuple(row.values()) for row in rows.to_pylist()]


def old_files(lake: Path) -> dict[str, str]:
    return {path: sha256_of(path) for path in list_files(str(lake)) if "old" in path and "costs" not in path}


def test_a_new_crawl_is_matched_against_the_old_and_touches_nothing_of_it(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    navigation = "<p>Home, products, prices and contacts</p>" * 2
    first = write_warc(tmp_path / "first.warc.gz", {f"http://old.test/{i}": page(article(i)) for i in range(4)})
    again = {
        "http://new.test/copy": page(article(1)),
        "http://new.test/near": page(article(2) + " Some more."),
        "http://new.test/fresh": page(article(9)),
    }
    second = write_warc(tmp_path / "second.warc.gz", again)
    run(lake, first, "old")
    before = old_files(lake)
    steps = run(lake, second, "new")
    assert duplicates(lake) == [("http://new.test/copy", "old", "exact"), ("http://new.test/near", "old", "near")]
    assert old_files(lake) == before

    [copy], [kept] = (explain(Lake(str(lake)), url) for url in ("http://new.test/copy", "http://old.test/1"))
    assert copy["duplicate_of"]["url"] == "http://old.test/1" and copy["duplicate_of"]["crawl"] == "old"
    assert [row["url"] for row in kept["replaces"]] == ["http://new.test/copy"]

    everything = {path: sha256_of(path) for path in list_files(str(lake), ".parquet") if "/runs/" not in path}
    run(lake, first, "old")
    assert run(lake, second, "new") == steps
    replayed = {path: sha256_of(path) for path in list_files(str(lake), ".parquet") if "/runs/" not in path}
    assert replayed == everything, "replaying a crawl changes nothing"

    # another reading of the old archive, which keeps less of it, takes the place of its entries
    write_warc(first, {"http://old.test/1": page(article(1)), "http://old.test/5": page(article(5) + navigation)})
    run(lake, first, "old")
    run(lake, second, "new")
    assert duplicates(lake) == [("http://new.test/copy", "old", "exact")]
    assert query.print_check(Lake(str(lake)), True, True)
    rows = summaries(Lake(str(lake)))
    assert [row["crawl"] for row in rows] == ["new", "old", "all"]
    assert (rows[0]["settled_pages"], rows[2]["distinct_texts"]) == (2, 4)

    with pytest.raises(UserError, match=r"dedup\.against names crawl 'nowhere'"):
        run(lake, second, "new", 'dedup.against=["nowhere"]')
    with pytest.raises(UserError, match=r"signed with dedup\.bands=14, this recipe has 9"):
        run(lake, second, "new", "dedup.bands=9")


def test_the_crawls_of_a_run_are_compared_as_far_as_its_scope_goes(tmp_path: Path) -> None:
    """Three crawls: b has a copy of a page of a and a longer version of another; c has a copy of each of theirs."""
    pages = {
        "a": {f"http://a.test/{i}": page(article(i)) for i in range(3)},
        "b": {"http://b.test/copy": page(article(1)), "http://b.test/longer": page(article(2) + " Some more.")},
        "c": {"http://c.test/0": page(article(0)), "http://c.test/longer": page(article(2) + " Some more.")},
    }
    recipe = tmp_path / "recipe.toml"
    inputs = [
        f'[[inputs]]\npaths = ["{write_warc(tmp_path / f"{crawl}.warc.gz", found)}"]\ncrawl = "{crawl}"\n'
        for crawl, found in pages.items()
    ]
    recipe.write_text('name = "three"\n' + "".join(inputs))

    def pairs(lake: str, *changes: str) -> set[frozenset[str]]:
        make(CorpusRequest(recipe=str(recipe), lake=str(tmp_path / lake), workers=1, changes=(*OFF, *changes)))
        rows = Catalog(Lake(str(tmp_path / lake))).query(
            "SELECT page.url, kept.url AS survivor FROM ledger AS page JOIN ledger AS kept ON kept.fate = 'kept' "
            'AND kept.crawl = page.survivor_crawl AND kept."offset" = page.survivor_offset '
            "WHERE page.fate = 'duplicate'"
        )
        return {frozenset(url.removeprefix("http://") for url in row.values()) for row in rows.to_pylist()}

    assert pairs("crawl", "dedup.scope=crawl") == set()
    whole = {("a.test/1", "b.test/copy"), ("a.test/0", "c.test/0"), ("b.test/longer", "c.test/longer")}
    found = pairs("run", "dedup.scope=run")
    assert {frozenset(pair) for pair in whole} < found
    [last] = found - {frozenset(pair) for pair in whole}
    assert "a.test/2" in last, "of pages nearly alike the longest stays, whichever crawl has it"
    [shorter] = explain(Lake(str(tmp_path / "run")), "http://a.test/2")
    [longer] = explain(Lake(str(tmp_path / "run")), shorter["duplicate_of"]["url"])
    assert "http://a.test/2" in [row["url"] for row in longer["replaces"]]

    against = pairs("against", "dedup.scope=crawl", 'dedup.against=["a"]')
    assert against == {
        frozenset(pair)
        for pair in (("a.test/1", "b.test/copy"), ("a.test/0", "c.test/0"),
                     ("a.test/2", "b.test/longer"), ("a.test/2", "c.test/longer"))
    }, "pages of the chosen crawl stay as they are; b and c are not compared with each other"  # fmt: skip


def test_spans_are_cut_and_told(tmp_path: Path) -> None:
    """A banner on every page of a host."""
    lake, banner = tmp_path / "lake", "<p>We use cookies to make this site work for all of our visitors.</p>"
    pages = {
        f"http://host.test/{i}": page(article(i)).replace(b"</p>", b"</p>" + banner.encode(), 1) for i in range(12)
    }
    archive = write_warc(tmp_path / "a.warc.gz", pages)
    run(lake, archive, "c", 'dedup.repeated_lines="remove"', 'dedup.repeated_substrings="measure"')
    catalog = Catalog(Lake(str(lake)))
    kinds = catalog.query("SELECT kind, removed, count(*) AS n FROM spans GROUP BY ALL ORDER BY kind").to_pylist()
    lines = [row for row in kinds if row["kind"] == "line"]
    assert lines and lines[0]["removed"] and lines[0]["n"] >= 11
    texts = [row["text"] for row in catalog.query("SELECT text FROM corpus").to_pylist()]
    assert sum("We use cookies" in text for text in texts) == 1, "one copy stays"
    assert catalog.query("SELECT sum(balance_records) AS b FROM books").to_pylist() == [{"b": 0}]


def test_the_same_pages_as_arc_and_as_warc_are_one_page_each(tmp_path: Path, shared_data: Path) -> None:
    """A crawl of 2008 in both containers: no payload is kept twice, whichever container keeps it."""
    lake = tmp_path / "lake"
    plan = plan_corpus(
        CorpusRequest(recipe="raw", inputs=(str(shared_data / "warc" / "aut"),), lake=str(lake), workers=1,
                      changes=("dedup.enabled=true",))
    )  # fmt: skip
    rows = [annotate(job) for job in plan.jobs]
    steps = dedup_steps.dedup_all(plan.lake, plan.recipe.dedup, 1, rows)
    write_run(plan, "finished", plan.fingerprints, [*steps.values(), mix_all(plan, rows, steps)])
    catalog = Catalog(Lake(str(lake)))
    captures = catalog.query(
        "SELECT payload_digest, count(*) FILTER (fate = 'kept') AS kept, count(DISTINCT archive) AS archives "
        "FROM ledger WHERE fate IN ('kept', 'duplicate') GROUP BY ALL"
    ).to_pylist()
    assert sum(row["archives"] == 2 for row in captures) == 98, "of 106 payloads with a text"
    assert all(row["kept"] <= 1 for row in captures)
    across = catalog.query("SELECT count(*) AS n FROM duplicates WHERE archive <> survivor_archive").to_pylist()
    assert across[0]["n"] >= 98
    assert catalog.query("SELECT sum(balance_records) AS b FROM books").to_pylist() == [{"b": 0}]
