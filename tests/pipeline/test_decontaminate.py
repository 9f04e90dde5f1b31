"""Benchmark items in pages: planted verbatim and with light edits, near misses, cuts, and a plain twin."""

from __future__ import annotations

import gzip
import json
import random
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.benchmarks import BenchmarkFile, read_index
from pipeline.decontaminate import DecontaminateConfig
from pipeline.dedup.normalise import fold_table
from pipeline.judging import run_stages
from pipeline.kernels.contamination import find_matches, hash_words, index_passages
from storage.errors import UserError

QUESTION = (
    "Which of these best explains why the water in a shallow pond freezes from the top down in a cold winter night, "
    "while fish below the ice go on living until spring?"
)
SHORT = "The toilet filled with water because nobody had closed the tap."
FILLER = "The miller looked at the river and said that it would rain before the evening came, as it had all week long."


@pytest.fixture
def config(tmp_path: Path) -> DecontaminateConfig:
    path = tmp_path / "ponds.jsonl"
    rows = [{"query": QUESTION, "choices": ["yes", SHORT], "gold": 1}, {"query": "too short", "choices": ["a", "b"]}]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return DecontaminateConfig(benchmarks=(BenchmarkFile(name="ponds", path=str(path)),))


def judge(config: DecontaminateConfig, *texts: str | None):
    import pyarrow as pa

    return run_stages(DocumentBatch({"text": pa.array(texts, pa.string())}), config.stages())


def edited(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize(
    "planted",
    [
        QUESTION,
        QUESTION.upper().replace(" ", "\n "),
        QUESTION.replace(",", " --").replace("?", "").replace("shallow", "*shállow*"),
        edited(QUESTION, ("shallow", "deep"), ("living", "swimming")),
        edited(QUESTION, ("shallow pond", "shallow little pond"), ("go on ", "go ")),
        SHORT,
        edited(SHORT, ("The toilet", "the Toilet"), ("nobody", "no-body")),
    ],
)
def test_planted_items_are_found_verbatim_and_with_light_edits(config, planted) -> None:
    verdicts = judge(config, f"{FILLER}\n{planted}\n{FILLER}", FILLER)
    assert verdicts.kept.tolist() == [False, True]
    [span] = verdicts.table["contamination_spans"][0].as_py()
    assert (span["benchmark"], span["item"], span["action"]) == ("ponds", 0, "drop")
    assert verdicts.table["dropped_by_rule"][0].as_py() == "decontaminate.contamination_score"


def test_offsets_are_characters_of_the_stretch(config) -> None:
    text = f"é漢 {FILLER} «{QUESTION}» {FILLER}"
    [span] = judge(config, text).table["contamination_spans"][0].as_py()
    assert text[span["start"] :][: span["chars"]] == QUESTION.rstrip("?")


@pytest.mark.parametrize(
    "text",
    [
        "",
        FILLER,
        None,
        " ".join(QUESTION.split()[:12]),  # twelve words are not thirteen
        " ".join(reversed(QUESTION.split())),
        " x y z ".join(" ".join(QUESTION.split()[i : i + 5]) for i in range(0, 25, 5)),
        "too short",
    ],
)
def test_what_is_less_than_a_match_stays(config, text) -> None:
    verdicts = judge(config, text)
    assert verdicts.kept.all() and verdicts.table["contamination_score"].to_pylist() == [0.0]


def test_a_quotation_of_a_long_item_weighs_little(tmp_path) -> None:
    words = [f"w{i}" for i in range(400)]
    (tmp_path / "long.jsonl").write_text(json.dumps({"passage": " ".join(words)}))
    config = DecontaminateConfig(benchmarks=(BenchmarkFile(name="long", path=str(tmp_path / "long.jsonl")),))
    verdicts = judge(config, " ".join(words[100:120]), " ".join(words[100:200]))
    assert verdicts.kept.tolist() == [True, False]
    assert verdicts.table["contamination_score"].to_pylist() == [20 / 400, 100 / 400]
    assert verdicts.table["contaminated_word_frac"].to_pylist() == [1.0, 1.0]
    assert verdicts.table["contamination_spans"][0].as_py()[0]["action"] == "mark"


def test_cut_takes_the_stretch_and_keeps_the_page(config) -> None:
    verdicts = judge(config.model_copy(update={"action": "cut"}), f"before {QUESTION} after {SHORT}", FILLER)
    assert verdicts.kept.all()
    assert verdicts.table["text"].to_pylist() == ["before ? after .", FILLER]
    marked = judge(config.model_copy(update={"action": "mark"}), QUESTION)
    assert marked.kept.all() and marked.table["text"].to_pylist() == [QUESTION]


def test_without_edits_only_runs_of_equal_words_count(config) -> None:
    strict = config.model_copy(update={"allow_edits": False})
    assert not judge(strict, QUESTION).kept.any()
    assert judge(strict, edited(QUESTION, ("shallow", "deep"), ("winter", "autumn"))).kept.all()


WORDS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40)


@settings(deadline=None, max_examples=300)
@given(st.lists(WORDS, min_size=1, max_size=4), WORDS)
def test_without_edits_it_finds_what_a_plain_search_for_ngrams_finds(passages, page) -> None:
    """A page holds a match exactly when it shares 13 words in a row with a passage."""
    kept = [passage for passage in passages if len(passage) >= 6]
    index, left_out = index_passages([" ".join(p).encode() for p in kept], fold_table(), [13] * len(kept), 6, 10_000)
    utf8 = DocumentBatch.of_texts([" ".join(page)]).utf8
    found = find_matches(utf8.data, utf8.offsets, fold_table(), index, 6, False)
    grams = [{tuple(p[i : i + 13]) for i in range(len(p) - 12)} for p in kept]
    theirs = {tuple(page[i : i + 13]) for i in range(len(page) - 12)}
    assert left_out == 0
    assert set(found.passages.tolist()) == {i for i, own in enumerate(grams) if own & theirs}
    assert found.text_words.tolist() == [len(page)]


def test_real_items_are_found_again_and_nothing_else(shared_data) -> None:
    """Every item of PIQA long enough, with one word changed, in a row on one page; none in 300 real pages."""
    from tests.pii_measures import texts_of

    path = shared_data / "zeroshot/piqa.jsonl"
    config = DecontaminateConfig(benchmarks=(BenchmarkFile(name="piqa", path=str(path)),))
    index = config.index()
    source = random.Random(5)
    pages, expected = [], []
    for number, item in enumerate(index.items[:300]):
        words = max(item.passages, key=len).split()
        if len(words) < 18:
            continue
        words[source.randrange(6, len(words))] = "xylophone"
        pages.append(f"{FILLER} {' '.join(words)} {FILLER}")
        expected.append(number)
    verdicts = judge(config, *pages)
    spans = verdicts.table["contamination_spans"].to_pylist()
    found = [number in {span["item"] for span in row} for number, row in zip(expected, spans, strict=True)]
    assert len(found) > 100 and all(found)
    clean = judge(config, *texts_of(shared_data / "text/web-wcxb-dev.part1.jsonl.zst", 300))
    assert clean.table["contaminated_item_count"].to_pylist() == [0.0] * 300


@pytest.mark.parametrize("unit", ["a ", "the pond freezes from the top down ", "é", "漢", f"{QUESTION} ", "!"])
def test_hostile_texts_take_time_in_proportion_to_their_length(config, unit) -> None:
    text = (unit * (1_000_000 // len(unit)))[:1_000_000]
    judge(config, FILLER)
    started = time.process_time()
    judge(config, text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("content", "fields", "says"),
    [
        (None, (), "cannot be read"),
        ("not json", (), "line 1 of .* is no JSON"),
        ('{"query": "x"}', ("question",), "has no text in question"),
        ("", (), "has no text in any field"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(tmp_path, content, fields, says) -> None:
    path = tmp_path / "bench.jsonl"
    if content is not None:
        path.write_text(content)
    config = DecontaminateConfig(benchmarks=(BenchmarkFile(name="b", path=str(path), fields=fields),))
    with pytest.raises(UserError, match=says):
        judge(config, FILLER)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.jsonl.gz", gzip.compress(b'{"query": "x"}', mtime=0)[:10] + b"\xff" * 12),
        ("b.jsonl.gz", gzip.compress(b'{"query": "x"}', mtime=0)[:-9]),
        ("b.jsonl.zst", zstandard.compress(b'{"query": "x"}')[:-2]),
        ("b.jsonl.zst", b"no frame"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path, name, content) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        read_index((BenchmarkFile(name="b", path=str(path)),), 13, 8, 4, 100)


@pytest.mark.parametrize(("ending", "pack"), [("", bytes), (".gz", gzip.compress), (".zst", zstandard.compress)])
def test_every_item_is_read(tmp_path, ending, pack) -> None:
    """Of a file of several parts; with a line end of prose (U+2028) and half a character in its strings."""
    items = ['{"query": "one\u2028 two"}\n', '{"query": "three \\ud800"}\n']
    path = tmp_path / f"b.jsonl{ending}"
    path.write_bytes(b"".join(pack(item.encode()) for item in items))
    index = read_index((BenchmarkFile(name="b", path=str(path)),), 13, 8, 4, 100)
    assert [item.passages for item in index.items] == [("one\u2028 two",), ("three \ufffd",)]


def test_settings_change_with_what_is_in_the_file(config) -> None:
    before = config.signature_settings()
    path = Path(config.benchmarks[0].path)
    path.write_text(path.read_text() + "\n" + json.dumps({"query": FILLER}))
    assert config.signature_settings() != before


def test_without_benchmarks_it_is_no_stage() -> None:
    assert DecontaminateConfig().stages() == ()


def test_words_are_compared_without_case_marks_and_punctuation() -> None:
    one, other = (hash_words(text.encode(), fold_table()) for text in ("Déjà-vu, twice!", "deja vu TWICE"))
    assert len(one) == 2 and one[1] == other[2]
