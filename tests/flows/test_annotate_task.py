"""One archive in, one row a record out; the books balance; nothing half-done is ever seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flows.annotate_rows import document_id
from flows.annotate_task import AnnotateJob, annotate
from flows.recipe import load_recipe
from pipeline.stage import Stage, signal
from storage.files import list_files
from storage.inputs import expand_inputs
from storage.lake import Lake
from storage.shards import read_table
from tests.flows.archives import article, page, write_jsonl, write_warc


def job_for(path: Path | str, lake: Path, *changes: str, recipe: str = "fineweb") -> AnnotateJob:
    [source] = expand_inputs([str(path)])
    return AnnotateJob(str(lake), source, load_recipe(recipe, changes))


def table_of(job: AnnotateJob, row: dict[str, Any], name: str) -> list[dict[str, Any]]:
    [path] = [output["path"] for output in row["outputs"] if output["table"] == name]
    rows: list[dict[str, Any]] = read_table(Lake(job.lake).absolute(path)).to_pylist()
    return rows


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    pages = {f"http://a.test/{n}": page(article(n)) for n in range(6)}
    pages["http://a.test/fr"] = page(
        "Le conseil municipal se réunit chaque mardi pour parler des écoles du village. " * 8
    )
    pages["http://a.test/short"] = page("Too short.")
    pages["http://a.test/mail"] = page(
        article(40) + "\nWrite to jane.doe@mill-museum.org before you come with a group."
    )
    return write_warc(tmp_path / "a.warc.gz", pages)


def test_every_record_has_one_row_in_stream_order(archive: Path, tmp_path: Path) -> None:
    job = job_for(archive, tmp_path / "lake")
    row = annotate(job)
    rows = table_of(job, row, "pages")
    assert [r["offset"] for r in rows] == sorted(r["offset"] for r in rows)
    fates = {r["url"].rsplit("/", 1)[1]: (r["fate"], r["dropped_by"]) for r in rows}
    assert fates["0"] == ("kept", None)
    assert fates["fr"] == ("dropped", "language")
    assert fates["short"][0] == "dropped"
    assert row["records"] == 2 * len(rows) + 1
    assert row["skipped_by_kind"] == [("request", len(rows)), ("warcinfo", 1)]


def test_books_balance_to_the_byte(archive: Path, tmp_path: Path) -> None:
    row = annotate(job_for(archive, tmp_path / "lake"))
    fates = ("kept", "dropped", "skipped", "unreadable")
    assert sum(row[f"{fate}_bytes"] for fate in fates) == row["stream_bytes"] == archive.stat().st_size
    assert sum(row[f"{fate}_records"] for fate in fates) == row["records"]


def test_signals_are_measured_past_a_failure_but_not_past_a_gate(archive: Path, tmp_path: Path) -> None:
    job = job_for(archive, tmp_path / "lake")
    rows = {r["url"].rsplit("/", 1)[1]: r for r in table_of(job, annotate(job), "pages")}
    assert rows["short"]["word_count"] is not None
    assert rows["fr"]["word_count"] is None and rows["fr"]["language"] == "fr"


def test_personal_data_reaches_no_file(archive: Path, tmp_path: Path) -> None:
    job = job_for(archive, tmp_path / "lake")
    row = annotate(job)
    [mail] = [r for r in table_of(job, row, "documents") if r["url"].endswith("mail")]
    assert "<EMAIL>" in mail["text"]
    [span] = table_of(job, row, "pii")
    assert (span["kind"], mail["text"][span["start"] : span["start"] + 7]) == ("email", "<EMAIL>")
    for path in list_files(str(tmp_path / "lake"), ".parquet"):
        assert "jane.doe" not in str(read_table(path).to_pylist()), path


def test_damage_costs_the_damaged_record_only(archive: Path, tmp_path: Path) -> None:
    job = job_for(archive, tmp_path / "l1")
    whole = table_of(job, annotate(job), "pages")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    damaged = tmp_path / "damaged.warc.gz"
    damaged.write_bytes(data)
    job = job_for(damaged, tmp_path / "l2")
    row = annotate(job)
    rows = table_of(job, row, "pages")
    unreadable = [r for r in rows if r["fate"] == "unreadable"]
    assert row["stream_bytes"] == len(data) and len(unreadable) == 1 and unreadable[0]["detail"]
    assert len(whole) - 1 <= sum(r["fate"] != "unreadable" for r in rows) <= len(whole)


@pytest.mark.parametrize(("content", "records"), [(b"", 0), (b"this is no archive\n" * 100, 1)])
def test_what_is_no_archive_is_accounted_for(content: bytes, records: int, tmp_path: Path) -> None:
    path = tmp_path / "strange.warc.gz"
    path.write_bytes(content)
    row = annotate(job_for(path, tmp_path / "lake"))
    assert (row["unreadable_records"], row["unreadable_bytes"]) == (records, len(content))


def test_a_declared_domain_is_not_judged_as_a_web_page(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "verse.jsonl.gz", ["Roses\nare\nred", "O {wild} west wind"])
    job = job_for(f"books={path}", tmp_path / "lake")
    row = annotate(job)
    assert row["kept_records"] == 2 and "gopher_quality" not in row["stages"]
    assert {r["domain"] for r in table_of(job, row, "documents")} == {"books"}


def test_done_is_done(archive: Path, tmp_path: Path) -> None:
    job = job_for(archive, tmp_path / "lake")
    first = annotate(job)
    before = {path: Path(path).stat().st_mtime_ns for path in list_files(str(tmp_path / "lake"))}
    assert annotate(job) == first
    assert {path: Path(path).stat().st_mtime_ns for path in list_files(str(tmp_path / "lake"))} == before


def test_a_failure_leaves_nothing(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(batch: Any) -> Any:
        raise RuntimeError("a stage with a defect")

    stage = Stage("broken", pa.schema([signal("b", "test")]), broken)
    job = job_for(archive, tmp_path / "lake")
    monkeypatch.setattr(AnnotateJob, "stages", property(lambda self: (stage,)))
    with pytest.raises(RuntimeError):
        annotate(job)
    assert [p for p in (tmp_path / "lake").rglob("*") if p.is_file()] == []


def test_the_fingerprint_changes_with_what_decides_the_rows(archive: Path, tmp_path: Path) -> None:
    def fp(*changes: str) -> str:
        return job_for(archive, tmp_path, *changes).fingerprint

    assert fp() == fp() == fp("dedup.min_jaccard=0.9") == fp("mix.budget_tokens=5")
    assert len({fp(), fp("gopher.min_words=30"), fp("dedup.bands=20"), fp("pii.enabled=false")}) == 4


def test_document_ids() -> None:
    known = "c9ab03b7-6d69-4f2e-a4bb-6a3c2c5f7ad5"
    assert document_id(f"<urn:uuid:{known}>", "c", "a", 0) == known
    assert document_id(None, "c", "a", 0) != document_id(None, "c", "a", 1)
    assert document_id("<not-a-uuid>", "c", "a", 0) == document_id("<not-a-uuid>", "c", "a", 9)
