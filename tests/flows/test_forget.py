"""A page forgotten: nothing of it is left in any file, the books balance, and no later run brings it back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from flows.annotate_task import annotate
from flows.check import check
from flows.cli import app
from flows.corpus_plan import CorpusRequest, plan_corpus
from flows.forgetting.erase import Eraser
from flows.query import sql
from flows.tokens_flow import TokensRequest, tokens_flow
from pipeline.tokens_config import TokensConfig
from storage import schema
from storage.lake import Lake
from storage.shards import read_table, write_table
from storage.tombstones import read_tombstones
from tests.flows import plain
from tests.flows.archives import article, page, write_warc

PLANTED = "Zanzibar Quokkington hid the violet trombone under the municipal carousel."
SECRET = "http://www.secret.test/planted.html"
COPY = "http://copier.test/copy.html"
TOKENS = TokensConfig(vocab_size=512, sequence_length=32)


@pytest.fixture(scope="module")
def made(api: str, in_threads: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two archives, one with the planted page and an equal one at another address; their corpus, tokens, a training."""
    folder = tmp_path_factory.mktemp("made")
    pages = {f"http://a{number}.test/": page(article(number)) for number in range(8)}
    planted = page(f"{article(40)}\n{PLANTED}")
    write_warc(folder / "0.warc.gz", {**pages, SECRET: planted, COPY: planted})
    others = {f"http://b{number}.test/": page(article(20 + number)) for number in range(8)}
    write_warc(folder / "1.warc.gz", {**others, "http://deep.secret.test/": page(article(50))})
    make_corpus(request(folder, folder / "lake", "mix.shard_bytes=2000"))
    tokens_flow(TokensRequest(config=TOKENS, lake=str(folder / "lake"), workers=1))
    add_training(Lake(str(folder / "lake")))
    return folder


@pytest.fixture
def lake(made: Path, tmp_path: Path) -> Lake:
    """A copy of it, for one test to change."""
    shutil.copytree(made / "lake", tmp_path / "lake")
    return Lake(str(tmp_path / "lake"))


def request(folder: Path, lake: Path, *changes: str) -> CorpusRequest:
    inputs = tuple(str(folder / f"{number}.warc.gz") for number in range(2))
    return CorpusRequest(recipe="fineweb", inputs=inputs, lake=str(lake), workers=1, changes=changes)


def make_corpus(asked: CorpusRequest) -> None:
    """Without Prefect, which is what the tokens are made with."""
    with plain.without_prefect():
        plain.run_corpus(asked)


def read_again(folder: Path, lake: Lake, *changes: str) -> list[dict[str, Any]]:
    """Read the archives into the lake under other settings."""
    return [annotate(job) for job in plan_corpus(request(folder, Path(lake.root), *changes)).jobs]


def add_training(lake: Lake) -> None:
    """Two trainings of the lake's tokens, as far as forgetting looks at them: t1 is finished, t2 was cut short."""
    (tokens,) = [row for row in lake.rows("steps") if row["step"] == "tokens"]
    values: dict[Any, Any] = {pa.string(): "", pa.int64(): 1, pa.float64(): 1.0}
    row = {column.name: values.get(column.type) for column in schema.TRAININGS if not column.nullable}
    row |= {"training_id": "t1", "name": "small", "tokens_fingerprint": tokens["fingerprint"], "curve": []}
    row |= {"finished_at": tokens["finished_at"], "checkpoint": "checkpoints/t1/weights.bin"}
    write_table(lake.root, lake.training_path("t1"), "trainings", pa.Table.from_pylist([row], schema.TRAININGS))
    for name in ("t1", "t2"):
        (Path(lake.root) / "checkpoints" / name).mkdir(parents=True)
        (Path(lake.root) / "checkpoints" / name / "weights.bin").write_bytes(b"weights")
    spec = {"tokens_dir": lake.absolute(lake.tokens_dir(tokens["key"], tokens["fingerprint"]))}
    (Path(lake.root) / "checkpoints" / "t2" / "spec.json").write_text(json.dumps(spec))


def forget(lake: Lake, *options: str) -> Any:
    return CliRunner().invoke(app, ["forget", *options, "--lake", lake.root, "--workers", "1"])


def places_of(lake: Lake, *needles: str) -> dict[str, list[str]]:
    """Files of the lake in whose bytes, or in whose columns, one of the needles stands."""
    found: dict[str, list[str]] = {}
    for path in sorted(Path(lake.root).rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content += json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False).encode()
            if held := [needle for needle in needles if needle.encode() in content]:
                found[str(path.relative_to(lake.root))] = held
    return found


def id_of(lake: Lake, url: str) -> str:
    return str(sql(lake, f"SELECT doc_id FROM pages WHERE url = '{url}'").column(0)[0].as_py())


def digests(lake: Lake) -> dict[str, bytes]:
    return {str(path.relative_to(lake.root)): path.read_bytes() for path in Path(lake.root).rglob("*.parquet")}


def test_the_search_finds_what_is_there(lake) -> None:
    rooms = {place.split("/")[0] for place in places_of(lake, PLANTED, id_of(lake, SECRET), id_of(lake, COPY))}
    assert {"pages", "documents", "bands", "duplicates", "corpus", "tokens"} <= rooms


def test_a_dry_run_lists_everything_and_changes_nothing(lake) -> None:
    before = digests(lake)
    done = forget(lake, "--url", SECRET, "--copies", "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [one["url"] for one in found["pages"]] == [SECRET, COPY]
    assert {one["kind"] for one in found["held"]} == {"shard", "sequences", "training"}
    trainings = {one["place"]: one["holds"] for one in found["held"] if one["kind"] == "training"}
    assert trainings["t1"].startswith("small: weights") and trainings["t2"].startswith("unfinished: checkpoints")
    assert digests(lake) == before


def test_a_forgotten_page_leaves_no_trace_and_stays_away(lake, made) -> None:
    names = [PLANTED, SECRET, COPY, id_of(lake, SECRET), id_of(lake, COPY)]
    before = digests(lake)
    done = forget(lake, "--url", SECRET, "--copies", "--trainings", "remove")
    assert done.exit_code == 0, (done.output, done.exception)
    assert places_of(lake, *names) == {}
    report = check(lake)
    assert report.problems == ()
    rows = sql(
        lake, "SELECT url, host, fate, detail FROM ledger WHERE dropped_by_rule = 'archive.forgotten'"
    ).to_pylist()
    assert rows == [{"url": None, "host": None, "fate": "dropped", "detail": "forgotten at request"}] * 2
    assert not [p for p in (Path(lake.root) / "checkpoints").rglob("*") if p.is_file()] and not lake.rows("trainings")
    untouched = {place for place, content in digests(lake).items() if before.get(place) == content}
    corpora = [place for place in before if place.startswith("corpus/") and "mixture" not in place]
    assert sum(place in untouched for place in corpora) == len(corpora) - 1  # shards without the page are as they were
    assert {place.split("/")[0] for place in before if "1.warc.gz" in place and place not in untouched} == set()
    kept = sql(lake, "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM corpus").to_pylist()[0]
    mixture = sql(lake, "SELECT documents, held_out_documents, reason FROM mixture").to_pylist()[0]
    assert kept == {"n": 17, "ids": 17} and "forgotten at request: 1" in mixture["reason"]
    assert (mixture["documents"], mixture["held_out_documents"]) == (16, 1)
    counted = json.loads(next(r for r in lake.rows("steps") if r["step"] == "tokens")["summary"])
    assert counted["train"]["total"]["documents"] + counted["held_out"]["total"]["documents"] == 17
    make_corpus(request(made, Path(lake.root), "mix.shard_bytes=2000"))
    read_again(made, lake, "gopher.min_words=10")
    assert places_of(lake, *names) == {}
    assert check(lake).problems == ()


def test_a_host_takes_every_host_under_it(lake, monkeypatch) -> None:
    ids = [id_of(lake, SECRET), id_of(lake, "http://deep.secret.test/")]
    monkeypatch.chdir(Path(lake.root).parent)
    assert forget(Lake("./lake"), "--host", "secret.test", "--trainings", "keep").exit_code == 0
    assert places_of(lake, *ids, "secret.test") == {}
    assert [row["training_id"] for row in lake.rows("trainings")] == ["t1"]
    assert (Path(lake.root) / "checkpoints" / "t2" / "spec.json").exists()
    assert check(lake).problems == ()


def test_a_held_out_page_goes_from_an_older_corpus_and_its_tokens_too(lake, made) -> None:
    """Of two corpora of one name the older one has the tokens: those are made again, of it, and none of the newer."""
    url, tokens = "http://a1.test/", next(row for row in lake.rows("steps") if row["step"] == "tokens")
    name, before = id_of(lake, url), sql(lake, "SELECT * FROM mixture").to_pylist()[0]
    make_corpus(request(made, Path(lake.root), "mix.shard_bytes=2000", "mix.seed=1"))
    corpora = [row["fingerprint"] for row in lake.rows("steps") if row["step"] == "mix"]
    done = forget(lake, "--doc", name, "--trainings", "keep")
    assert done.exit_code == 0, (done.output, done.exception)
    assert places_of(lake, name) == {} and check(lake).problems == ()
    (again,) = [row for row in lake.rows("steps") if row["step"] == "tokens"]
    made_of = json.loads(again["summary"])
    assert again["fingerprint"] == tokens["fingerprint"] and made_of["corpus_fingerprint"] in corpora
    assert len(corpora) == 2 and made_of["held_out"]["total"]["documents"] == 0
    assert made_of["train"] == json.loads(tokens["summary"])["train"]
    for fingerprint in corpora:
        path = f"{lake.corpus_dir('fineweb', fingerprint)}/mixture.parquet"
        (row,) = read_table(lake.absolute(path)).to_pylist()
        assert (row["held_out_documents"], row["held_out_tokens"]) == (0, 0)
        assert row["given_tokens"] == before["given_tokens"] and row["reason"] == "forgotten at request: 1"


def test_a_token_set_that_cannot_be_made_again_goes_wholly(lake) -> None:
    (tokens,) = [row for row in lake.rows("steps") if row["step"] == "tokens"]
    folder = Path(lake.absolute(lake.tokens_dir(tokens["key"], tokens["fingerprint"])))
    (folder / "config.json").write_text(json.dumps({"vocab_size": 512, "a_key_of_before": 1}))
    done = forget(lake, "--url", SECRET, "--trainings", "keep")
    assert done.exit_code == 0 and "what made it is not at hand" in done.stderr
    assert not list(folder.iterdir()) and not [row for row in lake.rows("steps") if row["step"] == "tokens"]
    assert check(lake).problems == ()


def test_a_killed_command_is_finished_by_the_next(lake, monkeypatch) -> None:
    names = [PLANTED, SECRET, COPY, id_of(lake, SECRET), id_of(lake, COPY)]
    mixture = sql(lake, "SELECT given_tokens FROM mixture").column(0)[0].as_py()
    for step in ("clear_tables", "refresh_rows"):
        with monkeypatch.context() as patch:
            patch.setattr(Eraser, step, lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
            forget(lake, "--url", SECRET, "--copies", "--trainings", "remove")
    assert (Path(lake.root) / "forgotten" / "journal.json").exists()
    assert forget(lake, "--doc", "00000000-0000-0000-0000-000000000000").exit_code == 0
    assert places_of(lake, *names) == {}
    assert check(lake).problems == ()
    lost = mixture - sql(lake, "SELECT given_tokens FROM mixture").column(0)[0].as_py()
    assert 100 < lost < 400  # one page, and once


@pytest.mark.parametrize("step", ["write_tombstones", "plan_mixtures"])
def test_one_killed_before_it_took_anything_out_is_finished_too(step, lake, monkeypatch) -> None:
    name = id_of(lake, SECRET)
    with monkeypatch.context() as patch:
        patch.setattr(f"flows.forgetting.run.{step}", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        forget(lake, "--url", SECRET, "--trainings", "keep")
    assert forget(lake, "--doc", "00000000-0000-0000-0000-000000000000").exit_code == 0
    assert places_of(lake, SECRET, name) == {} and check(lake).problems == ()
    assert read_tombstones(lake).hold(None, SECRET, None)


def test_a_page_the_lake_does_not_have_is_kept_out(lake, made, tmp_path) -> None:
    empty = Lake(str(tmp_path / "new"))
    Path(empty.root).mkdir()
    done = forget(empty, "--url", "http://a3.test/")
    assert done.exit_code == 0 and "kept out from now on" in done.output
    rows = read_again(made, empty)
    assert places_of(empty, "http://a3.test/") == {}
    rules = sql(empty, "SELECT dropped_by_rule FROM pages WHERE fate = 'dropped'").column(0).to_pylist()
    assert rules == ["archive.forgotten"] and sum(row["dropped_records"] for row in rows) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "there is nothing to forget"),
        (("--host", "http://secret.test/"), "is not a host's name"),
        (("--url", SECRET, "--trainings", "burn"), "neither keep nor remove"),
        (("--url", SECRET), "trainings have read these pages"),
    ],
)
def test_mistakes_are_one_sentence_and_change_nothing(lake, options, said) -> None:
    before = digests(lake)
    done = forget(lake, *options)
    assert done.exit_code != 0 and said in str(done.exception or done.output)
    assert digests(lake) == before
