"""The stage: text rewritten, spans placed, counts for the rules of a recipe."""

from __future__ import annotations

import logging

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.pii.config import PiiConfig
from pipeline.stage import Rule, Stage, signal

TEXTS = ["mail jane@example.com or bob@example.org, card 4111 1111 1111 1111", "nothing here", None]


def run(texts: list[str | None], config: PiiConfig, **columns: list[str | None]) -> pa.Table:
    arrays = {name: pa.array(values, pa.string()) for name, values in {"text": texts, **columns}.items()}
    return run_stages(DocumentBatch(arrays), config.stages()).table


def test_text_is_rewritten_and_spans_say_where_the_placeholders_stand() -> None:
    table = run(TEXTS, PiiConfig())
    text = table["text"][0].as_py()
    assert text == "mail <EMAIL> or <EMAIL>, card <CARD>"
    spans = table["pii_spans"][0].as_py()
    assert [text[span["start"] :][: len(span["kind"]) + 2] for span in spans] == [
        "<EMAIL>",
        "<EMAIL>",
        "<CARD>",
    ]
    assert [span["replaced_chars"] for span in spans] == [16, 15, 19]
    assert table["pii_email_count"].to_pylist() == [2.0, 0.0, 0.0]
    assert table["pii_spans"][1].as_py() == []


def test_a_page_that_failed_before_is_not_searched() -> None:
    failing = Stage(
        "length",
        pa.schema([signal("size", "size")]),
        lambda batch: {"size": pa.array([float(len(text)) for text in batch.texts])},
        (Rule("length.size", "size", low=20),),
    )
    batch = DocumentBatch.of_texts(["jane@example.com", "longer: jane@example.com"])
    table = run_stages(batch, (failing, *PiiConfig().stages())).table
    assert table["text"].to_pylist() == ["jane@example.com", "longer: <EMAIL>"]
    assert table["pii_email_count"].to_pylist() == [None, 1.0]


def test_the_pages_language_and_host_tell_its_telephone_numbers() -> None:
    texts = ["Rufen wir an: 030 23125 000."] * 2
    table = run(["030 23125 000", "01 42 68 53 00"], PiiConfig(), language=["de", None], host=[None, "example.fr"])
    assert table["text"].to_pylist() == ["<PHONE>", "<PHONE>"]
    assert len(texts) == 2


def test_nothing_is_logged(caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        run(TEXTS, PiiConfig())
    assert not [record for record in caplog.records if "jane" in record.getMessage()]


def test_switched_off_it_is_no_stage() -> None:
    assert PiiConfig(enabled=False).stages() == ()


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="names; known: email, "):
        PiiConfig(kinds=("email", "names"))
