"""Language: labels, probabilities and runner-up; blank text; targets and gate; models that are none."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import fasttext
import pyarrow as pa
import pytest

from pipeline.batch import DocumentBatch
from pipeline.judging import Verdicts, run_stages
from pipeline.language import LanguageConfig, shipped_model
from storage.errors import UserError

ENGLISH = "The river rises in the hills above the town and flows through three lakes before it meets the sea."
FRENCH = "La rivière prend sa source dans les collines et traverse trois lacs\navant de rejoindre la mer du Nord."


def judge(texts: list[str | None], **settings: Any) -> Verdicts:
    batch = DocumentBatch({"text": pa.array(texts, pa.string())})
    return run_stages(batch, LanguageConfig(**settings).stages())


def test_english_stays_and_french_goes() -> None:
    verdicts = judge([ENGLISH, FRENCH])
    assert verdicts.table["language"].to_pylist() == ["en", "fr"]
    assert verdicts.kept.tolist() == [True, False]
    assert verdicts.table["failed_rules"].to_pylist() == [[], ["language.language_is_target"]]


def test_the_runner_up_has_its_own_probability() -> None:
    row = judge([ENGLISH]).table.to_pylist()[0]
    assert row["language_second"] not in (None, "en")
    assert 0 <= row["language_second_prob"] < row["language_prob"] <= 1
    assert row["language_prob"] + row["language_second_prob"] <= 1 + 1e-6


@pytest.mark.parametrize("text", [None, "", " \n\t"])
def test_blank_text_is_in_no_language(text: str | None) -> None:
    row = judge([text]).table.to_pylist()[0]
    assert [row[name] for name in ("language", "language_prob", "language_is_target")] == [None, None, None]
    assert row["dropped_by"] == "language"


def test_an_unsure_answer_fails_and_another_language_is_measured_no_further() -> None:
    verdicts = judge([ENGLISH, FRENCH], min_prob=1.0)
    assert verdicts.table["failed_rules"].to_pylist()[0] == ["language.language_prob"]
    assert [rule.gate for rule in LanguageConfig().stages()[0].rules] == [True, False]


def test_the_limit_itself_passes() -> None:
    prob = judge([ENGLISH]).table["language_prob"][0].as_py()
    assert judge([ENGLISH], min_prob=prob).kept.tolist() == [True]


def test_no_targets_are_all_languages() -> None:
    assert judge([ENGLISH, FRENCH], targets=()).kept.tolist() == [True, True]
    assert judge([ENGLISH, FRENCH], targets=("fr", "de")).kept.tolist() == [False, True]


def test_only_the_beginning_is_read() -> None:
    start = ENGLISH * 2
    rows = judge([start, start + FRENCH * 50], max_chars=len(start)).table.to_pylist()
    assert rows[0]["language_prob"] == rows[1]["language_prob"]
    assert judge([start + FRENCH * 50], max_chars=4000).table["language"].to_pylist() == ["fr"]


def test_hostile_text_has_an_answer() -> None:
    rows = judge(["\x00\x01", "\n".join("a" * 3000), "\U0010ffff" * 50, "</s> __label__fr"]).table.to_pylist()
    assert all(row["language"] for row in rows)


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    fake = tmp_path / "model.bin"
    fake.write_bytes(b"no model")
    for path in (fake, tmp_path / "absent.bin"):
        with pytest.raises(UserError, match="cannot be read"):
            judge([ENGLISH], model=str(path))


def test_a_model_made_anew_at_the_same_path_is_another(tmp_path: Path) -> None:
    path, texts = tmp_path / "model.bin", tmp_path / "texts"
    path.write_bytes(Path(shipped_model() or "").read_bytes())
    assert judge([ENGLISH], model=str(path)).table["language"].to_pylist() == ["en"]
    texts.write_text("__label__xx one\n__label__xx two\n")
    fasttext.train_supervised(str(texts), minCount=1, bucket=1, dim=2, verbose=0).save_model(str(path))
    assert judge([ENGLISH], model=str(path)).table["language"].to_pylist() == ["xx"]


def test_the_shipped_model_is_found() -> None:
    path = shipped_model()
    assert path is not None and path.endswith("lid.176.ftz")
    assert judge([ENGLISH], model=path).table.equals(judge([ENGLISH]).table)


def test_a_language_can_have_a_limit_of_its_own() -> None:
    verdicts = judge([ENGLISH, FRENCH], targets=("en", "fr"), min_prob=0.0, min_probs={"fr": 1.0})
    assert verdicts.table["failed_rules"].to_pylist() == [[], ["language.language_prob.fr"]]
    verdicts = judge([ENGLISH, FRENCH], targets=("en", "fr"), min_prob=1.0, min_probs={"fr": 0.0})
    assert verdicts.table["failed_rules"].to_pylist() == [["language.language_prob"], []]


def test_a_page_that_goes_on_in_another_language_is_mixed() -> None:
    pages: list[str | None] = [ENGLISH * 20, ENGLISH * 25 + FRENCH * 25, ENGLISH, FRENCH * 20]
    rows = judge(pages).table["other_language_frac"].to_pylist()
    assert rows == [0.0, 0.5, 0.0, None]  # one part is no mixture; French is no target
    assert judge(pages, max_other_language_frac=0.5).table["failed_rules"].to_pylist()[1] == []
    failed = judge(pages, max_other_language_frac=0.25).table["failed_rules"].to_pylist()[1]
    assert failed == ["language.other_language_frac"]
    assert judge(pages, parts=0).table["other_language_frac"].to_pylist()[1] == 0.0


def test_labels_with_a_script_as_glotlid_has_them(tmp_path: Path) -> None:
    lines = [f"__label__eng_Latn {ENGLISH}", f"__label__fra_Latn {FRENCH.replace(chr(10), ' ')}"] * 20
    (tmp_path / "train.txt").write_text("\n".join(lines), encoding="utf-8")
    trained = fasttext.train_supervised(str(tmp_path / "train.txt"), dim=8, epoch=20, thread=1, verbose=0)
    trained.save_model(str(tmp_path / "model.bin"))
    verdicts = judge([ENGLISH, FRENCH], model=str(tmp_path / "model.bin"), targets=("fra_Latn",), min_prob=0.5)
    assert verdicts.table["language"].to_pylist() == ["eng_Latn", "fra_Latn"]
    assert verdicts.kept.tolist() == [False, True]


def test_documents_of_the_world(shared_data: Path) -> None:
    """The Universal Declaration of Human Rights in languages that the model and the files name alike."""
    names = {
        "eng": "en",
        "fra": "fr",
        "deu": "de",
        "jpn": "ja",
        "fin": "fi",
        "rus": "ru",
        "ell": "el",
        "heb": "he",
    }
    with zipfile.ZipFile(shared_data / "langid" / "nltk-udhr" / "udhr2.zip") as files:
        present = [name for name in names if f"udhr2/{name}.txt" in files.namelist()]
        texts: list[str | None] = [files.read(f"udhr2/{name}.txt").decode() for name in present]
    assert len(present) >= 4
    assert judge(texts, targets=()).table["language"].to_pylist() == [names[name] for name in present]
