"""Repeated word sequences, beside a dictionary of every sequence; and texts with stretches cut out."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.dedup.spans import Windows, cut_text, find_repeats, list_paragraphs, list_windows

DOCUMENTS = st.lists(st.lists(st.integers(0, 2), max_size=12), max_size=5)


def repeats_of(documents: list[list[int]], least: int) -> list[tuple[int, int, int, int, int]]:
    words = np.array([word for document in documents for word in document], np.uint64)
    offsets = np.cumsum([0, *map(len, documents)]).astype(np.int64)
    found = find_repeats(words, offsets, least)
    return list(zip(*(column.tolist() for column in found), strict=True))


def expected_words(documents: list[list[int]], least: int) -> set[tuple[int, int]]:
    """(document, word) that are part of a sequence met before and of none that is met there first and again later."""
    places = defaultdict(list)
    for number, document in enumerate(documents):
        for start in range(len(document) - least + 1):
            places[tuple(document[start : start + least])].append((number, start))
    repeated = [found for found in places.values() if len(found) > 1]
    covered = {(n, s + i) for found in repeated for n, s in found[1:] for i in range(least)}
    first = {(n, s + i) for found in repeated for n, s in found[:1] for i in range(least)}
    return covered - first


@settings(deadline=None, max_examples=200)
@given(DOCUMENTS, st.integers(1, 4))
def test_stretches_are_those_of_a_dictionary_of_sequences(documents: list[list[int]], least: int) -> None:
    starts = np.cumsum([0, *map(len, documents)])
    found = repeats_of(documents, least)
    words = {(number, at - starts[number]) for number, start, end, _, _ in found for at in range(start, end)}
    wanted = expected_words(documents, least)
    assert words <= wanted
    runs = {(n, i) for n, i in wanted if is_long_enough(wanted, n, i, least)}
    assert words == runs, "stretches of fewer words stay"
    assert all(source <= number and times > 1 for number, _, _, source, times in found)


def is_long_enough(wanted: set[tuple[int, int]], number: int, at: int, least: int) -> bool:
    start = at
    while (number, start - 1) in wanted:
        start -= 1
    return all((number, start + i) in wanted for i in range(least))


@settings(deadline=None, max_examples=100)
@given(DOCUMENTS, st.integers(1, 4))
def test_a_copy_of_every_sequence_stays_whole(documents: list[list[int]], least: int) -> None:
    starts = np.cumsum([0, *map(len, documents)])
    gone = {(n, at - starts[n]) for n, start, end, _, _ in repeats_of(documents, least) for at in range(start, end)}
    left = set()
    for number, document in enumerate(documents):
        for start in range(len(document) - least + 1):
            if not any((number, start + i) in gone for i in range(least)):
                left.add(tuple(document[start : start + least]))
    everything = Counter(tuple(d[s : s + least]) for d in documents for s in range(len(d) - least + 1))
    assert {sequence for sequence, times in everything.items() if times > 1} <= left


@settings(deadline=None, max_examples=200)
@given(st.lists(DOCUMENTS, min_size=1, max_size=3), st.integers(1, 4))
def test_groups_find_together_what_one_group_finds(groups: list[list[list[int]]], least: int) -> None:
    expected = repeats_of([document for group in groups for document in group], least)
    columns = [
        (
            np.array([word for document in group for word in document], np.uint64),
            np.cumsum([0, *map(len, group)]).astype(np.int64),
        )
        for group in groups
    ]
    shared: dict[int, list[tuple[int, int, int]]] = defaultdict(list)  # hash: (group, document, times) of each group
    for number, (words, offsets) in enumerate(columns):
        for key, document, times in zip(*(c.tolist() for c in list_windows(words, offsets, least)), strict=True):
            shared[key].append((number, document, times))
    found, first_document, first_word = [], 0, 0
    for number, (words, offsets) in enumerate(columns):
        keys = sorted(key for key, met in shared.items() if len(met) > 1 and number in [one[0] for one in met])
        firsts = [shared[key][0] for key in keys]
        before = [sum(map(len, groups[:g])) for g, _, _ in firsts]
        source = [b + d if g < number else -1 for b, (g, d, _) in zip(before, firsts, strict=True)]
        elsewhere = Windows(
            np.array(keys, np.uint64),
            np.array(source, np.int64),
            np.array([sum(one[2] for one in shared[key]) for key in keys], np.int64),
        )
        for document, start, end, kept, times in zip(
            *(c.tolist() for c in find_repeats(words, offsets, least, elsewhere)), strict=True
        ):
            where = kept + first_document if kept >= 0 else source[-2 - kept]
            found.append((document + first_document, start + first_word, end + first_word, where, times))
        first_document, first_word = first_document + len(groups[number]), first_word + len(words)
    assert found == expected


def test_paragraphs_are_lines_up_to_an_empty_one() -> None:
    texts = ["a\nb\n\nc", "", "\n a\n \na\nb", "b\na", "c"]
    batch = DocumentBatch.of_texts(texts)
    found = list_paragraphs(batch.lines)
    base = batch.characters.doc_offsets[found.document]
    spans = [
        (d, texts[d][s:e])
        for d, s, e in zip(
            found.document.tolist(), (found.start - base).tolist(), (found.end - base).tolist(), strict=True
        )
    ]
    assert spans == [(0, "a\nb"), (0, "c"), (2, " a"), (2, "a\nb"), (3, "b\na"), (4, "c")]
    same = {tuple(text for (_, text), key in zip(spans, found.hash, strict=True) if key == one) for one in found.hash}
    assert same == {("a\nb", "a\nb"), ("c", "c"), (" a",), ("b\na",)}
    assert not len(list_paragraphs(DocumentBatch.of_texts(["", "\n\n"]).lines).hash)


def test_a_stretch_names_its_first_copy_and_how_often_it_is_met() -> None:
    found = repeats_of([[1, 2, 3, 9], [8, 1, 2, 3], [1, 2, 3]], 3)
    assert found == [(1, 5, 8, 0, 3), (2, 8, 11, 0, 3)]


def test_sequences_do_not_cross_documents() -> None:
    assert repeats_of([[1, 2], [3, 1], [2, 3]], 2) == []
    assert repeats_of([], 3) == repeats_of([[]], 3) == repeats_of([[1, 1, 1]], 50) == []


@pytest.mark.parametrize(
    ("text", "spans", "left"),
    [
        ("one two three", [(4, 3)], "one three"),
        ("a\nb\nc", [(2, 1)], "a\nc"),
        ("a\nb\nc", [(0, 1), (2, 1), (4, 1)], ""),
        ("head\n\ncookies\n\nbody", [(6, 7)], "head\n\nbody"),
        ("one two. Three", [(4, 4)], "one Three"),
        ("one two\nthree", [(4, 3)], "one\nthree"),
        ("abcdef", [(1, 3), (2, 3)], "af"),
        ("é漢x", [(1, 1)], "éx"),
        ("  kept as it is \n", [], "  kept as it is \n"),
    ],
)
def test_texts_without_stretches(text: str, spans: list[tuple[int, int]], left: str) -> None:
    assert cut_text(text, spans) == left
