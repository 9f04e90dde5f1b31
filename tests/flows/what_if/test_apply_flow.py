"""`what-if --apply` gives, to the byte, the lake that a full run with those settings gives; both ways."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator

from flows import query
from flows.corpus_flow import corpus_flow
from flows.corpus_plan import CorpusRequest
from flows.recipe import load_recipe
from flows.what_if import derive as derivation
from flows.what_if.apply_flow import ApplyRequest, apply_flow, derivations
from flows.what_if.question import ask, summary
from flows.what_if.show import answer, print_answer, sentences
from storage.errors import ShardFailed, UserError
from storage.files import list_files, sha256_of
from storage.lake import Lake
from tests.flows.archives import article, page, write_jsonl, write_warc

REPRODUCIBLE = ("pages/", "documents/", "bands/", "pii/", "contamination/", "benchmarks/", "duplicates/", "corpus/")
STRICT = ("gopher.min_words=90", "extract.min_text_chars=400", "c4.min_sentences=3", "fineweb.max_short_line_frac=0.5")
LOOSE = ("gopher.min_words=20", "gopher.max_words=110", "extract.min_text_chars=1", "c4.min_sentences=5")
"""Each lets in what the other puts out, gates among them."""
AS_SHIPPED = "fineweb.max_short_line_frac=0.67"
"""What the strict run has otherwise and the loose one does not name."""


pytestmark = pytest.mark.usefixtures("api", "in_threads")


def lines(number: int, count: int) -> str:
    """The first lines of an article, an address of somebody's among them."""
    return "\n".join([*article(number).split("\n")[:count], f"Write to person{number}@mail.example.com about it."])


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of every length in every kind of container: records that can be fetched alone, and that cannot."""
    folder = tmp_path_factory.mktemp("inbox")
    pages = {f"http://h{n % 3}.test/{n}": page(lines(n, n % 10 + 1)) for n in range(30)}
    pages |= {"http://copy.test/": page(lines(4, 5)), "http://empty.test/": b"<html></html>"}
    write_warc(folder / "members.warc.gz", pages)
    with (folder / "members.warc.gz").open("rb") as stream, (folder / "plain.warc").open("wb") as plain:
        plain.write(b"".join(_record_bytes(record) for record in ArchiveIterator(stream, no_record_parse=True)))
    write_jsonl(folder / "stream.jsonl.gz", [lines(n, n % 10 + 1) for n in range(40, 60)])
    texts = [lines(n, n % 10 + 1) for n in range(70, 80)]
    pq.write_table(pa.table({"text": texts}), folder / "rows.parquet")
    write_jsonl(folder / "verse.jsonl.gz", ["Roses are red", "Violets are blue", "Roses are red"])
    return folder


def _record_bytes(record: object) -> bytes:
    """A record without its compression, under another name than its twin's."""
    block = record.raw_stream.read()  # type: ignore[attr-defined]
    fields = [(name, value) for name, value in record.rec_headers.headers if "Digest" not in name]  # type: ignore[attr-defined]
    head = "".join(f"{n}: {v.replace('urn:uuid:0', 'urn:uuid:f')}\r\n" for n, v in fields)
    return b"WARC/1.0\r\n" + head.encode() + b"\r\n" + block + b"\r\n\r\n"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """FineWeb's rules, and a benchmark to look for, of which some pages hold a line."""
    folder = tmp_path_factory.mktemp("recipe")
    write_jsonl(folder / "benchmark.jsonl.gz", [article(number).split("\n")[0] for number in range(0, 80, 3)])
    (folder / "searched.toml").write_text(
        f'[decontaminate]\naction = "mark"\n[[decontaminate.benchmarks]]\nname = "toy"\n'
        f'path = "{folder / "benchmark.jsonl.gz"}"\n'
    )
    return str(folder / "searched.toml")


@pytest.fixture(scope="module")
def lakes(recipe: str, inbox: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Path]:
    """A full run under each set of limits, in a lake of its own."""
    inputs = sorted(str(path) for path in inbox.iterdir() if path.name != "verse.jsonl.gz")
    made = {}
    for changes in (STRICT, LOOSE):
        made[changes] = tmp_path_factory.mktemp("full") / "lake"
        corpus_flow(
            CorpusRequest(
                recipe=recipe, inputs=(*inputs, f"books={inbox / 'verse.jsonl.gz'}"), changes=changes,
                lake=str(made[changes]), workers=1,
            )
        )  # fmt: skip
    return made


def digests(lake: Path) -> dict[str, str]:
    names = {str(Path(path).relative_to(lake)): path for path in list_files(str(lake))}
    return {name: sha256_of(path) for name, path in names.items() if name.startswith(REPRODUCIBLE)}


def test_apply_gives_the_bytes_of_a_full_run(recipe: str, lakes: dict[tuple[str, ...], Path], tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(lakes[STRICT], lake)
    before, full = digests(lake), digests(lakes[LOOSE])
    told = summary(ask(Lake(str(lake)), load_recipe(recipe, LOOSE)))
    result = apply_flow(ApplyRequest(changes=(*LOOSE, AS_SHIPPED), lake=str(lake), workers=1))
    after = digests(lake)
    assert {name: digest for name, digest in after.items() if name not in before} == {
        name: digest for name, digest in full.items() if name not in before
    }
    assert full.items() <= after.items()
    [kept] = query.sql(Lake(str(lake)), "SELECT count(*) AS pages FROM pages WHERE fate = 'kept'").to_pylist()
    assert told["new_kept_pages"] <= kept["pages"] <= told["new_kept_pages"] + told["unmeasured_pages"]
    assert told["let_in_pages"] + told["unmeasured_pages"] and told["put_out_pages"]
    rows = query.view(Lake(str(lake)), "books").to_pylist()
    assert len(rows) == 5 and not any(row["balance_records"] or row["balance_bytes"] for row in rows)
    assert query.print_check(Lake(str(lake)), deep=True, as_json=False)
    assert ask(Lake(str(lake)), load_recipe(recipe, LOOSE)).run.run_id == result.run_id


def test_archives_tightened_have_the_bytes_of_a_full_run(
    recipe: str, lakes: dict[tuple[str, ...], Path], tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(lakes[LOOSE], lake)
    jobs = derivations(ask(Lake(str(lake)), load_recipe(recipe, STRICT)))
    made = {output["path"]: output for job in jobs for output in derivation.derive(job)["outputs"]}
    wanted = {o["path"]: o for row in Lake(str(lakes[STRICT])).archive_rows() for o in row["outputs"]}
    for outputs in (made, wanted):
        assert [outputs.pop(path) for path in list(outputs) if path.startswith("costs/")]
    assert made == wanted and len(made) >= 4 * len(jobs)
    assert sum(output["rows"] for path, output in made.items() if path.startswith("contamination/"))
    before = digests(lake)
    assert [derivation.derive(job)["fingerprint"] for job in jobs] == [job.new.fingerprint for job in jobs]
    assert digests(lake) == before


def test_apply_reads_only_the_records_it_needs(
    recipe: str, lakes: dict[tuple[str, ...], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(lakes[LOOSE], lake)
    asked: list[tuple[str, int]] = []

    def watched(archive: dict[str, object], places: list[tuple[int, int]], config: object) -> object:
        asked.append((str(archive["archive"]), len(places)))
        return read(archive, places, config)  # type: ignore[arg-type]

    read = derivation.read_records
    monkeypatch.setattr(derivation, "read_records", watched)
    question = ask(Lake(str(lake)), load_recipe(recipe, [*LOOSE, "c4.min_sentences=4"]))
    for job in derivations(question):
        derivation.derive(job)
    totals = summary(question)
    assert sum(count for _, count in asked) == totals["read_again_pages"] == totals["let_in_pages"] > 0


def test_an_archive_that_changed_is_refused(
    recipe: str, lakes: dict[tuple[str, ...], Path], inbox: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(lakes[STRICT], lake)
    changed = bytearray((inbox / "plain.warc").read_bytes().replace(b" the ", b" teh "))
    (tmp_path / "plain.warc").write_bytes(changed)
    question = ask(Lake(str(lake)), load_recipe(recipe, LOOSE))
    [job] = [job for job in derivations(question) if job.archive["archive"] == "plain.warc"]
    moved = {**job.archive, "uri": str(tmp_path / "plain.warc")}
    with pytest.raises(ShardFailed, match="not the archive"):
        derivation.derive(derivation.DeriveJob(job.old, job.new, moved))
    assert not list(lake.rglob("*.tmp"))


def test_what_if_says_what_it_cannot_know_and_masks_what_it_shows(
    recipe: str, lakes: dict[tuple[str, ...], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    question = ask(Lake(str(lakes[STRICT])), load_recipe(recipe, LOOSE))
    found = answer(question, 4)
    assert found["summary"]["unmeasured_pages"] > 0
    assert any("measured no further" in sentence for sentence in sentences(found))
    assert {row["move"] for row in found["examples"]} == {"in", "out", "unmeasured"}
    assert all(row["excerpt"] and "@" not in row["excerpt"] for row in found["examples"])
    print_answer(question, 1, as_json=True)
    assert json.loads(capsys.readouterr().out)["funnel"] == found["funnel"]
    print_answer(question, 1, as_json=False)
    assert "extract.min_text_chars: 400 -> 1" in capsys.readouterr().out


def test_the_old_half_of_the_answer_is_the_funnel(recipe: str, lakes: dict[tuple[str, ...], Path]) -> None:
    lake = Lake(str(lakes[STRICT]))
    told = answer(ask(lake, load_recipe(recipe, STRICT)), 0)
    shown = {row["stage"]: row for row in query.view(lake, "funnel").to_pylist()}
    assert [(r["stage"], r["old_in"], r["old_dropped"]) for r in told["funnel"]] == [
        (r["stage"], shown[r["stage"]]["pages_in"], shown[r["stage"]]["dropped"]) for r in told["funnel"]
    ]
    assert all(r["old_in"] == r["new_in"] and r["old_out"] == r["new_out"] for r in told["funnel"])
    alone = {row["rule"]: row["alone_pages"] for row in query.view(lake, "removed_alone_by").to_pylist()}
    assert all(alone[row["rule"]] == row["old_alone"] for row in told["rules"])


@pytest.mark.parametrize(
    "change", ["c4.min_words_per_line=2", "extract.engine=trafilatura", "pii.min_confidence=0.9", "dedup.bands=10"]
)
def test_what_changes_a_text_or_a_signal_is_no_question_for_the_ledger(
    recipe: str, change: str, lakes: dict[tuple[str, ...], Path]
) -> None:
    with pytest.raises(UserError, match=f"cannot say what {change.split('=')[0]} would do"):
        ask(Lake(str(lakes[STRICT])), load_recipe(recipe, [*STRICT, change]))


def test_why_shows_the_text_before_and_after(lakes: dict[tuple[str, ...], Path]) -> None:
    lake = Lake(str(lakes[LOOSE]))
    [row] = query.sql(lake, "SELECT doc_id FROM pii JOIN ledger USING (doc_id) WHERE fate = 'kept' LIMIT 1").to_pylist()
    [found] = query.explain(lake, row["doc_id"])[:1]
    texts = found["texts"]
    assert texts["note"] is None and "@" not in texts["before"] + texts["after"]
    assert texts["before"].split() == texts["after"].split()
    [dropped] = query.explain(lake, "http://h0.test/0")[:1]
    assert dropped["texts"]["before"] and dropped["texts"]["after"] is None
