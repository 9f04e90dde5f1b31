"""The perplexity stage: keep, drop, nothing to measure, several languages, recipes that ask for too much."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.batch import DocumentBatch
from pipeline.judging import Verdicts, run_stages
from pipeline.quality.calibration import POINTS, load_calibration, percentile, percentiles, quantiles
from pipeline.quality.perplexity import PerplexityConfig
from storage.errors import UserError
from tests.pipeline.quality.models import packed, train

TEXT = "the cat sat on the mat\nthe cat ate the rat\na dog sat on the cat\nthe dog"

KENLM = {"the cat sat on the mat": -2.67310, "mat the on sat": -5.66807, "xq zv": -3.50277, "the dog ate the": -4.62674}
"""Golden: log10 probabilities that KenLM 0.3 gives with the model its trainer makes of TEXT:

    lmplz -o 3 --discount_fallback < text.txt > text.arpa; python -c "kenlm.Model('text.arpa').score(sentence)"
"""


@pytest.fixture
def models(tmp_path: Path) -> dict[str, str]:
    """Models of two languages."""
    paths = {}
    for language, text in {"en": TEXT, "de": "die katze sitzt auf der matte\nder hund schläft"}.items():
        path = tmp_path / f"{language}.lm"
        path.write_bytes(packed(*train([text], 3, (0, 0, 0)), "words").tobytes())
        paths[language] = str(path)
    return paths


def judge(texts: list[str | None], languages: list[str | None], **settings: Any) -> Verdicts:
    columns = {"text": pa.array(texts, pa.string()), "language": pa.array(languages, pa.string())}
    return run_stages(DocumentBatch(columns), PerplexityConfig(enabled=True, **settings).stages())


def values(verdicts: Verdicts, column: str = "perplexity") -> list[Any]:
    found: list[Any] = verdicts.table[column].to_pylist()
    return found


@pytest.mark.parametrize(("text", "log10_prob"), KENLM.items())
def test_golden_perplexities(models: dict[str, str], text: str, log10_prob: float) -> None:
    """A change of one of these is a change of what people's limits mean: raise the stage's version with it."""
    expected = 10 ** (-log10_prob / (len(text.split()) + 1))
    assert values(judge([text], ["en"], models=models)) == [pytest.approx(expected, rel=1e-4)]


def test_familiar_text_surprises_less_than_the_same_words_shuffled(models: dict[str, str]) -> None:
    clean, shuffled, foreign = values(
        judge(["the cat sat on the mat", "mat the on sat cat the", "xq zv"], ["en"] * 3, models=models)
    )
    assert 1 < clean < shuffled < foreign


def test_what_cannot_be_measured_is_null_and_fails(models: dict[str, str]) -> None:
    verdicts = judge([None, "", " \n", "the cat"], ["en", "en", "en", "fr"], models=models, max_perplexity=1e9)
    assert values(verdicts) == [None] * 4
    assert not verdicts.kept.any()


def test_each_language_has_its_own_model(models: dict[str, str]) -> None:
    english, german, wrong = values(
        judge(["the cat sat", "die katze sitzt", "die katze sitzt"], ["en", "de", "en"], models=models)
    )
    assert german < wrong and english < wrong
    assert values(judge(["the cat sat"], ["en"], models=models)) == [english]


def test_without_a_language_a_single_model_is_everybodys(models: dict[str, str]) -> None:
    stages = PerplexityConfig(enabled=True, models={"en": models["en"]}).stages()
    assert values(run_stages(DocumentBatch.of_texts(["the cat"]), stages))[0] > 1
    both = PerplexityConfig(enabled=True, models=models).stages()
    assert values(run_stages(DocumentBatch.of_texts(["the cat"]), both)) == [None]


def test_the_limit_itself_passes(models: dict[str, str]) -> None:
    value = values(judge(["the cat sat"], ["en"], models=models))[0]
    for limits in ({"max_perplexity": value}, {"min_perplexity": value}):
        assert judge(["the cat sat"], ["en"], models=models, **limits).kept.all()
    assert not judge(["the cat sat"], ["en"], models=models, max_perplexity=float(np.nextafter(value, 0))).kept.any()


def test_cuts_part_head_middle_and_tail(models: dict[str, str]) -> None:
    texts: list[str | None] = ["the cat sat on the mat", "mat the on sat", "xq zv"]
    _, middle, high = values(judge(texts, ["en"] * 3, models=models))
    verdicts = judge(texts, ["en"] * 3, models=models, cuts={"en": (middle, high)}, max_bucket=1)
    assert values(verdicts, "perplexity_bucket") == [0, 1, 2]  # a cut belongs to the bucket above, as in cc_net
    assert verdicts.table["failed_rules"].to_pylist() == [[], [], ["perplexity.perplexity_bucket"]]


def test_percentiles_are_of_the_pages_own_language(models: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    entry = {"documents": 9, "model": "m"}
    known = {"en": entry | {"quantiles": list(range(0, 101))}, "de": entry | {"quantiles": list(range(0, 10100, 100))}}
    path.write_text(json.dumps({"perplexity": known}))
    verdicts = judge(
        ["the cat", "die katze", "le chat"], ["en", "de", "fr"], models=models, calibration=str(path), max_percentile=60
    )
    english, german, french = values(verdicts, "perplexity_percentile")
    found = values(verdicts)
    assert english == pytest.approx(found[0]) and german == pytest.approx(found[1] / 100) and french is None
    assert values(verdicts, "perplexity_bucket")[:2] == [0, 0]
    assert verdicts.kept.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"models": {}}, "train-perplexity"),
        ({"models": {"de": "x"}, "max_perplexity": 9}, "no model for en"),
        ({"models": {"en": "x"}, "max_percentile": 60}, "calibrate"),
        ({"models": {"en": "x"}, "max_bucket": 1}, "perplexity.cuts"),
    ],
)
def test_a_recipe_that_asks_for_what_it_does_not_name(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        PerplexityConfig(enabled=True, **settings).check(("en",))
    PerplexityConfig(enabled=False, **settings).check(("en",))


def test_measuring_alone_asks_for_no_model_of_every_language() -> None:
    PerplexityConfig(enabled=True, models={"de": "x"}).check(("en", "de"))


def test_percentiles_rise_and_end_at_0_and_100() -> None:
    draws = np.random.default_rng(3).lognormal(6, 1, 5000)
    points = np.array(quantiles(draws))
    assert len(points) == len(POINTS)
    places = [percentile(value, points) for value in np.sort(draws)]
    assert places == sorted(places) and (places[0], places[-1]) == (0, 100)
    assert np.mean(np.array(places) <= 30) == pytest.approx(0.3, abs=0.002)
    assert (percentile(-1, points), percentile(1e9, points)) == (0, 100)


def test_an_entry_for_any_language_stands_in() -> None:
    known = {"*": {"quantiles": list(range(101))}}
    assert percentiles(pa.array([50.0, None]), ["fr", "en"], known).to_pylist() == [50, None]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"perplexity": {"en": {"quantiles": [1]}}}', '{"perplexity": {"en": 3}}']
)
def test_files_that_are_no_calibration(tmp_path: Path, content: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(content)
    with pytest.raises(UserError, match="no calibration"):
        load_calibration(str(path), "perplexity")
    with pytest.raises(UserError, match="cannot be read"):
        load_calibration(str(tmp_path / "absent"), "perplexity")
