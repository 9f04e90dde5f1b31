"""The report: complete, self-contained, honest about gaps, and safe against what the web puts into it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flows.pretrain_flow import training_line
from flows.report import composition, personal
from flows.report.bars import paired_bars
from flows.report.duplicates import shared_band
from flows.report.headlines import headlines
from flows.report.interactive import script, script_digest
from flows.report.learning import TRAININGS
from flows.report.milestones import milestones
from flows.report.page import SECTIONS, prose, render, write_report
from flows.report.source import Source
from flows.report.svg import Axis, Plot, element
from flows.report.words import cell, power, seconds, short
from storage import schema
from storage.errors import UserError
from storage.lake import Lake
from storage.shards import write_table

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Tags(HTMLParser):
    """Elements and attributes of a page, as a browser's parser would find them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page(hostile_lake: Lake) -> str:
    return render(hostile_lake, NOON)


def test_every_section_has_figures_and_every_figure_its_origin(hostile_lake: Lake) -> None:
    with Source(hostile_lake) as source:
        sections = [make(source) for make in SECTIONS]
    assert [section.id for section in sections if not section.figures] == []
    figures = [figure for section in sections for figure in section.figures]
    assert len({figure.id for figure in figures}) == len(figures) >= 20
    for figure in figures:
        assert figure.caption.endswith("."), figure.id
        assert figure.table.columns and (figure.sql or figure.source), figure.id
        assert all(len(row) == len(figure.table.columns) for row in figure.table.cells())


def test_the_queries_shown_are_queries_that_run(hostile_lake: Lake) -> None:
    with Source(hostile_lake) as source:
        for section in (make(source) for make in SECTIONS):
            for figure in section.figures:
                if figure.sql:
                    assert source.rows(figure.sql), figure.id


def test_the_page_is_one_file_that_loads_nothing(page: str) -> None:
    tags = Tags(page)
    assert page.count("<script>") == 1 and f"script-src '{script_digest()}'" in page and script() in page
    assert tags.names.count("script") == 1 + page.count('<script type="application/json">') >= 6
    assert not {"img", "iframe", "object", "embed", "link", "form"} & set(tags.names)
    references = [value for name, value in tags.attributes if name in ("src", "href", "action", "xlink:href")]
    assert references and all(value.startswith("#") for value in references)
    assert "default-src 'none'" in dict(tags.attributes)["content"] or "default-src 'none'" in page
    assert not re.search(r"url\(|@import", page)
    assert len(page.encode()) < 8_000_000


def test_what_the_web_named_is_shown_and_not_run(page: str) -> None:
    tags = Tags(page)
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert any("<script>alert(1)</script>" in text for text in tags.text)
    assert "\u202e" not in page
    assert page.count("</style>") == 1


def test_links_lead_somewhere(page: str) -> None:
    tags = Tags(page)
    anchors = [value for name, value in tags.attributes if name == "id"]
    assert len(set(anchors)) == len(anchors)
    assert {value[1:] for name, value in tags.attributes if name == "href"} <= set(anchors)


def test_drawings_speak_and_tables_can_be_reached_by_keyboard(page: str) -> None:
    drawings = re.findall(r"<svg[^>]*>", page)
    assert len(drawings) >= 10
    assert all('role="img"' in drawing and "aria-label=" in drawing for drawing in drawings)
    assert all('tabindex="0"' in region for region in re.findall(r'<div class="scroll[^>]*>', page))
    assert "prefers-color-scheme: dark" in page and "@media print" in page


def test_numbers_are_the_lakes(hostile_lake: Lake, page: str) -> None:
    kept = Source(hostile_lake).row("SELECT count(*) AS kept FROM ledger WHERE fate = 'kept'")["kept"]
    words = " ".join(Tags(page).text)
    assert f"{kept:,} pages of 1 host" in words
    assert "Every record and every byte is accounted for." in words


@pytest.mark.parametrize("sql, measure", [(composition.PARTS, "pages"), (personal.PLACES, "replaced")])
def test_small_groups_are_put_together_and_none_is_lost(hostile_lake: Lake, sql: str, measure: str) -> None:
    source = Source(hostile_lake)
    all_groups, some = (source.rows(sql.format(most=most)) for most in (10**6, 1))
    assert {row["domain"] for row in some} == {"web", "others"} and not any(r["domain"] == "others" for r in all_groups)
    assert sum(row[measure] for row in some) == sum(row[measure] for row in all_groups) > 0


def test_an_empty_lake_says_what_is_missing(tmp_path: Path) -> None:
    words = " ".join(Tags(render(Lake(str(tmp_path)), NOON)).text)
    assert "This lake is empty." in words
    assert "No archive is in the lake yet" in words
    assert "No model has been trained yet" in words
    assert "No ladder has been fitted yet" in words


def test_it_is_written_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.report.page.SECTIONS", ())
    page = tmp_path / "deep" / "page.html"
    assert write_report(Lake(str(tmp_path)), f"file://{page}") == str(page)
    assert page.read_text().startswith("<!doctype html>")
    assert write_report(Lake(str(tmp_path))) == str(tmp_path / "report.html")
    assert write_report(Lake(str(tmp_path)), "memory://made/page.html") == "memory://made/page.html"
    assert write_report(Lake("memory://report/lake")) == "memory://report/lake/report.html", "a URL to be followed"


def test_no_lake_no_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no lake"):
        write_report(Lake(str(tmp_path / "nothing")))


@pytest.mark.parametrize(
    "bands, rows, expected",
    [(14, 8, (21.1, 77.2, 98.8)), (26, 11, (9.0, 67.4, 99.1)), (9, 13, (1.2, 19.5, 68.6))],
)
def test_banding_finds_what_its_papers_say(bands: int, rows: int, expected: tuple[float, ...]) -> None:
    found = tuple(100 * shared_band(similarity, bands, rows) for similarity in (0.6, 0.75, 0.85))
    assert found == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(
    "value, kind, words",
    [
        (None, "count", ""),
        (1234567, "count", "1,234,567"),
        (0.12345, "frac", "12.3%"),
        (0.0, "frac", "0.0%"),
        (25_100_000, "bytes", "25.1 MB"),
        (float("nan"), "number", "undefined"),
        (float("inf"), "short", "∞"),
        ("a\x1b[31m", "text", "a\ufffd[31m"),
    ],
)
def test_values_as_people_read_them(value: object, kind: str, words: str) -> None:
    assert cell(value, kind) == words


def test_large_numbers_and_durations() -> None:
    assert [short(value) for value in (7, 1234, 7.07e9, 3e21)] == ["7", "1.23k", "7.07B", "3 × 10²¹"]
    assert [power(value) for value in (0, 1e21, 3.15e23)] == ["0", "10²¹", "3.2 × 10²³"]
    assert [seconds(value) for value in (2e-5, 0.0125, 9, 600, 9000)] == [
        "20 µs",
        "12.5 ms",
        "9.0 s",
        "10.0 min",
        "2.5 h",
    ]


def test_axes_mark_round_values_within_their_ends() -> None:
    assert [value for value, _ in Axis("", 0, 1).marks()] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert [value for value, _ in Axis("", 2e9, 3e12, log=True).marks()] == [1e10, 1e11, 1e12]
    assert 3 <= len(Axis("", 2.0, 3.9, log=True).marks()) <= 10
    assert len(Axis("", 1.0, 1e26, log=True).marks()) <= 10


def test_drawing_leaves_out_what_does_not_fit() -> None:
    plot = Plot("t", Axis("x", 1, 100, log=True), Axis("y", 0, 1))
    plot.line([(2, 0.5), (3, float("nan")), (-1, 0.2), (4, 0.6), (5, 0.7)], "c1")
    plot.dot(200, 0.5, "c1", "outside")
    drawn = plot.render()
    assert drawn.count("<path") == 1 and drawn.count("M") == 2
    assert "outside" not in drawn


def test_an_estimate_is_cut_at_the_frame_and_bare_without_an_interval() -> None:
    plot = Plot("p", Axis("x", 0, 1), Axis("y", 0, 1), 166)
    plot.estimate(0.5, 0.5, -7.0, 9.0, "c1", "wide")
    plot.estimate(0.5, 0.5, None, 0.6, "c1", "bare")
    drawn = plot.render()
    assert drawn.count("<path") == 1 and drawn.count("<circle") == 2
    assert 'd="M384.0 114.0 L384.0 14.0"' in drawn


def test_svg_and_prose_escape() -> None:
    assert "<b>" not in element("text", "<b>", cls='"><b>')
    assert "<b>" not in paired_bars("<b>", [("<b>", ((0.5, "c1"),))])
    assert prose("`a<b` & c") == "<code>a&lt;b</code> &amp; c"


def test_the_best_model_is_a_decoder(tmp_path: Path) -> None:
    """What an encoder pays for a masked token is no price of a byte of text, however low."""
    lake = Lake(str(tmp_path))
    blank: dict[str, Any] = {
        one.name: "" if one.type == pa.string() else [] if pa.types.is_list(one.type) else 0
        for one in schema.TRAININGS
        if not one.nullable and one.type != schema.TRAININGS.field("finished_at").type
    }
    for name, causal, bits in (("decoder", True, 2.0), ("encoder", False, 1.0)):
        row = blank | {"training_id": name, "name": name, "config": json.dumps({"model": {"causal": causal}})}
        row |= {"eval_bits_per_byte": bits, "params_total": 9, "train_tokens": 9, "flops": 9.0, "finished_at": NOON}
        write_table(lake.root, lake.training_path(name), "trainings", pa.Table.from_pylist([row], schema.TRAININGS))
    source = Source(lake)
    assert [(one.value, one.name) for one in headlines(source)] == [("2.000", "bits a byte")]
    assert milestones(source).table.rows[-1]["name"] == "decoder"
    trainings = source.rows(TRAININGS)
    assert {row["name"]: row["eval_bits_per_byte"] for row in trainings} == {"decoder": 2.0, "encoder": None}
    told = {row["name"]: training_line(row) for row in lake.rows("trainings")}
    assert "bits a byte" in told["decoder"] and "of the tokens it was asked for" in told["encoder"]
    assert "bits a byte" not in told["encoder"]
