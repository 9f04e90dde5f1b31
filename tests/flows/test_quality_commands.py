"""`winnow quality` from end to end on small text: models, reports, calibrations, and recipes that use them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import classifier_task, fasttext_training, quality_texts
from flows.annotate_task import AnnotateJob, annotate
from flows.cli import app
from flows.perplexity_task import PerplexityTraining, train_perplexity
from flows.quality_texts import Texts, share_of
from flows.recipe import load_recipe
from pipeline.batch import DocumentBatch
from pipeline.quality.kenlm_model import load_model
from storage.errors import Fatal, UserError
from storage.inputs import expand_inputs
from storage.lake import Lake
from storage.shards import read_table
from storage.sources import Source
from tests.flows.archives import article, page, write_jsonl, write_warc

NEGATIVES = ("--negative", "{}/good.jsonl.gz", "--output", "{}/m")
SPAM = "buy cheap now click here best price {} free shipping deal {} limited offer order today {}"


def spam(number: int) -> str:
    draw = random.Random(number)
    return "\n".join(SPAM.format(*(draw.randrange(10**6) for _ in range(3))) for _ in range(12))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with reference text (`good.jsonl.gz`) and a crawl's (`crawl.jsonl.gz`)."""
    folder = tmp_path_factory.mktemp("texts")
    write_jsonl(folder / "good.jsonl.gz", [article(number) for number in range(300)])
    write_jsonl(
        folder / "crawl.jsonl.gz", [spam(number) if number % 3 else article(1000 + number) for number in range(300)]
    )
    return folder


@pytest.fixture(scope="module")
def model(texts: Path) -> str:
    """A perplexity model of the reference text."""
    path = str(texts / "en.lm")
    run("train-perplexity", str(texts / "good.jsonl.gz"), "--output", path, "--json")
    return path


@pytest.fixture(scope="module")
def classifier(texts: Path) -> str:
    """A classifier of the reference text against the crawl."""
    path = str(texts / "hq.bin")
    good, crawl = str(texts / "good.jsonl.gz"), str(texts / "crawl.jsonl.gz")
    run("train-classifier", "--positive", good, "--negative", crawl, "--output", path, "--dim", "8", "--epochs", "15")
    return path


def run(*arguments: str) -> str:
    """What a command prints; its exception is ours."""
    result = CliRunner().invoke(app, ["quality", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def report_of(path: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(Path(f"{path}.json").read_text())
    return report


def test_the_report_says_what_the_model_is(model: str) -> None:
    report = report_of(model)
    held_out = [number for number in range(300) if share_of(article(number)) < 0.01]
    assert report["documents"] == 300 - len(held_out) and report["held_out"]["documents"] == len(held_out)
    assert len(report["ngrams"]) == 5 and report["prune"] == [0, 0, 1, 1, 1]
    if held_out:
        assert report["held_out"]["auc_against_shuffled_lines"] > 0.9


def test_the_same_bytes_again_and_from_any_number_of_runs(
    texts: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality_texts, "BATCH_BYTES", 20_000)
    spilt = str(tmp_path / "spilt.lm")
    report = train_perplexity(Texts((str(texts / "good.jsonl.gz"),)), "en", spilt, PerplexityTraining(run_words=500))
    assert report["runs"] > 5
    assert Path(spilt).read_bytes() == Path(model).read_bytes()
    assert report_of(spilt)["sha256"] == report_of(model)["sha256"]
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


def test_training_writes_arpa_too(texts: Path, tmp_path: Path) -> None:
    arpa = tmp_path / "en.arpa"
    out = run(
        "train-perplexity", str(texts / "good.jsonl.gz"), "--output", str(tmp_path / "en.lm"),
        "--arpa", str(arpa), "--order", "3", "--prune", "0 0 0",
    )  # fmt: skip
    assert "auc_against_shuffled_lines" in out
    assert arpa.read_text().startswith("\\data\\\nngram 1=") and arpa.read_text().endswith("\\end\\\n")


def test_the_classifier_tells_them_apart_and_says_how_well(classifier: str) -> None:
    report = report_of(classifier)
    assert report["auc"] > 0.75  # a third of the crawl is as good as the reference
    assert report["at_half"]["recall"] > 0.7
    assert 0 <= report["reliability"]["brier"] <= 0.3 and report["reliability"]["table"]
    shares = [row["share_of_negatives"] for row in report["by_share_of_negatives"]]
    assert 0.1 in shares and shares == sorted(shares)
    known = json.loads(Path(f"{classifier}.calibration.json").read_text())
    assert known["classifier"]["*"]["model"] == report["sha256"]


def test_a_classifier_trained_again_is_the_same_file(texts: Path, classifier: str, tmp_path: Path) -> None:
    again = str(tmp_path / "again.bin")
    good, crawl = str(texts / "good.jsonl.gz"), str(texts / "crawl.jsonl.gz")
    run("train-classifier", "--positive", good, "--negative", crawl, "--output", again, "--dim", "8", "--epochs", "15")
    assert Path(again).read_bytes() == Path(classifier).read_bytes()


def test_training_that_ends_in_nan_is_begun_again_at_half_the_rate(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, rates = fasttext_training.fasttext.train_supervised, []

    def failing(path: str, lr: float, **settings: Any) -> Any:
        rates.append(lr)
        if len(rates) < 3:
            raise RuntimeError("Encountered NaN.")
        return train(path, lr=lr, **settings)

    monkeypatch.setattr(fasttext_training.fasttext, "train_supervised", failing)
    good, crawl = (Texts((str(texts / name),)) for name in ("good.jsonl.gz", "crawl.jsonl.gz"))
    config = classifier_task.ClassifierTraining(dim=4, epochs=1, buckets=1000)
    report = classifier_task.train_classifier(good, crawl, str(tmp_path / "hq.bin"), config)
    assert rates == [0.1, 0.05, 0.025] and report["learning_rate"] == 0.025
    rates.clear()
    monkeypatch.setattr(classifier_task, "_TRIES", 2)
    with pytest.raises(Fatal, match="NaN"):
        classifier_task.train_classifier(good, crawl, str(tmp_path / "hq.bin"), config)


def test_a_calibrated_recipe_keeps_and_drops(texts: Path, model: str, classifier: str, tmp_path: Path) -> None:
    calibration = str(tmp_path / "calibration.json")
    crawl = str(texts / "crawl.jsonl.gz")
    rows = json.loads(
        run(
            "calibrate",
            crawl,
            "--perplexity",
            f"en={model}",
            "--classifier",
            classifier,
            "--output",
            calibration,
            "--json",
        )
    )
    assert {row["signal"] for row in rows} == {"perplexity", "classifier"}
    assert rows == sorted(rows, key=lambda row: row["signal"])
    archive = write_warc(
        tmp_path / "a.warc.gz",
        {"http://h.test/good": page(article(7000)), "http://h.test/spam": page(spam(7001))},
    )
    changes = [
        "perplexity.enabled=true", f"perplexity.models.en={model}", f"perplexity.calibration={calibration}",
        "perplexity.max_percentile=60", "classifier.enabled=true", f"classifier.model={classifier}",
        f"classifier.calibration={calibration}", "classifier.min_percentile=67",
        "gopher.enabled=false", "c4.enabled=false", "fineweb.enabled=false", "language.min_prob=0.1",
    ]  # fmt: skip
    (source,) = expand_inputs([str(archive)])
    lake = Lake(str(tmp_path / "lake"))
    row = annotate(AnnotateJob(lake.root, source, load_recipe("fineweb", changes)))
    (path,) = [output["path"] for output in row["outputs"] if output["table"] == "pages"]
    pages = {row["url"]: row for row in read_table(lake.absolute(path)).to_pylist()}
    assert pages["http://h.test/good"]["fate"] == "kept"
    assert pages["http://h.test/spam"]["failed_rules"] == [
        "perplexity.perplexity_percentile", "classifier.classifier_percentile",
    ]  # fmt: skip
    assert pages["http://h.test/spam"]["perplexity_bucket"] == 2


def test_a_lake_is_an_input(texts: Path, model: str, tmp_path: Path) -> None:
    (source,) = expand_inputs([str(texts / "good.jsonl.gz")])
    recipe = load_recipe("raw")
    annotate(AnnotateJob(str(tmp_path), source, recipe))
    found = [text for batch in Texts((str(tmp_path),)) for text in batch]
    assert sorted(found) == sorted(article(number) for number in range(300))


def test_archives_of_pages_are_extracted(tmp_path: Path) -> None:
    write_warc(tmp_path / "a.warc.gz", {"http://h.test/1": page(article(1)), "http://h.test/2": page("")})
    texts = Texts((str(tmp_path),))
    (found,) = list(texts)
    assert found == [article(1).replace("\n", "\n\n")] or found[0].split() == article(1).split()
    assert texts.passed_over == 1


class TestFingerprint:
    """A file's content is what counts of it."""

    source = Source("a.warc.gz", "a.warc.gz", "local", "web", 1, "00")

    def fingerprint(self, *changes: str) -> str:
        return AnnotateJob("lake", self.source, load_recipe("fineweb", changes)).fingerprint

    def perplexity(self, path: Path) -> str:
        return self.fingerprint("perplexity.enabled=true", f"perplexity.models.en={path}")

    def test_another_model_is_another_fingerprint_and_another_place_is_not(self, tmp_path: Path) -> None:
        paths = [tmp_path / name for name in "abc"]
        for path, content in zip(paths, (b"one", b"one", b"two"), strict=True):
            path.write_bytes(content)
        first, moved, other = map(self.perplexity, paths)
        assert first == moved != other != self.fingerprint()
        paths[0].write_bytes(b"three")
        assert self.perplexity(paths[0]) != first

    def test_a_section_that_is_off_changes_nothing(self) -> None:
        assert self.fingerprint() == self.fingerprint("perplexity.max_perplexity=9", "classifier.min_score=1")

    def test_a_missing_model_is_said_before_anything_runs(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"cannot be read.*quality"):
            self.perplexity(tmp_path / "absent.lm")
        with pytest.raises(UserError, match="train-perplexity"):
            self.fingerprint("perplexity.enabled=true")
        with pytest.raises(UserError, match="train-classifier"):
            self.fingerprint("classifier.enabled=true")

    def test_a_calibration_of_another_model(self, tmp_path: Path) -> None:
        model, calibration = tmp_path / "en.lm", tmp_path / "calibration.json"
        model.write_bytes(b"one")
        calibration.write_text(json.dumps({"perplexity": {"en": {"model": "00", "quantiles": [1.0] * 101}}}))
        changes = ("perplexity.enabled=true", f"perplexity.models.en={model}", f"perplexity.calibration={calibration}")
        with pytest.raises(UserError, match="another perplexity model"):
            self.fingerprint(*changes)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("train-perplexity", "absent.jsonl", "--output", "m"), "absent"),
        (("train-perplexity", "{}/blank.jsonl.gz", "--output", "{}/m"), "no word"),
        (("train-perplexity", "{}/good.jsonl.gz", "--output", "{}/m", "--prune", "1 0"), "begin with 0"),
        (("train-perplexity", "{}/good.jsonl.gz", "--output", "{}/m", "--prune", "x"), "list of counts"),
        (("train-perplexity", "{}/good.jsonl.gz", "--output", "{}/m", "--normalisation", "x"), "no normalisation"),
        (
            ("train-classifier", "--positive", "{}/blank.jsonl.gz", *NEGATIVES),
            "too few",
        ),
        (("calibrate", "{}/good.jsonl.gz", "--output", "{}/m"), "nothing to calibrate"),
        (("calibrate", "{}/good.jsonl.gz", "--output", "{}/m", "--perplexity", "en"), "LANGUAGE=PATH"),
        (("calibrate", "{}/good.jsonl.gz", "--output", "{}/m", "--perplexity", "en={}/absent.lm"), "cannot be read"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(texts: Path, arguments: tuple[str, ...], says: str) -> None:
    write_jsonl(texts / "blank.jsonl.gz", [" ", ""])
    with pytest.raises(UserError, match=says):
        run(*(argument.replace("{}", str(texts)) for argument in arguments))
    assert not (texts / "m").exists()


def test_scores_of_a_saved_model_are_those_of_its_texts(model: str) -> None:
    """Golden: a verdict's number, so that a change of what perplexity means is seen."""
    good, bad = load_model(model).score(DocumentBatch.of_texts([article(1), spam(1)])).perplexities
    assert good < 20 < 1000 < bad
