"""The stage "extract": text in, text out, hostile pages kept from the engine."""

from __future__ import annotations

import time

import pyarrow as pa
import pytest

from pipeline.batch import DocumentBatch
from pipeline.extract.config import ExtractConfig
from pipeline.judging import Verdicts, run_stages

PARAGRAPH = "The main text of this page talks about one thing at some length, so that it is found. " * 5
PAGE = f"""<html><head><title>A title</title></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/x">About</a></li></ul></nav>
<article><h1>A heading</h1><p>{PARAGRAPH}</p>
<p>{PARAGRAPH.upper()}</p></article>
<footer>Copyright nobody</footer></body></html>"""


def run(*rows: dict[str, object], **settings: object) -> Verdicts:
    names = {"body": pa.binary(), "mime": pa.string(), "charset_hint": pa.string(), "text": pa.string()}
    columns = {name: pa.array([row.get(name) for row in rows], type) for name, type in names.items()}
    return run_stages(DocumentBatch(columns), ExtractConfig(**settings).stages())  # type: ignore[arg-type]


def html(page: str, charset: str = "utf-8") -> dict[str, object]:
    return {"body": page.encode(charset), "mime": "text/html", "charset_hint": charset}


@pytest.mark.parametrize("engine", ["winnow", "resiliparse", "trafilatura"])
def test_the_main_content_is_found_and_boilerplate_left(engine):
    verdicts = run(html(PAGE), engine=engine)
    (text,) = verdicts.table["text"].to_pylist()
    assert PARAGRAPH.strip() in text
    assert "Home" not in text
    assert "Copyright" not in text
    assert verdicts.table["text_chars"].to_pylist() == [len(text)]
    assert verdicts.table["html_bytes"].to_pylist() == [len(PAGE.encode())]
    assert verdicts.kept.all()


@pytest.mark.parametrize("engine", ["winnow", "resiliparse", "trafilatura"])
def test_a_page_gives_the_same_text_whatever_came_before(engine):
    alone = run(html(PAGE), engine=engine).table["text"].to_pylist()
    among = run(html(PAGE), html(PAGE), html("<p>other</p>"), html(PAGE), engine=engine).table["text"].to_pylist()
    assert among[0] == among[1] == among[3] == alone[0]


def test_given_text_is_kept_and_plain_text_passes():
    given = {"text": "given <b>text</b>", "mime": "text/plain"}
    plain = {"body": b" caf\xe9 <b>is</b> text\r\n", "mime": "text/plain", "charset_hint": "latin1"}
    verdicts = run(given, plain)
    assert verdicts.table["text"].to_pylist() == ["given <b>text</b>", "café <b>is</b> text"]
    assert verdicts.table["charset"].to_pylist() == [None, "cp1252"]
    assert verdicts.table["html_bytes"].to_pylist() == [0.0, 22.0]
    assert verdicts.kept.all()


@pytest.mark.parametrize("page", ["", " ", "<html></html>", "<script>var x = 1</script>", "\0\0"])
def test_a_page_without_text_is_dropped_by_its_length(page):
    verdicts = run(html(page))
    assert verdicts.table["text"].to_pylist() == [None]
    assert verdicts.table["failed_rules"].to_pylist() == [["extract.text_chars"]]


HOSTILE = {
    "nested": "<div>" * 100_000 + "text",
    "nested and closed": ("<div>" * 3_000 + "x" + "</div>" * 3_000) * 3,
    "wide below deep": "<div>" * 500 + "<i>text</i>" * 50_000,
    "attributes": "<p " + " ".join(f"a{i}=1" for i in range(100_000)) + ">text",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_markup_that_would_hold_a_worker_is_kept_from_an_engine_that_parses(name):
    started = time.process_time()
    verdicts = run(html(HOSTILE[name]), html(PAGE), engine="resiliparse")
    assert time.process_time() - started < 20
    assert verdicts.table["dropped_by_rule"].to_pylist() == ["extract.html_steps", None]


@pytest.mark.parametrize("name", HOSTILE)
def test_it_does_not_hold_winnow_which_gives_its_text(name):
    run(html(PAGE))
    started = time.process_time()
    verdicts = run(html(HOSTILE[name]), html(PAGE))
    assert time.process_time() - started < 2
    assert verdicts.table["dropped_by_rule"].to_pylist() == [None, None]
    assert set(verdicts.table["text"].to_pylist()[0].split()[0]) <= set("text")


BLOCKS = "<p>text" * 2_000
WALKS = "<div><table><tr><td>" + "<span>" * 500 + "</div>" * 20_000 + PARAGRAPH


@pytest.mark.parametrize("page", [BLOCKS, WALKS], ids=["blocks", "walks"])
def test_winnow_gives_up_past_the_allowed_work_and_a_row_says_so(page):
    verdicts = run(html(page), html(PAGE), max_html_steps=30_000)
    assert verdicts.table["dropped_by_rule"].to_pylist() == ["extract.html_steps", None]
    assert verdicts.table["text"].to_pylist()[0] is None
    assert run(html(page), html(page)).table["html_steps"].to_pylist() == [verdicts.table["html_steps"][0].as_py()] * 2


@pytest.mark.parametrize("engine", ["winnow", "resiliparse"])
def test_pages_that_are_large_but_flat_pass_and_too_large_ones_are_named(engine):
    flat = "<p title='" + "a" * 2_000_000 + "'>" + PARAGRAPH + "</p>"
    inline = "<b>" * 20_000 + PARAGRAPH
    verdicts = run(html(flat), html(inline), html(flat * 5), engine=engine)
    assert verdicts.table["dropped_by_rule"].to_pylist() == [None, None, "extract.html_bytes"]
    assert verdicts.table["text"].to_pylist()[2] is None


def test_disabled_there_is_no_stage():
    assert ExtractConfig(enabled=False).stages() == ()
