"""Surrogates: consistent within a document, another in the next, never a real value; business addresses; limits."""

from __future__ import annotations

import pyarrow as pa
import pytest
from stdnum import iban

from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.pii.card import luhn
from pipeline.pii.config import KIND_NAMES, PiiConfig
from pipeline.pii.spans import find_spans
from pipeline.pii.surrogates import SurrogatesConfig, surrogate

TEXT = (
    "mail jane@example.org or JANE@example.org, not bob@example.org; card 4111 1111 1111 1111 and 4111-1111-1111-1111."
)


def run(texts: list[str], config: PiiConfig, surrogates: bool = True) -> pa.Table:
    ids = [f"{n:08}-0000-0000-0000-000000000000" for n in range(len(texts))]
    batch = DocumentBatch({"doc_id": pa.array(ids), "text": pa.array(texts, pa.string())})
    return run_stages(batch, (*config.stages(), *SurrogatesConfig(enabled=surrogates).stages())).table


def test_one_value_has_one_surrogate_in_a_document_and_another_in_the_next() -> None:
    table = run([TEXT, TEXT], PiiConfig())
    rows = table["pii_spans"].to_pylist()
    values = [
        [text[span["start"] :][: len(surrogate(span["kind"], doc, span["identity"]))] for span in spans]
        for doc, text, spans in zip(table["doc_id"].to_pylist(), table["text"].to_pylist(), rows, strict=True)
    ]
    assert [span["identity"] for span in rows[0]] == [0, 0, 1, 0, 0]
    assert values[0][0] == values[0][1] != values[0][2] and values[0][3] == values[0][4]
    assert values[0][0] != values[1][0]
    assert values[0][0] == surrogate("email", table["doc_id"][0].as_py(), 0)
    assert "jane@example.org" not in table["text"][0].as_py() and "4111" not in table["text"][0].as_py()


def test_switched_off_the_placeholders_stay() -> None:
    assert (
        run([TEXT], PiiConfig(), surrogates=False)["text"][0].as_py().startswith("mail <EMAIL> or <EMAIL>, not <EMAIL>")
    )
    assert run(["nothing"], PiiConfig())["text"].to_pylist() == ["nothing"]


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_no_surrogate_can_be_somebodys(kind) -> None:
    made = [surrogate(kind, f"doc {n}", 0) for n in range(300)]
    assert len(set(made)) > 20
    assert surrogate(kind, "doc 1", 0) == made[1] != surrogate(kind, "doc 1", 1)
    digits = ["".join(filter(str.isdigit, value)) for value in made]
    if kind == "card":
        assert not any(map(luhn, digits))
    if kind == "iban":
        assert not any(map(iban.is_valid, made))
    if kind in ("ip", "mac", "ssn", "card", "iban", "national_id", "secret"):
        assert not any(find_spans(value, (kind,)) for value in made)
    if kind == "phone":
        assert all(value[-8:-2] == "555 01" for value in made)
    if kind == "email":
        assert all(value.endswith("@example.com") for value in made)


def test_a_page_with_too_many_hits_is_dropped_where_a_limit_is_set() -> None:
    texts = [TEXT, "mail jane@example.org", ""]
    assert run(texts, PiiConfig())["failed_rules"].to_pylist() == [[], [], []]
    table = run(texts, PiiConfig(max_hits=1))
    assert table["pii_hit_count"].to_pylist() == [5.0, 1.0, 0.0]
    assert table["failed_rules"].to_pylist() == [["pii.pii_hit_count"], [], []]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Visit us at Acme Inc., 218 Withers Street, Brooklyn", True),
        ("The museum is located at 12 Main Street.", True),
        ("She lives at 12 Main Street.", False),
        ("12 Main Street", False),
        ("Our office sent it to her home at 218 Withers Street, where she lives on the third floor", False),
    ],
)
def test_business_addresses_are_a_choice(text, kept) -> None:
    assert "<ADDRESS>" in run([text], PiiConfig(), False)["text"][0].as_py()
    text_kept = run([text], PiiConfig(keep_business_addresses=True), False)["text"][0].as_py()
    assert (text_kept == text) == kept
