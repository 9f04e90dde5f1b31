from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from flows import query, tables
from flows.check import check
from flows.cli import app
from flows.commands import tell_losses
from flows.narrow import wrapped
from flows.tables import cell_text, print_table, table_of, to_csv, to_json
from flows.why import explain
from storage.errors import UserError
from storage.lake import Lake
from tests.lakes import PageSpec, add_archive, add_duplicates, add_example, add_run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The example lake, for tests that change nothing."""
    lake = Lake(str(tmp_path_factory.mktemp("still")))
    add_example(lake)
    return lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """The example lake."""
    lake = Lake(str(tmp_path))
    add_example(lake)
    return lake


@pytest.mark.parametrize("name", ["funnel", "books", "cost", "mixture"])
def test_every_table_of_the_command_line_prints_for_people_and_programs(
    still: Lake, name: str, capsys: Capture
) -> None:
    query.print_view(still, name, as_json=False)
    assert "c1" in (shown := capsys.readouterr().out) or name in shown
    query.print_view(still, name, as_json=True)
    assert json.loads(capsys.readouterr().out) == json.loads(to_json(query.view(still, name).to_pylist()))


def test_printed_tables_fit_a_terminal_and_lose_nothing_in_a_pipe(still: Lake, capsys: Capture) -> None:
    query.print_view(still, "books", as_json=False)
    out = capsys.readouterr().out
    assert "deep/b.warc.gz" in out and "…" not in out
    assert out.endswith("2 archives, 10 records, 907 bytes: all accounted for\n")
    assert max(map(len, out.splitlines())) <= 100


WIDTHS = (40, 50, 60, 80, 100, 160)
ROWS = [
    {
        "rule": "fineweb.punctuated_line_frac", "failed_pages": 1_097_792, "of_all_frac": 0.125,
        "removed_bytes": 10**15,
        "url": "https://example.org/a/rather/long/path.html?with=a&query=of-its-own", "said": "web takes what is left",
    },
    {
        "rule": "c4.sentence_count", "failed_pages": 7, "of_all_frac": None, "removed_bytes": 0, "url": None,
        "said": "日本語",
    },
]  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("columns", [6, 4, 2, 1])
def test_on_a_narrow_screen_nothing_is_cut_and_no_number_broken(
    columns: int, width: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "console", lambda: Console(width=width))
    names = list(ROWS[0])[:columns]
    print_table(table_of(ROWS, names), title="what rules do")
    out = capsys.readouterr().out
    assert out.startswith("what rules do") and max(map(cell_len, out.splitlines())) <= width
    cells = [cell_text(name, row[name]) for row in ROWS for name in names if row[name] is not None]
    for cell in filter(lambda cell: cell[0].isdigit() and cell[-1] in "0123456789%", cells):
        assert re.search(rf"(?<![\d,.]){re.escape(cell)}(?![\d,])", out), cell
    letters = Counter(re.sub(r"[\W_]|row", "", out))
    assert not Counter(re.sub(r"[\W_]|row", "", "".join(cells))) - letters
    assert all(name.split("_")[0] in out for name in names)


def test_on_a_narrow_screen_every_text_has_its_place(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a row has not must not let the next text stand under another name."""
    monkeypatch.setattr(tables, "console", lambda: Console(width=30))
    rows = [{"model": "a", "low": None, "unit": None, "rate": "0.001", "documents": 1_234_567, "seconds": 1_234.5}]
    print_table(table_of([*rows, rows[0] | {"unit": "nats"}], rows[0]))
    head, _, _, first, _, second, _ = capsys.readouterr().out.splitlines()
    assert [head.split(), first.split(), second.split()] == [
        *(["model", "unit", "rate"], ["a", "-", "0.001"], ["a", "nats", "0.001"]),
    ]


@given(st.text(st.sampled_from("ab_./-,:0123 \n漢é"), max_size=80), st.integers(2, 30))
def test_a_wrapped_text_is_the_same_text(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert max(map(cell_len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_texts_go_on_behind_a_sign_and_numbers_stay_whole() -> None:
    assert wrapped("gopher.dup_line_frac", 14) == ["gopher.dup_", "line_frac"]
    assert wrapped(">= 50, <= 100,000", 10) == [">= 50, <=", "100,000"]
    assert wrapped("abcdefgh", 3) == ["abc", "def", "gh"]
    assert wrapped("", 5) == [""]


def test_what_could_not_be_read_is_told_with_its_cause_and_so_is_a_run_that_kept_nothing(
    lake: Lake, capsys: Capture
) -> None:
    tell_losses(lake, lake.archive_rows())
    assert capsys.readouterr().err.splitlines() == [
        "1 record (37 bytes) of 1 archive could not be read:",
        "  1 of a.warc.gz: truncated",
    ]
    nothing = [PageSpec("x", ("archive.no_text",)), PageSpec("y", ("archive.no_text",)), PageSpec("z", ("c4.lines",))]
    row = add_archive(lake, "none.jsonl", nothing)
    tell_losses(lake, [row])
    assert "no page was kept; most pages fell to archive.no_text." in capsys.readouterr().err
    tell_losses(lake, [row for row in lake.archive_rows() if row["archive"] == "deep/b.warc.gz"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["funnel", "books", "alarms"])
def test_a_directory_that_is_no_lake_is_told_from_one_whose_answer_is_empty(
    name: str, still: Lake, tmp_path: Path, capsys: Capture
) -> None:
    for as_json in (False, True):
        query.print_view(Lake(str(tmp_path)), name, as_json)
        assert "holds no run: is it the lake that was meant?" in capsys.readouterr().err
    assert query.print_check(Lake(str(tmp_path)), deep=True, as_json=False)
    assert "holds no run" in capsys.readouterr().err
    query.print_view(still, name, as_json=False)
    query.print_check(still, deep=False, as_json=False)
    assert capsys.readouterr().err == ""


def test_repair_writes_manifest_and_views_from_the_rows(lake: Lake) -> None:
    repair = ["check", "--repair", "--lake", lake.root]
    assert CliRunner().invoke(app, repair).exit_code == 0
    manifest = Path(lake.root, "manifest", "archives.parquet")
    right = manifest.read_bytes()
    rows = pq.read_table(manifest)
    false = pa.array([5] * len(rows), pa.int64())
    pq.write_table(rows.set_column(rows.column_names.index("records"), rows.schema.field("records"), false), manifest)
    Path(lake.root, "winnow.duckdb").unlink()
    assert CliRunner().invoke(app, ["check", "--lake", lake.root]).exit_code == 1
    assert CliRunner().invoke(app, repair).exit_code == 0
    assert manifest.read_bytes() == right


def test_an_unknown_view_is_a_users_mistake(still: Lake) -> None:
    with pytest.raises(UserError, match="no view 'funel'"):
        query.view(still, "funel")


@pytest.mark.parametrize("format", ["table", "json", "csv"])
def test_sql_prints_in_every_format(still: Lake, format: str, capsys: Capture) -> None:
    query.print_sql(still, "SELECT doc_id, failed_rules FROM pages WHERE doc_id = 'three'", format)
    out = capsys.readouterr().out
    assert "three" in out and "gopher.word_count" in out


def test_sql_writes_parquet_to_a_pipe(still: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(pipe, write_through=True))
    query.print_sql(still, "SELECT doc_id FROM pages", "parquet")
    assert pq.read_table(io.BytesIO(pipe.getvalue())).num_rows == 8


def test_an_unknown_format_is_a_users_mistake(still: Lake) -> None:
    with pytest.raises(UserError, match="no format 'xml'"):
        query.print_sql(still, "SELECT 1", "xml")


def test_why_gives_the_fate_every_limit_and_the_value_beside_it(still: Lake) -> None:
    [found] = explain(still, "https://example.org/three")
    assert (found["fate"], found["dropped_by_rule"]) == ("dropped", "language.language_prob")
    assert found["rules"] == [
        {"rule": "gopher.word_count", "verdict": "failed", "signal": "word_count", "value": 20.0,
         "low": 50.0, "high": 1000.0, "knob": "gopher.min_words"},
        {"rule": "language.language_prob", "verdict": "failed", "signal": "language_prob", "value": 0.1,
         "low": 0.65, "high": None, "knob": "language.min_prob"},
    ]  # fmt: skip
    [unread] = explain(still, "four")
    assert {rule["verdict"] for rule in unread["rules"]} == {"not judged"}
    [kept] = explain(still, "one")
    assert {rule["verdict"] for rule in kept["rules"]} == {"passed"}


def test_why_names_the_page_a_duplicate_is_of(still: Lake, capsys: Capture) -> None:
    [found] = explain(still, "six")
    assert found["duplicate_of"]["url"] == "https://example.org/one"
    assert (found["duplicate_of"]["jaccard"], found["duplicate_of"]["kind"]) == (0.9, "near")
    query.print_why(still, "six", as_json=False)
    assert "near duplicate of https://example.org/one (crawl c1, Jaccard 0.900)" in capsys.readouterr().out


def test_why_says_the_cause_of_an_unreadable_span(still: Lake, capsys: Capture) -> None:
    query.print_why(still, "five", as_json=False)
    assert "unreadable: truncated" in capsys.readouterr().out


def test_why_tells_every_capture_of_a_url(lake: Lake) -> None:
    add_archive(lake, "c", [PageSpec("one")])
    assert [found["page"]["archive"] for found in explain(lake, "one")] == ["a.warc.gz", "c"]


def test_why_of_an_unknown_page_names_similar_ones(still: Lake) -> None:
    with pytest.raises(UserError, match="no page with the URL or doc_id example") as caught:
        explain(still, "example")
    assert "https://example.org/one" in caught.value.hint
    with pytest.raises(UserError):
        explain(still, "' OR true --")


def test_a_sound_lake_passes_the_audit(still: Lake, capsys: Capture) -> None:
    assert query.print_check(still, deep=True, as_json=False)
    assert "everything is accounted for" in capsys.readouterr().out
    assert query.print_check(still, deep=False, as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert (report["archives"], report["steps"], report["files"], report["problems"]) == (2, 2, 6, [])


def kinds(lake: Lake, deep: bool = True) -> list[str]:
    return [problem.kind for problem in check(lake, deep).problems]


def test_a_missing_file_is_found(lake: Lake) -> None:
    Path(lake.absolute(lake.pages_path("c1", "a.warc.gz", "a" * 16))).unlink()
    assert kinds(lake) == ["file"]


def test_a_changed_byte_is_found_by_the_deep_audit(lake: Lake) -> None:
    path = Path(lake.absolute(lake.pages_path("c1", "a.warc.gz", "a" * 16)))
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    assert kinds(lake) == ["file"]


def test_a_truncated_file_is_found_without_digests(lake: Lake, capsys: Capture) -> None:
    path = Path(lake.absolute(lake.pages_path("c1", "a.warc.gz", "a" * 16)))
    path.write_bytes(path.read_bytes()[:-10])
    assert not query.print_check(lake, deep=False, as_json=False)
    assert "1 problems" in capsys.readouterr().out


@pytest.mark.parametrize("change", [{"records": 9}, {"stream_bytes": 1}, {"kept_records": 0, "dropped_records": 1}])
def test_books_that_do_not_balance_are_found(lake: Lake, change: dict[str, int]) -> None:
    add_archive(lake, "c", [PageSpec("nine")], **change)
    assert set(kinds(lake)) & {"books", "books_balance", "books_differ"}


def test_a_record_with_two_fates_is_found(lake: Lake) -> None:
    add_duplicates(lake, [("deep/b.warc.gz", 0, "a.warc.gz", 0)] * 2)
    assert {"two_fates", "books_balance"} <= set(kinds(lake))


def test_records_that_overlap_are_found(lake: Lake) -> None:
    specs = [PageSpec("a"), PageSpec("b", length=-1), PageSpec("c")]  # the third begins inside the first
    add_archive(lake, "c", specs)
    assert "spans_overlap" in kinds(lake)


@pytest.mark.parametrize(("survivor", "wrong"), [(100, "dropped"), (5000, "not in the ledger")])
def test_a_survivor_that_is_not_kept_is_found(lake: Lake, survivor: int, wrong: str) -> None:
    add_duplicates(lake, [("deep/b.warc.gz", 0, "a.warc.gz", survivor)])
    [problem] = check(lake).problems
    assert (problem.kind, problem.detail) == (
        "survivor_not_kept",
        f"its survivor c1/a.warc.gz at {survivor} is {wrong}",
    )


def test_a_chain_of_duplicates_is_found(lake: Lake) -> None:
    add_duplicates(lake, [("deep/b.warc.gz", 0, "a.warc.gz", 0), ("deep/b.warc.gz", 100, "deep/b.warc.gz", 0)])
    assert kinds(lake) == ["survivor_not_kept"]


def test_a_duplicate_that_a_rule_had_dropped_is_found(lake: Lake) -> None:
    add_duplicates(lake, [("a.warc.gz", 100, "a.warc.gz", 0)])
    assert "duplicate_not_a_page" in kinds(lake)


def test_what_a_finished_run_lists_and_the_lake_has_not_is_found(lake: Lake) -> None:
    add_run(lake, "r2", [("annotate", "c1/gone", "9" * 16)])
    assert kinds(lake) == ["missing"]


def test_an_empty_directory_and_no_directory(tmp_path: Path) -> None:
    assert kinds(Lake(str(tmp_path))) == []
    with pytest.raises(UserError, match="no lake"):
        check(Lake(str(tmp_path / "none")))


def test_pages_cannot_paint_the_terminal(capsys: Capture) -> None:
    print_table(pa.table({"title": ["\x1b[31mred\x07 [bold]markup[/bold]"], "text": ["x" * 5000]}))
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\x07" not in out and "[bold]markup[/bold]" in out
    assert len(out) < 2000


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("kept_frac", 0.1234, "12.3%"), ("bytes", 1234567, "1,234,567"), ("x", None, ""),
        ("x", 0.00012, "0.00012"), ("x", float("nan"), "nan"), ("x", ["a", 1], '["a", 1]'),
        ("x", True, "yes"), ("x", 123456.7, "123,457"),
    ],
)  # fmt: skip
def test_values_read_well(name: str, value: object, shown: str) -> None:
    assert cell_text(name, value) == shown


def test_what_json_has_no_number_for_stays_readable() -> None:
    assert json.loads(to_json([{"a": float("inf"), "b": b"\x01", "c": None}])) == [{"a": "inf", "b": "01", "c": None}]
    assert to_csv(pa.table({"a": [None, 1], "b": [[1], []]})) == "a,b\n,[1]\n1,[]\n"
