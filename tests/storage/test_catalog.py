from __future__ import annotations

import errno
import shutil
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pyarrow as pa
import pytest

from storage import files
from storage.catalog import CATALOG_FILE, Catalog
from storage.errors import Fatal, UserError
from storage.lake import Lake
from storage.shards import write_table
from storage.views import VIEWS, headers
from tests.lakes import SIGNALS, PageSpec, add_archive, add_duplicates, add_example, add_mixture, add_run


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The example lake, for tests that change nothing."""
    lake = Lake(str(tmp_path_factory.mktemp("still") / "lake"))
    add_example(lake)
    Catalog(lake).rebuild()
    return lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """The example lake."""
    lake = Lake(str(tmp_path / "lake"))
    add_example(lake)
    return lake


def rows(lake: Lake, statement: str, params: Any = ()) -> list[dict[str, Any]]:
    return Catalog(lake).query(statement, params).to_pylist()


def fates(lake: Lake) -> dict[str, str]:
    return {row["doc_id"]: row["fate"] for row in rows(lake, "SELECT doc_id, fate FROM ledger")}


def test_every_view_answers_on_a_lake_and_on_an_empty_directory_in_plain_types(still: Lake, tmp_path: Path) -> None:
    empty = Lake(str(tmp_path / "empty"))
    (tmp_path / "empty").mkdir()
    catalog = Catalog(still)
    with catalog.session():
        tables = {view: catalog.query(f"FROM {view}") for view in VIEWS}
    for view, filled in tables.items():
        bare = Catalog(empty).query(f"FROM {view}")
        assert set(bare.column_names) <= set(filled.column_names), view
        assert bare.num_rows == (2 if view == "funnel" else 0), view  # `read` and `archive`, of nothing
        kinds = [column.type for column in filled.schema]
        assert not any(map(pa.types.is_decimal, kinds)), f"{view} has a sum that is no BIGINT"
    assert list((tmp_path / "empty").iterdir()) == []  # looking at a directory leaves nothing in it


def test_the_views_are_what_show_tables_shows_and_each_says_what_it_answers(still: Lake) -> None:
    assert {row["name"] for row in rows(still, "SHOW TABLES")} == set(VIEWS)
    for view, header in headers().items():
        assert header.startswith(f"{view}: "), view


def test_the_ledger_has_one_fate_for_every_record(still: Lake) -> None:
    assert fates(still) == {
        "one": "kept", "two": "dropped", "three": "dropped", "four": "dropped", "five": "unreadable",
        "six": "duplicate", "seven": "kept", "eight": "kept",
    }  # fmt: skip
    [six] = rows(
        still,
        "SELECT dropped_by, dropped_by_rule, survivor_archive, jaccard FROM ledger WHERE doc_id = 'six'",
    )
    assert six == {
        "dropped_by": "dedup",
        "dropped_by_rule": "dedup.near",
        "survivor_archive": "a.warc.gz",
        "jaccard": 0.9,
    }


def test_the_funnel_tells_the_stages_in_order_and_loses_nobody(still: Lake) -> None:
    told = rows(still, "FROM funnel")
    assert [(row["stage"], row["dropped"]) for row in told] == [
        ("read", 1), ("archive", 1), ("extract", 0), ("language", 1), ("gopher", 1),
        ("dedup.exact", 0), ("dedup.near", 1), ("mix:test", 1),
    ]  # fmt: skip
    for before, after in pairwise(told):
        assert after["pages_in"] == before["pages_out"]
    assert (told[0]["pages_in"], told[-1]["pages_out"], told[-1]["of_all_frac"]) == (8, 2, 0.25)
    assert (told[0]["bytes_in"], told[-2]["bytes_out"]) == (887, 450)


def test_a_domain_with_fewer_stages_does_not_disturb_the_order(lake: Lake) -> None:
    add_archive(lake, "c.jsonl", [PageSpec("nine")], stages=["extract", "gopher"])
    stages = [row["stage"] for row in rows(lake, "FROM funnel")]
    assert stages[:5] == ["read", "archive", "extract", "language", "gopher"]


def test_books_balance_and_say_by_how_much_when_they_do_not(lake: Lake) -> None:
    for row in rows(lake, "FROM books"):
        assert (row["balance_records"], row["balance_bytes"]) == (0, 0)
    add_archive(lake, "lost.warc.gz", [PageSpec("nine")], records=5, stream_bytes=1000)
    [row] = rows(lake, "FROM books WHERE archive = 'lost.warc.gz'")
    assert (row["balance_records"], row["balance_bytes"]) == (3, 890)


def test_rules_are_counted_together_and_alone(still: Lake) -> None:
    assert rows(still, "SELECT rule, other, both_pages, jaccard FROM rule_overlap") == [
        {"rule": "gopher.word_count", "other": "language.language_prob", "both_pages": 1, "jaccard": 0.5}
    ]
    alone = {row["rule"]: row["alone_pages"] for row in rows(still, "FROM removed_alone_by")}
    assert alone == {"gopher.word_count": 1, "language.language_prob": 0, "archive.http_status": 1}


def test_cost_adds_up_over_archives_and_over_what_is_in_force_only(lake: Lake) -> None:
    add_archive(lake, "a.warc.gz", [PageSpec("one")], fingerprint="b" * 16)  # another recipe's, in no run
    [extract] = rows(lake, "FROM cost WHERE stage = 'extract'")
    assert (extract["rows"], extract["cpu_seconds"], extract["step_frac"]) == (8, 3.0, 0.75)


def test_the_newest_run_that_lists_an_archive_decides_what_is_shown(lake: Lake) -> None:
    add_archive(lake, "a.warc.gz", [PageSpec("other")], fingerprint="b" * 16)
    add_run(lake, "r2", [("annotate", "c1/a.warc.gz", "b" * 16)], age_hours=-1)
    assert set(fates(lake)) == {"other", "six", "seven", "eight"}
    add_run(lake, "r3", [("annotate", "c1/a.warc.gz", "e" * 16)], age_hours=-2)  # it never got to that archive
    assert set(fates(lake)) == {"other", "six", "seven", "eight"}
    assert fates(lake)["six"] == "duplicate"  # b's archive is still in force as the first run searched it


def test_without_any_run_the_last_finished_row_is_shown(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    add_archive(lake, "a", [PageSpec("old")], fingerprint="b" * 16)
    later = lake.archive_row("c1", "a", "b" * 16)
    assert later is not None
    add_archive(lake, "a", [PageSpec("new")], fingerprint="a" * 16, finished_at=later["finished_at"].replace(hour=20))
    assert fates(lake) == {"new": "kept"}


def test_files_that_no_row_lists_are_not_read(lake: Lake) -> None:
    stray = lake.pages_path("c1", "stray", "a" * 16)
    shutil.copy(lake.absolute(lake.pages_path("c1", "a.warc.gz", "a" * 16)), lake.absolute(stray))
    assert len(fates(lake)) == 8


def test_duplicates_of_another_search_are_not_shown(lake: Lake) -> None:
    add_duplicates(lake, [("deep/b.warc.gz", 100, "a.warc.gz", 0)], fingerprint="e" * 16)
    assert fates(lake)["seven"] == "kept"


def test_recipes_with_other_signals_lie_side_by_side(lake: Lake) -> None:
    toxicity = pa.field("toxicity_prob", pa.float64())
    specs = [PageSpec("nine", signals={"toxicity_prob": 0.5})]
    add_archive(lake, "c", specs, crawl="c2", signals=[toxicity])
    found = rows(
        lake,
        "SELECT doc_id, word_count, toxicity_prob FROM pages WHERE doc_id IN ('one', 'nine') ORDER BY doc_id",
    )
    assert found == [
        {"doc_id": "nine", "word_count": None, "toxicity_prob": 0.5},
        {"doc_id": "one", "word_count": 80.0, "toxicity_prob": None},
    ]
    only = Lake(lake.root + "-2")
    add_archive(only, "c", specs, signals=[toxicity])
    assert rows(only, "SELECT language, pages FROM funnel_by_language") == [{"language": None, "pages": 1}]


def test_each_corpus_has_its_own_mixture(lake: Lake) -> None:
    add_mixture(lake, "other", 1, "e" * 16)
    assert [row["corpus"] for row in rows(lake, "FROM mixture ORDER BY corpus")] == ["other", "test"]


def test_hostile_names_of_archives_survive_into_the_views(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "it's a * lake [1]"))
    names = ["a'; DROP TABLE x; --", "*/[a-z]?.warc", "{rows}", "ü~%2F", "/abs/../up"]
    for name in names:
        add_archive(lake, name, [PageSpec("one")], crawl=name)
    assert sorted(row["archive"] for row in rows(lake, "FROM archives")) == sorted(names)
    assert {(row["crawl"], row["archive"]) for row in rows(lake, "FROM pages")} == {(name, name) for name in names}


def test_a_moved_lake_still_answers(lake: Lake, tmp_path: Path) -> None:
    Catalog(lake).rebuild()
    moved = Lake(str(tmp_path / "elsewhere"))
    Path(lake.root).rename(moved.root)
    assert len(fates(moved)) == 8


def test_a_relative_root_is_the_same_lake(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    Catalog(lake).rebuild()
    monkeypatch.chdir(Path(lake.root).parent)
    assert len(fates(Lake("lake"))) == 8


def test_any_duckdb_client_can_read_the_views(still: Lake) -> None:
    with duckdb.connect(still.absolute("winnow.duckdb"), read_only=True) as client:
        assert client.sql("SELECT count(*) FROM ledger").fetchall() == [(8,)]


def test_a_reader_keeps_its_snapshot_while_the_catalog_is_swapped(lake: Lake) -> None:
    catalog = Catalog(lake)
    catalog.rebuild()
    with duckdb.connect(lake.absolute("winnow.duckdb"), read_only=True) as reader:
        assert reader.sql("SELECT count(*) FROM archives").fetchall() == [(2,)]
        add_archive(lake, "c", [PageSpec("nine")])
        catalog.rebuild()
        assert reader.sql("SELECT count(*) FROM archives").fetchall() == [(2,)]
        assert len(fates(lake)) == 9
    leftovers = [name for name in files.list_files(lake.root) if not name.endswith((".parquet", "winnow.duckdb"))]
    assert leftovers == []


def test_new_rows_are_seen_without_a_rebuild_being_asked_for(lake: Lake) -> None:
    assert len(fates(lake)) == 8
    add_archive(lake, "c", [PageSpec("nine")])
    assert fates(lake)["nine"] == "kept"


def test_a_damaged_catalog_is_made_anew(lake: Lake) -> None:
    Path(lake.absolute("winnow.duckdb")).write_bytes(b"not a database")
    assert len(fates(lake)) == 8


def test_a_lake_that_cannot_be_written_to_can_be_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(temporary: Path, path: str) -> None:
        raise UserError(f"Cannot write {path}: Read-only file system.")

    monkeypatch.setattr(files, "publish", refuse)
    assert len(fates(lake)) == 8
    assert not files.exists(lake.absolute("winnow.duckdb"))
    with pytest.raises(UserError, match="Read-only"):
        Catalog(lake).rebuild()


def test_a_lake_on_a_read_only_file_system_can_be_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))  # of a file that is not there, too

    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr("storage.catalog.temporary_for", lambda target: Path("/dev/null/winnow.tmp"))
    assert len(fates(lake)) == 8
    with pytest.raises(Fatal, match="Cannot write"):
        Catalog(lake).rebuild()


def test_no_lake_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no lake at"):
        rows(Lake(str(tmp_path / "none")), "FROM pages")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "FROM '/etc/passwd'",
        "FROM read_csv('{lake}/../outside.csv')",
        "FROM glob('/etc/*')",
        "FROM read_text('{lake}-secret/file')",
        "COPY (SELECT 1) TO '{lake}/new.csv'",
        "WITH x AS (COPY (SELECT 1) TO '{lake}/new.csv') FROM x",
        "FROM (WITH x AS (COPY (SELECT 1) TO '{lake}/new.csv') FROM x)",
        "FROM query('WITH x AS (COPY (SELECT 1) TO ''{lake}/new.csv'') FROM x')",
        "FROM \"QUERY\"('SELECT 1')",
        "SELECT 1; COPY (SELECT 1) TO '{lake}/new.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/new.csv'",
        "FROM json_execute_serialized_sql('{{}}')",
        "ATTACH '{lake}/new.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "CREATE TABLE t (a INT)",
        "DROP VIEW pages",
        "DELETE FROM state.archives",
        "PRAGMA database_list",
        "EXPORT DATABASE '{lake}/dump'",
        "CALL force_checkpoint()",
        "SELECT * FROM 'https://example.org/x.parquet'",
        "SELECT (SELECT content FROM read_text('/etc/passwd'))",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "FROM parquet_metadata('{lake}/../outside.parquet')",
        "FROM sniff_csv('/etc/passwd')",
        "FROM read_duckdb('/tmp/other.duckdb')",
        "FROM duckdb_secrets()",
        "FROM which_secret('s3://bucket/key', 's3')",
        "FROM 's3://bucket/key.parquet'",
        "FROM enable_profiling(save_location := '{lake}/profile.json')",
        "FROM enable_logging('QueryLog')",
        "SELECT getenv('HOME')",
        "WITH x AS (INSERT INTO state.archives VALUES (1)) FROM x",
        "SELECT * FROM catalog",
        "not sql at all",
        "",
    ],
)
def test_hostile_statements_are_refused_in_one_sentence_and_write_nothing(still: Lake, statement: str) -> None:
    Path(still.root + "-secret").mkdir(exist_ok=True)
    Path(still.root + "-secret", "file").write_text("secret")
    catalog = Catalog(still)
    before = files.list_files(still.root)
    with pytest.raises(UserError) as caught:
        catalog.query(statement.format(lake=still.root))
    assert "LINE 1" not in str(caught.value)
    assert files.list_files(still.root) == before


@pytest.mark.parametrize(
    "statement",
    [
        "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t WHERE a < 3) FROM t",
        "SELECT 1 AS a UNION SELECT 2",
        "VALUES (1)",
        "DESCRIBE ledger",
        "SUMMARIZE books",
        "SHOW TABLES",
        "SELECT archive, row_number() OVER (ORDER BY archive) FROM books;",
        "SELECT 'copy; drop' AS \"copy\" -- COPY",
    ],
)
def test_everything_that_reads_is_allowed(still: Lake, statement: str) -> None:
    assert rows(still, statement)


def test_files_that_are_allowed_are_read_and_never_written(still: Lake, tmp_path: Path) -> None:
    (tmp_path / "hosts.csv").write_text("host\nexample.org\n")
    listed = f"SELECT count(*) AS n FROM ledger SEMI JOIN '{tmp_path}/hosts.csv' USING (host)"
    with pytest.raises(UserError):
        Catalog(still).query(listed)
    assert Catalog(still).query(listed, allow_files=True).to_pylist() == [{"n": 8}]
    for statement in (f"COPY (SELECT 1) TO '{tmp_path}/new.csv'", "SET enable_external_access = true"):
        with pytest.raises(UserError):
            Catalog(still).query(statement, allow_files=True)
    assert [path.name for path in tmp_path.iterdir()] == ["hosts.csv"]


def test_parameters_are_values_never_sql(still: Lake) -> None:
    assert rows(still, "SELECT doc_id FROM pages WHERE doc_id = $1", ["one"]) == [{"doc_id": "one"}]
    assert rows(still, "SELECT doc_id FROM pages WHERE doc_id = $id", {"id": "' OR true --"}) == []


def test_times_are_told_in_utc(still: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    assert rows(still, "SELECT fetched_at::VARCHAR AS at FROM pages LIMIT 1") == [{"at": "2026-05-01 12:00:00+00"}]


def test_a_lake_in_a_store_answers_too(tmp_path: Path) -> None:
    lake = Lake("memory://catalog-test/lake")
    add_example(lake)
    assert len(fates(lake)) == 8
    with pytest.raises(UserError):
        rows(lake, "FROM read_text('/etc/passwd')")
    with Catalog(lake).scratch() as scratch:
        listed = files.list_files(lake.absolute("pages"))
        assert scratch.query("SELECT count(*) AS n FROM read_parquet($f)", {"f": listed}).read_all()[
            "n"
        ].to_pylist() == [8]
    Catalog(lake).rebuild()
    with fsspec.filesystem("memory").open(lake.absolute(CATALOG_FILE)) as stream:
        (tmp_path / CATALOG_FILE).write_bytes(stream.read())
    with closing(duckdb.connect()) as connection:
        connection.register_filesystem(fsspec.filesystem("memory"))
        connection.execute(f"ATTACH '{tmp_path / CATALOG_FILE}' AS winnow (READ_ONLY)")
        assert connection.execute("SELECT count(*) FROM winnow.ledger").fetchall() == [(8,)]
    fsspec.filesystem("memory").store.clear()


def test_scratch_runs_a_step_and_leaves_no_spill(lake: Lake) -> None:
    before = {path.name for path in Path(lake.root).iterdir()}
    with Catalog(lake).scratch("200MB", threads=1) as scratch:
        scratch.execute("CREATE TABLE big AS SELECT hash(i) AS h FROM range($n) AS r (i)", {"n": 5000})
        scratch.register("given", pa.table({"a": [1, 2]}))
        assert scratch.query("SELECT sum(a)::BIGINT AS s FROM given").read_all()["s"].to_pylist() == [3]
        batches = list(scratch.query("SELECT h FROM big ORDER BY h"))
        assert sum(batch.num_rows for batch in batches) == 5000
    assert {path.name for path in Path(lake.root).iterdir()} == before


def test_a_step_that_cannot_spill_says_what_to_do(lake: Lake) -> None:
    statement = "SELECT list(i ORDER BY hash(i)) FROM range(30_000_000) AS r (i)"
    with Catalog(lake).scratch("50MB") as scratch, pytest.raises(Fatal, match="whole-corpus step") as caught:
        scratch.query(statement).read_all()
    assert "memory" in caught.value.hint


def test_many_archives_are_no_burden(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    row = add_archive(lake, "0", [PageSpec("x", signals={field.name: None for field in SIGNALS})])
    table = Catalog(lake).query("FROM archives")
    for number in range(1, 40):
        changed = table.set_column(table.column_names.index("archive"), "archive", pa.array([str(number)]))
        write_table(lake.root, lake.archive_row_path("c1", str(number), row["fingerprint"]), "archives", changed)
    assert rows(lake, "SELECT count(*) AS n FROM archives") == [{"n": 40}]
