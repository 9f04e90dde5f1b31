"""Personal data, toxicity and benchmarks through the archive task: what is planted is found and never written."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from flows.annotate_task import AnnotateJob, annotate
from flows.cli import app
from flows.query import sql
from flows.recipe import load_recipe
from flows.report.benchmarks import benchmarks_section
from flows.report.personal import personal_section
from flows.report.source import Source
from storage import schema
from storage.errors import UserError
from storage.files import list_files
from storage.inputs import expand_inputs
from storage.lake import Lake
from storage.shards import read_table, write_table
from tests.flows.archives import article, page, write_warc

PLANTED = {
    "email": "jane.doe@mill-museum.org", "phone": "+44 20 7946 0958", "card": "4111 1111 1111 1111",
    "ssn": "460-89-9847", "ip": "106.31.73.20", "iban": "GB82 WEST 1234 5698 7654 32", "mac": "00:1b:63:84:45:e6",
    "secret": "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8", "geo": "48.8583701, 2.2944813",
    "national_id": "943 476 5919", "birthdate": "3 May 1950", "person": "Jane Quimby Doe",
    "address": "218 Withers Street",
}  # fmt: skip
WORDS_BEFORE = {
    "ip": "blocked", "mac": "HWaddr", "geo": "GPS:", "national_id": "NHS number", "birthdate": "Date of birth:",
    "person": "Card holder:", "address": "She lives at",
}  # fmt: skip
QUESTION = (
    "Which of these best explains why the water in a shallow pond freezes from the top down in a cold winter night "
    "while fish below the ice go on living until spring"
)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "ponds.jsonl").write_text(
        json.dumps({"query": QUESTION})
        + "\n"
        + json.dumps({"query": "short"})
        + "\n"
        + json.dumps({"q": QUESTION[::-1]})
    )
    (tmp_path / "hosts.txt").write_text("||bad.test^\n")
    path = tmp_path / "safe.toml"
    path.write_text(
        "[gopher]\nenabled = false\n[c4]\nenabled = false\n[fineweb]\nenabled = false\n"
        f'[toxicity]\nhost_lists = ["{tmp_path}/hosts.txt"]\n[[decontaminate.benchmarks]]\nname = "ponds"\n'
        f'path = "{tmp_path}/ponds.jsonl"\n'
    )
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    lines = [f"{WORDS_BEFORE.get(kind, 'Then')} {value} was written down." for kind, value in PLANTED.items()]
    pages = {
        "http://a.test/plain": page(article(1)),
        "http://a.test/personal": page("\n".join([article(2), *lines])),
        "http://a.test/quiz": page(article(3) + f"\nAsked in class: {QUESTION}? Nobody knew."),
        "http://www.bad.test/": page(article(4)),
    }
    return write_warc(tmp_path / "a.warc.gz", pages)


def run(archive: Path, lake: Path, recipe: Path, *changes: str) -> AnnotateJob:
    [source] = expand_inputs([str(archive)])
    job = AnnotateJob(str(lake), source, load_recipe(str(recipe), changes))
    annotate(job)
    return job


@pytest.mark.parametrize("surrogates", ["true", "false"])
def test_planted_values_are_in_no_file_no_log_and_no_answer(
    archive, recipe, tmp_path, caplog, capfd, surrogates
) -> None:
    logging.getLogger("numba").setLevel(logging.WARNING)  # it logs every step of compiling
    with caplog.at_level(logging.DEBUG):
        run(archive, tmp_path / "lake", recipe, f"surrogates.enabled={surrogates}")
        shown = CliRunner().invoke(app, ["why", "http://a.test/personal", "--lake", str(tmp_path / "lake")])
    kinds = sql(Lake(str(tmp_path / "lake")), "SELECT kind FROM pii").column("kind").to_pylist()
    assert set(kinds) == set(PLANTED)
    files = list_files(str(tmp_path / "lake"), ".parquet")
    written = [str(read_table(path).to_pylist()) for path in files]
    raw = [path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    out = capfd.readouterr()
    said = [shown.output, caplog.text, out.out, out.err]
    for value in PLANTED.values():
        assert not [text for text in (*written, *said) if value in text]
        assert not [data for data in raw if value.encode() in data]
    [text] = [t for t in sql(Lake(str(tmp_path / "lake")), "SELECT text FROM documents").column("text").to_pylist()
              if "written down" in t]  # fmt: skip
    assert ("<EMAIL>" in text) == (surrogates == "false") and ("@example.com" in text) == (surrogates == "true")


def test_a_page_with_a_benchmark_item_goes_and_the_report_says_so(archive, recipe, tmp_path) -> None:
    lake = str(tmp_path / "lake")
    run(archive, tmp_path / "lake", recipe)
    fates = {row["url"]: row["dropped_by_rule"] for row in sql(Lake(lake), "FROM pages").to_pylist()}
    assert fates["http://a.test/quiz"] == "decontaminate.contamination_score"
    assert fates["http://www.bad.test/"] == "toxicity.host_is_listed"
    assert fates["http://a.test/plain"] is None
    shown = CliRunner().invoke(app, ["decontaminate", "report", "--lake", lake, "--json"])
    found = json.loads(shown.output)
    [total], [item] = found["benchmarks"], found["items"]
    assert (total["benchmark"], total["items"], total["short_items"]) == ("ponds", 3, 1)
    assert (total["found_items"], total["removed_items"], total["remaining_items"]) == (1, 1, 0)
    assert (item["item"], item["pages"], item["dropped_pages"], item["max_score"]) == (0, 1, 1, 1.0)


def test_an_evaluation_has_its_benchmarks_contamination_beside_it(archive, recipe, tmp_path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    run(archive, tmp_path / "lake", recipe)
    made = [
        {"evaluation_id": "e", "kind": kind, "name": "run-1", "part": part, "metric": "accuracy", "value": value,
         "unit": "0..1", "finished_at": datetime(2026, 5, 1, tzinfo=UTC)}
        for kind, part, value in (("benchmark", "ponds", 0.5), ("benchmark", "rivers", 0.25), ("scaling", "total", 0.3))
    ]  # fmt: skip
    table = pa.Table.from_pylist(made, schema.EVALUATIONS)
    write_table(lake.root, lake.evaluation_path("e"), "evaluations", table)
    rows = sql(lake, "FROM evaluations_with_contamination").to_pylist()
    shown = [(row["part"], row["value"], row["items"], row["found_items"], row["removed_items"]) for row in rows]
    assert shown == [("ponds", 0.5, 3, 1, 1), ("rivers", 0.25, None, None, None)]
    section = benchmarks_section(Source(lake))
    assert (
        "1 item found, 0 items still in some page" in section.lead and "unknown contamination: rivers" in section.lead
    )
    assert [figure.id for figure in section.figures] == ["benchmark-scores"]
    beside = personal_section(Source(lake))
    assert "benchmark-contamination" in [figure.id for figure in beside.figures]


def test_cut_keeps_the_page_and_marking_leaves_it(archive, recipe, tmp_path) -> None:
    for action, kept, cut in (("cut", 0, 1), ("mark", 1, 0)):
        lake = Lake(str(tmp_path / action))
        run(archive, tmp_path / action, recipe, f"decontaminate.action={action}")
        [item] = sql(lake, "FROM contaminated_items").to_pylist()
        assert (item["kept_pages"], item["cut_pages"], item["dropped_pages"]) == (kept, cut, 0)
        texts = sql(lake, "SELECT text FROM documents WHERE url LIKE '%quiz'").column("text").to_pylist()
        assert ("shallow pond" in texts[0]) == (action == "mark")


def test_a_lake_that_was_not_searched_says_so(archive, recipe, tmp_path) -> None:
    run(archive, tmp_path / "lake", recipe, "decontaminate.enabled=false")
    shown = CliRunner().invoke(app, ["decontaminate", "report", "--lake", str(tmp_path / "lake")])
    assert isinstance(shown.exception, UserError) and "was searched for benchmarks" in str(shown.exception)


def test_the_fingerprint_follows_what_is_in_the_files(archive, recipe, tmp_path) -> None:
    [source] = expand_inputs([str(archive)])
    job = AnnotateJob(str(tmp_path / "lake"), source, load_recipe(str(recipe), []))
    before = job.fingerprint
    assert before == job.fingerprint
    (tmp_path / "hosts.txt").write_text("||worse.test^\n")
    changed = job.fingerprint
    (tmp_path / "ponds.jsonl").write_text(json.dumps({"query": QUESTION}))
    assert len({before, changed, job.fingerprint}) == 3


def test_an_archive_gives_the_same_bytes_twice(archive, recipe, tmp_path) -> None:
    lakes = [tmp_path / "one", tmp_path / "two"]
    for lake in lakes:
        run(archive, lake, recipe, "surrogates.enabled=true")
    apart = ("costs", "archives", "manifest")  # these tell times
    names = [sorted(p.relative_to(lake) for p in lake.rglob("*.parquet")) for lake in lakes]
    names = [[name for name in listed if name.parts[0] not in apart] for listed in names]
    assert names[0] == names[1] and len(names[0]) == 6
    assert all((lakes[0] / name).read_bytes() == (lakes[1] / name).read_bytes() for name in names[0])
