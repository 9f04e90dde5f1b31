"""Labelled files: every format as it comes, every broken line named; words and answers found by offsets."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labelled.encoding import Marks, encode_examples, first_tokens
from pipeline.labelled.examples import Asked, Instructed, Labelled, Tagged, Task, split
from pipeline.labelled.formats import read_examples
from pipeline.tokens import Tokenizer, train_tokenizer
from pipeline.tokens_config import TokensConfig
from storage.errors import UserError

MARKS = Marks(3, 4, 5)
SQUAD = {"data": [{"paragraphs": [{"context": "Ducks swim.", "qas": []}]}]}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    text = "The ducks of the pond swim to the mill in Łódź, and the miller's geese don't. " * 40
    return Tokenizer(train_tokenizer([text], TokensConfig(vocab_size=600)), "<|end_of_text|>", "[PAD]")


@pytest.mark.parametrize(
    ("task", "name", "content", "example"),
    [
        ("classification", "sst", "1 a fine film\n", Labelled("a fine film", label="1")),
        ("classification", "t.tsv", "\ufefflabel\ttext\ngood\ta film\r\n", Labelled("a film", label="good")),
        ("classification", "t.jsonl", '{"text": "a", "label": 1}', Labelled("a", label="1")),
        ("pairs", "m.tsv", "Quality\t#1 ID\t#2 ID\tA\tB\n1\t7\t8\tx y\tz\n", Labelled("x y", "z", label="1")),
        ("similarity", "s.tsv", "4.2\tx\ty\n", Labelled("x", "y", value=4.2)),
        ("tagging", "n.conll", "Ada\tB-PER\nsat\tO\n\n", Tagged(("Ada", "sat"), ("B-PER", "O"))),
        ("tagging", "n.conll", "-DOCSTART- -X- O\n\nAda NNP B-PER", Tagged(("Ada",), ("B-PER",))),
        ("instruction", "i.tsv", "2+2=\t4\n", Instructed("2+2=", "4")),
        ("classification", "latin", "1 a line\x85end", Labelled("a line\x85end", label="1")),
    ],
)
def test_formats(task: Task, name: str, content: str, example: object) -> None:
    assert read_examples(content, task, name) == [example]


def test_squad_and_qamr() -> None:
    question = {"question": "Who swims?", "answers": [{"text": "Ducks", "answer_start": 0}]}
    data = {"data": [{"paragraphs": [{"context": "Ducks swim.", "qas": [question, {**question, "answers": []}]}]}]}
    asked = Asked("Who swims?", "Ducks swim.", ((0, "Ducks"),))
    assert read_examples(json.dumps(data), "qa", "d.json") == [asked]  # SQuAD 2.0's unanswerable ones are left out
    found = read_examples("s1\t3\t76\t0\t3\tWho swims ?\t1 2\t261:0", "qa", "q.tsv", "s1\tThe big ducks swim .\n")
    assert found == [Asked("Who swims ?", "The big ducks swim .", ((4, "big ducks"),))]


@pytest.mark.parametrize(
    ("task", "name", "content", "words"),
    [
        ("classification", "f.jsonl", '{"text": "a", "label": 1}\nnonsense', "line 2 of f.jsonl is no example: it is"),
        ("classification", "f.jsonl", '{"text": "a"}', "line 1 of f.jsonl is no example: it has no 'label'"),
        ("classification", "f.jsonl", "[1]", "it is no JSON object"),
        ("classification", "f.jsonl", '{"text": 3, "label": 1}', "3 is no text"),
        ("classification", "f.tsv", "good\n", "it has 1 columns, not a label and 1 texts apart by tabs"),
        ("pairs", "f.tsv", "1\ta\tb\n1\ta\n", "line 2 of f.tsv is no example: it has 2 columns"),
        ("similarity", "f.tsv", "4\ta\tb\nmuch\ta\tb\n", "line 2 of f.tsv is no example: 'much' is no number"),
        ("similarity", "f.tsv", "nan\ta\tb\n", "'nan' is no number"),
        ("tagging", "f.conll", "Ada\tB-PER\nsat\n", "line 2 of f.conll is no example: it has a word and no tag"),
        ("tagging", "f.conll", "Ada\tPER\n", "'PER' is no tag: O, or B- or I- and a type"),
        ("tagging", "f.jsonl", '{"words": ["a", "b"], "tags": ["O"]}', "2 words and 1 tags"),
        ("qa", "f.json", "{", "line 1 of f.json is no example: it is no JSON"),
        ("qa", "f.json", "[]", "f.json has no list `data`"),
        ("qa", "f.json", json.dumps(SQUAD), "f.json holds no examples"),
        ("qa", "f.jsonl", '{"question": "q", "context": "c", "answers": []}', "it has no answer"),
        (
            "qa",
            "f.jsonl",
            '{"question": "q", "context": "abc", "answers": [{"text": "b", "answer_start": 0}]}',
            "'b' does",
        ),
        ("instruction", "f.tsv", "no tab\n", "there is no tab between prompt and answer"),
        ("classification", "empty", "\n\n", "empty holds no examples"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(task: Task, name: str, content: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        read_examples(content, task, name)
    assert words in error.value.message


def test_the_shared_data_is_read(shared_data: Path) -> None:
    folder = shared_data / "finetune"
    if not folder.is_dir():
        pytest.skip("the shared data has no finetune folder")
    sets: list[tuple[Task, str, int]] = [
        ("classification", "sst/stsa.binary.dev", 872),
        ("tagging", "ner/wnut17-dev/emerging.dev.conll", 1009),
        ("pairs", "pairs/msr-para-val.tsv", 500),
        ("similarity", "pairs/2015.val.tsv", 750),
        ("qa", "qa/policyqa-dev.json", 3809),
    ]
    for task, name, count in sets:
        assert len(read_examples((folder / name).read_text(encoding="utf-8"), task, name)) == count
    assert len(read_examples((folder / "sst/subj.all").read_text(encoding="latin-1"), "classification", "s")) == 10_000


def test_a_split_keeps_a_text_on_one_side() -> None:
    asked = [Asked(f"q{n}", f"context {n % 40}", ((0, "c"),)) for n in range(400)]
    train, measure = split(asked, 0.25, 0)
    assert len(train) + len(measure) == 400 and 40 <= len(measure) <= 160
    assert not {one.group for one in train} & {one.group for one in measure}
    assert split(asked, 0.25, 0) == (train, measure) != split(asked, 0.25, 1)


def test_pairs_are_cut_at_the_longer_text(tokenizer: Tokenizer) -> None:
    long, short = "the pond " * 40, "geese swim"
    (one,) = encode_examples([Labelled(long, short, label="x")], tokenizer, MARKS, {"x": 0}, 24)
    assert len(one.ids) == 24 and one.targets == (0,)
    assert one.ids[0] == 3 and one.ids[one.second_at - 1] == 4 and one.ids[-1] == 5
    assert tokenizer.decode(one.ids[one.second_at : -1]) == short


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text("abcŁóé ,.'’中\U0001f986", min_size=1, max_size=12), min_size=1, max_size=30), st.integers(16, 40)
)
def test_every_word_begins_at_its_own_token(tokenizer: Tokenizer, texts: list[str], most: int) -> None:
    words = tuple(word for text in texts for word in text.split())
    if not words:
        return
    tags = tuple(f"B-{n % 3}" for n in range(len(words)))
    numbers = {f"B-{n}": n for n in range(3)}
    parts = encode_examples([Tagged(words, tags)], tokenizer, MARKS, numbers, most)
    assert [target for part in parts for target in part.targets] == [n % 3 for n in range(len(words))]
    assert all(len(part.places) == len(part.targets) and len(part.ids) <= most for part in parts)
    found = iter(words)
    for part in parts:
        for place in part.places:
            begun = tokenizer.decode_bytes(part.ids[place : place + 1]).decode("utf-8", "ignore").strip()
            word = next(found)
            assert word.startswith(begun) or begun.startswith(word)


def test_first_tokens_skips_what_ends_before() -> None:
    offsets = np.array([[0, 3], [3, 4], [4, 8], [8, 8], [8, 12]])
    assert first_tokens(offsets, np.array([0, 3, 4, 5, 9])).tolist() == [0, 1, 2, 2, 4]


def test_contexts_are_read_in_parts_that_share_tokens(tokenizer: Tokenizer) -> None:
    context = "The ducks swim. " * 12 + "The geese of Łódź don't."
    answer = "geese of Łódź"
    asked = Asked("Who swims not?", context, ((context.index(answer), answer),))
    parts = encode_examples([asked], tokenizer, MARKS, {}, 40, 8)
    assert len(parts) > 2 and all(len(part.ids) <= 40 for part in parts)
    shown = [set(part.offsets) for part in parts]
    assert all(a & b for a, b in pairwise(shown))
    assert set.union(*shown) == {tuple(pair) for pair in tokenizer.encode_with_offsets(context)[1].tolist()}
    holders = [part for part in parts if part.targets]
    assert holders
    for part in holders:
        first, last = (place - part.places[0] for place in part.targets)
        assert context[part.offsets[first][0] : part.offsets[last][1]].strip() == answer


def test_an_answer_follows_its_prompt(tokenizer: Tokenizer) -> None:
    (one,) = encode_examples([Instructed("The ducks ", "swim")], tokenizer, MARKS, {}, 32)
    assert tokenizer.decode(one.ids[1 : one.targets[0]]) == "The ducks"
    assert tokenizer.decode(one.ids[one.targets[0] : -1]) == " swim" and one.ids[-1] == 5
    (cut,) = encode_examples([Instructed("The ducks swim. " * 30, "no")], tokenizer, MARKS, {}, 20)
    assert len(cut.ids) == 20 and tokenizer.decode(cut.ids[cut.targets[0] : -1]) == " no"
