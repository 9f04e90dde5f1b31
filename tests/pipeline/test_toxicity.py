"""Listed hosts, listed words and trained classifiers: signals, and the limits that drop."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from flows.toxicity_training import Example, read_labelled, train_classifier
from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.toxicity import ToxicityConfig, load_classifier, prepare, score_lines
from storage.errors import UserError

KIND = ["have a lovely day friend", "the garden is lovely this morning", "thanks for the kind letter"]
RUDE = ["you utter clod go away", "what a clod you are", "shut up you clod"]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    examples = [Example(f"{text} {n}", positive) for n in range(80) for texts, positive in ((KIND, False), (RUDE, True))
                for text in texts]  # fmt: skip
    path: Path = tmp_path_factory.mktemp("model") / "toxic.bin"
    found = train_classifier(examples, path, 0.2)
    assert found["thresholds"][1]["f1"] > 0.9 and 50 < found["held_out_texts"] < 150
    return path


def judge(config: ToxicityConfig, texts: list[str], hosts: list[str | None]):
    urls = [f"http://{host}/" for host in hosts]
    columns = {"text": texts, "host": hosts, "url": urls}
    return run_stages(DocumentBatch({n: pa.array(v, pa.string()) for n, v in columns.items()}), config.stages())


def test_lists_drop_what_they_name(tmp_path) -> None:
    (tmp_path / "hosts").write_text("0.0.0.0 bad.test\n")
    (tmp_path / "words").write_text("clod\n")
    config = ToxicityConfig(host_lists=(str(tmp_path / "hosts"),), word_lists=(str(tmp_path / "words"),))
    verdicts = judge(config, ["a garden", "a garden", "you clod", "", "one clod among " + "many flowers " * 60],
                     ["a.test", "www.bad.test", "a.test", None, "a.test"])  # fmt: skip
    assert verdicts.kept.tolist() == [True, False, False, True, True]
    assert verdicts.table["failed_rules"].to_pylist()[1:3] == [
        ["toxicity.host_is_listed"],
        ["toxicity.listed_word_frac"],
    ]
    assert verdicts.table["listed_word_count"].to_pylist() == [0.0, 0.0, 1.0, 0.0, 1.0]
    strict = config.model_copy(update={"max_listed_words": 0})
    assert not judge(strict, ["one clod among " + "many flowers " * 60], ["a.test"]).kept.any()


def test_a_classifier_scores_a_page_by_its_lines(model) -> None:
    page = "\n".join([RUDE[0], KIND[0], KIND[1], KIND[2]])
    verdicts = judge(ToxicityConfig(model=str(model)), [RUDE[0], KIND[0], page, ""], ["a.test"] * 4)
    probs, fracs = (verdicts.table[f"toxic_{name}"].to_pylist() for name in ("prob", "char_frac"))
    assert verdicts.kept.tolist() == [False, True, True, True]
    assert probs[0] > 0.5 > probs[2] > probs[1] and probs[3] == 0.0
    assert fracs[2] == pytest.approx(len(RUDE[0]) / len(page.replace("\n", "")))
    assert score_lines(page, load_classifier(str(model)), 1) == score_lines(RUDE[0], load_classifier(str(model)), 400)


def test_without_a_limit_it_only_measures(model) -> None:
    config = ToxicityConfig(model=str(model), spam_model=str(model), max_toxic_prob=None, max_spam_prob=0.9)
    verdicts = judge(config, RUDE, ["a.test"] * 3)
    assert all("toxicity.toxic_prob" not in rules for rules in verdicts.table["failed_rules"].to_pylist())
    assert verdicts.table["spam_prob"].to_pylist() == verdicts.table["toxic_prob"].to_pylist()


def test_spam_has_a_model_and_a_limit_of_its_own(model, tmp_path) -> None:
    spam = ["win a free prize now", "cheap pills online order now", "you win cheap prize pills"]
    examples = [Example(f"{text} {n}", positive) for n in range(60)
                for texts, positive in ((KIND + RUDE, False), (spam, True)) for text in texts]  # fmt: skip
    path = tmp_path / "spam.bin"
    assert train_classifier(examples, path, 0.2)["thresholds"][1]["f1"] > 0.9
    verdicts = judge(
        ToxicityConfig(model=str(model), spam_model=str(path)), [KIND[0], RUDE[0], spam[0]], ["a.test"] * 3
    )
    assert verdicts.table["failed_rules"].to_pylist() == [[], ["toxicity.toxic_prob"], ["toxicity.spam_prob"]]
    measured = judge(ToxicityConfig(spam_model=str(path), max_spam_prob=None), spam, ["a.test"] * 3)
    assert measured.kept.all() and min(measured.table["spam_prob"].to_pylist()) > 0.5


def test_nothing_named_is_no_stage_and_what_is_missing_is_said(tmp_path) -> None:
    assert ToxicityConfig().stages() == ()
    for section in (ToxicityConfig(model="nowhere.bin"), ToxicityConfig(host_lists=("nowhere",))):
        with pytest.raises(UserError, match="cannot be read"):
            section.signature_settings()
    (tmp_path / "no.bin").write_bytes(b"no model")
    with pytest.raises(UserError, match=r"classifier .* cannot be read"):
        judge(ToxicityConfig(model=str(tmp_path / "no.bin")), ["x"], ["a.test"])


def test_settings_change_with_the_model_not_with_where_it_lies(model, tmp_path) -> None:
    (tmp_path / "copy.bin").write_bytes(model.read_bytes())
    one, other = (ToxicityConfig(model=str(path)).signature_settings() for path in (model, tmp_path / "copy.bin"))
    assert one == other
    (tmp_path / "copy.bin").write_bytes(model.read_bytes() + b"x")
    assert ToxicityConfig(model=str(tmp_path / "copy.bin")).signature_settings() != one


def test_the_same_texts_give_the_same_model(tmp_path) -> None:
    examples = [Example(f"{text} {n}", text in RUDE) for n in range(10) for text in (*KIND, *RUDE)]
    digests = {train_classifier(examples, tmp_path / name, 0.0)["sha256"] for name in ("a.bin", "b.bin")}
    assert len(digests) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "b.bin"]


@pytest.mark.parametrize(
    ("content", "says"),
    [("tweet,class\nx,1\n", "no column 'text'; it has tweet, class"), ("text,label\nx,0\ny,0\n", "say the same")],
)
def test_labelled_text_that_cannot_be_used(tmp_path, content, says) -> None:
    path = tmp_path / "labelled.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=says):
        read_labelled(path, "text", "label", frozenset("1"))
    with pytest.raises(UserError, match="cannot be read"):
        read_labelled(tmp_path / "none.csv", "text", "label", frozenset("1"))


def test_json_lines_and_csv_say_the_same(tmp_path) -> None:
    (tmp_path / "a.csv").write_text('text,label\n"x, y",1\nz,0\n')
    (tmp_path / "a.jsonl").write_text('{"text": "x, y", "label": 1}\n{"text": "z", "label": 0}\n')
    both = [read_labelled(tmp_path / name, "text", "label", frozenset("1")) for name in ("a.csv", "a.jsonl")]
    assert both[0] == both[1] == [Example("x, y", True), Example("z", False)]


def test_a_text_is_prepared_for_the_classifier() -> None:
    assert prepare("@Jane See http://x.test\nYOU, clod!") == "<user> see <url> you , clod !"


def test_tweets_are_told_apart_as_well_as_promised(shared_data, tmp_path) -> None:
    examples = read_labelled(
        shared_data / "quality/hatespeech-davidson-80pct.csv", "tweet", "class", frozenset(("0", "1"))
    )
    found = train_classifier(examples, tmp_path / "toxic.bin", 0.2)
    half = found["thresholds"][1]
    assert half["precision"] > 0.95 and half["recall"] > 0.95
