"""The demo's own benchmarks: questions with one right answer, the same every time, some of them posted in the crawl."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import pytest

from flows.demo.config import DemoConfig
from flows.demo.exam import LAST_WORD, POSTED, WORD_ORDER, exam_sentences, exams, posted_questions, write_exams
from flows.evaluation import read_benchmark

CONFIG = DemoConfig()


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    return exam_sentences(CONFIG)


def test_a_pair_differs_by_two_neighbours_changed_over(sentences: list[str]) -> None:
    pairs = exams(sentences)[WORD_ORDER]
    assert len(pairs) == 120
    for pair in pairs:
        good, bad = pair["sentence_good"].split(), pair["sentence_bad"].split()
        (a, b) = [n for n, (one, other) in enumerate(zip(good, bad, strict=True)) if one != other]
        assert b == a + 1 and (good[a], good[b]) == (bad[b], bad[a]) and a > 0 and b < len(good) - 1


def test_an_ending_is_one_of_four_that_differ(sentences: list[str]) -> None:
    endings = exams(sentences)[LAST_WORD]
    assert len({item["gold"] for item in endings}) == 4  # no place is always right
    for item in endings:
        assert len(set(item["choices"])) == 4
        assert f"{item['query']} {item['choices'][item['gold']]}" in sentences


def test_sentences_too_few_or_without_a_pair_to_swap_break_nothing() -> None:
    assert exams([]) == {WORD_ORDER: [], LAST_WORD: []}
    assert exams(["Same same same same."])[WORD_ORDER][0]["sentence_bad"] == "Same same same same."
    assert posted_questions(DemoConfig(shelf_modules=10_000)) == {}  # every module is shown: nothing is left to ask


def test_files_are_benchmarks_and_the_same_every_time(tmp_path: Path) -> None:
    paths = write_exams(tmp_path, CONFIG)
    first = {name: path.read_bytes() for name, path in paths.items()}
    assert {name: path.read_bytes() for name, path in write_exams(tmp_path, CONFIG).items()} == first
    assert [read_benchmark(str(paths[name])).chance for name in (WORD_ORDER, LAST_WORD)] == [0.5, 0.25]


def test_a_page_of_the_crawl_holds_some_questions_of_both(sentences: list[str]) -> None:
    (page,) = posted_questions(CONFIG).values()
    told = unescape(page.main)
    for items in exams(sentences).values():
        texts = [item.get("sentence_good") or item["query"] for item in items]
        assert [text in told for text in texts].count(True) == POSTED
