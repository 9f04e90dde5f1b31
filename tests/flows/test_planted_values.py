"""Planted personal data and a whole run: in no table, no log, no Prefect database, no answer and no error."""

from __future__ import annotations

import logging
import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prefect.logging.handlers import APILogHandler
from prefect.settings import PREFECT_LOGGING_LEVEL, temporary_settings
from typer.testing import CliRunner

from flows.cli import app
from flows.corpus_flow import corpus_flow
from flows.corpus_plan import CorpusRequest
from flows.query import sql
from flows.report.page import render
from storage.lake import Lake
from storage.views import VIEWS
from tests.flows.archives import article, page, write_warc
from tests.flows.test_safety import PLANTED, WORDS_BEFORE, run

LINES = "\n".join(f"{WORDS_BEFORE.get(kind, 'Then')} {value} was written down." for kind, value in PLANTED.items())
GATES = "[gopher]\nenabled = false\n[c4]\nenabled = false\n[fineweb]\nenabled = false\n"


@pytest.fixture
def archives(tmp_path: Path) -> list[Path]:
    """Two archives whose pages share the planted lines, so that spans of copies hold them, one page a copy whole."""
    return [
        write_warc(
            tmp_path / f"{number}.warc.gz",
            {
                f"http://a{number}.test/": page(f"{article(number)}\n{LINES}"),
                f"http://b{number}.test/": page(f"{article(number + 5)}\n{LINES}"),
                "http://copy.test/": page(f"{article(9)}\n{LINES}"),
            },
        )
        for number in range(2)
    ]


def holding(places: dict[str, str | bytes]) -> dict[str, list[str]]:
    """The places in which a planted value stands, with the kinds of it."""
    held: dict[str, list[str]] = {}
    for name, content in places.items():
        data = content.encode("utf-8", "replace") if isinstance(content, str) else content
        if kinds := [kind for kind, value in PLANTED.items() if value.encode() in data]:
            held[name] = kinds
    return held


def bytes_under(folder: Path) -> dict[str, str | bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def every_log_line(api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Here and in worker processes whatever is said goes to Prefect's server."""
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    with temporary_settings({PREFECT_LOGGING_LEVEL: "DEBUG"}):
        yield


def kept_lines(database: Path) -> int:
    """Log lines that the server has, once what is on its way has come."""
    APILogHandler().flush()
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM log").fetchone()[0])


def test_no_output_of_a_run_holds_a_planted_value(
    every_log_line, prefect_home, archives, tmp_path, capfd, caplog
) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(GATES)
    root, lake = str(tmp_path / "lake"), Lake(str(tmp_path / "lake"))
    before = kept_lines(prefect_home / "prefect.db")
    with caplog.at_level(logging.INFO):
        corpus_flow(CorpusRequest(recipe=str(recipe), inputs=tuple(map(str, archives)), lake=root, workers=1))
    assert set(sql(lake, "SELECT kind FROM pii").column("kind").to_pylist()) == set(PLANTED)
    answers = {f"view {name}": str(sql(lake, f"FROM {name}").to_pylist()) for name in VIEWS}
    limits = ("what-if", str(recipe), "--set", "c4.enabled=true", "--lake", root)
    for words in (("why", "http://a0.test/", "--lake", root), ("what-if", str(recipe), "--lake", root), limits):
        answers[" ".join(words)] = CliRunner().invoke(app, list(words)).output
    out = capfd.readouterr()
    answers |= {"report": render(lake), "stdout": out.out, "stderr": out.err, "log": caplog.text}
    database = [path for path in prefect_home.rglob("*.db*") if path.stat().st_size]
    assert kept_lines(prefect_home / "prefect.db") > before
    assert database and answers["why http://a0.test/ --lake " + root]
    assert holding({**answers, **bytes_under(tmp_path / "lake"), **bytes_under(prefect_home)}) == {}


def test_the_search_of_places_finds_what_is_there(archives) -> None:
    assert holding({"text": LINES, "bytes": LINES.encode()}) == {"text": list(PLANTED), "bytes": list(PLANTED)}


def test_a_stage_that_fails_while_it_holds_the_text_says_nothing_of_it(archives, tmp_path, monkeypatch, caplog) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(GATES)

    def failing(texts, *rest, **named):
        raise ValueError("the disk of the model is full")

    monkeypatch.setattr("pipeline.pii.config._placed", failing)
    with caplog.at_level(logging.DEBUG), pytest.raises(Exception) as caught:
        run(archives[0], tmp_path / "lake", recipe)
    said = "".join(traceback.format_exception(caught.value))
    assert "the disk of the model is full" in said
    assert holding({"traceback": said, "log": caplog.text, **bytes_under(tmp_path / "lake")}) == {}
