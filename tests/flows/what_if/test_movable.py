from __future__ import annotations

import pytest

from flows.recipe import Recipe, load_recipe
from flows.what_if.movable import compare
from storage.errors import UserError

LIMITS = (
    "gopher.min_words=30", "gopher.max_dup_line_frac=0.2", "language.min_prob=0.5", "extract.min_text_chars=10",
    "language.targets=['de']",
    "c4.min_sentences=3", "fineweb.enabled=false", "gopher.enabled=false",
    "gopher.per_language.de.min_words=30", "c4.per_language.de.min_sentences=2",
)  # fmt: skip
MEASURES = (
    "extract.engine='trafilatura'", "extract.max_html_bytes=1000", "c4.enabled=false",
    "c4.min_words_per_line=2", "fineweb.short_line_chars=20", "gopher.stop_words=['the']", "pii.min_confidence=0.9",
    "gopher.per_language.de.stop_words=['der']", "c4.per_language.de.min_words_per_line=2",
    "dedup.bands=10", "archive.verify_digests=false", "domains.hosts={'a.test'='code'}", "curated=['extract']",
)  # fmt: skip
LATER = ("dedup.min_jaccard=0.7", "mix.budget_tokens=10")
ELSEWHERE = ("tokens.vocab_size=4096", "max_failed_share=0.5")


def keys(changes: tuple[str, ...]) -> list[str]:
    return [change.partition("=")[0] for change in changes]


@pytest.fixture(scope="module")
def base() -> Recipe:
    return load_recipe("fineweb")


@pytest.mark.parametrize("change", LIMITS)
def test_limits_are_for_the_ledger(change: str, base: Recipe) -> None:
    found = compare(base, load_recipe("fineweb", [change]))
    assert ([c.key for c in found.limits], found.measures, found.later) == (keys((change,)), (), ())
    found.check_answerable()


@pytest.mark.parametrize("change", MEASURES)
def test_what_touches_a_signal_or_the_text_is_not(change: str, base: Recipe) -> None:
    found = compare(base, load_recipe("fineweb", [change, "gopher.min_words=30"]))
    assert [c.key for c in found.measures] == keys((change,))
    with pytest.raises(UserError, match=f"cannot say what {keys((change,))[0]} would do") as refused:
        found.check_answerable()
    assert "RECIPE" not in str(refused.value)
    [key] = keys((change,))
    for asked in ("gopher.min_words", key, key.rpartition(".")[0] or key):  # not asked for; asked for; in a table
        with pytest.raises(UserError) as refused:
            found.check_answerable({asked})
        assert ("Leave RECIPE out" in str(refused.value)) == (asked == "gopher.min_words")


@pytest.mark.parametrize("change", LATER)
def test_what_comes_after_the_rules_is_told_apart(change: str, base: Recipe) -> None:
    found = compare(base, load_recipe("fineweb", [change]))
    assert ([c.key for c in found.later], found.limits, found.measures) == (keys((change,)), (), ())


@pytest.mark.parametrize("change", ELSEWHERE)
def test_what_touches_no_corpus_is_no_difference(change: str, base: Recipe) -> None:
    found = compare(base, load_recipe("fineweb", [change]))
    assert (found.limits, found.measures, found.later) == ((), (), ())


def test_of_a_language_only_the_keys_that_measure_are_refused() -> None:
    words = "gopher.per_language.de.stop_words=['der']"
    limit = "gopher.per_language.de.min_words=30"
    moved = compare(load_recipe("fineweb", [words]), load_recipe("fineweb", [words, limit]))
    assert [change.key for change in moved.limits] == keys((limit,))
    moved.check_answerable()
    taken_away = compare(load_recipe("fineweb", [words, limit]), load_recipe("fineweb", [limit]))
    assert [change.key for change in taken_away.measures] == keys((words,))
    assert taken_away.limits == ()


def test_a_section_that_was_off_measured_nothing() -> None:
    found = compare(load_recipe("fineweb", ["fineweb.enabled=false"]), load_recipe("fineweb"))
    assert [change.key for change in found.measures] == ["fineweb.enabled"]
