"""The tokenizer: exact round trips, two engines with the same ids, the same file for the same text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as HfTokenizer
from tokenizers import decoders, models

from pipeline.tokens import Tokenizer, adopt_tokenizer, train_tokenizer
from pipeline.tokens_config import TokensConfig
from storage.errors import UserError

TEXTS = [
    "The quick brown fox jumps over the lazy dog. It's 1234567 o'clock, we'll see!\n\n\n  Indented text.\r\n",
    "Größe, naïve, Straße — “quotes” … 中文字符没有空格 日本語テキスト العربية हिन्दी 🙂🙂👩‍👩‍👧",
    "aaaaaaaaaaaaaaaaaaaa abababababab bbbbabbbbb def f(x):\n\treturn x ** 2  # comment\n" * 5,
    "    \t\t   \u00a0\u2003 spaces \u200b zero \x00 control \x7f '' 'S 'LL don'T 12 345 6789",
] * 3
CONFIG = TokensConfig(vocab_size=700, sequence_length=16)


@pytest.fixture(scope="module")
def content() -> str:
    return train_tokenizer(TEXTS, CONFIG)


@pytest.fixture(scope="module")
def tokenizer(content: str) -> Tokenizer:
    return load(content)


def load(content: str) -> Tokenizer:
    return Tokenizer(content, CONFIG.end_of_document, CONFIG.padding)


HOSTILE = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="ab \n'sS12é中🙂\u0301", max_size=300),
    st.lists(st.sampled_from(TEXTS), max_size=3).map("".join),
)


@settings(max_examples=300, deadline=None)
@given(HOSTILE)
@example("")
@example("<|end_of_text|>[PAD]")
@example("'ſ 'K 'ﬆ")
@example("a" * 5000 + " " * 5000 + "b")
def test_round_trip_is_exact_and_both_engines_agree(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert ids.tolist() == tokenizer.encode_slowly(text).tolist()
    assert tokenizer.end_id not in ids and tokenizer.pad_id not in ids


@pytest.mark.parametrize("text", ["\ud800", "half \udfff of one", "\udcff"])
def test_half_a_character_is_told(tokenizer: Tokenizer, text: str) -> None:
    """JSON may spell one, and an argument that is not UTF-8 has them."""
    for encode in (tokenizer.encode, tokenizer.encode_slowly, tokenizer.encode_with_offsets):
        with pytest.raises(UserError, match="half a character"):
            encode(text)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="abc ", min_size=1, max_size=60), min_size=1, max_size=8))
def test_engines_agree_for_any_training_text(texts: list[str]) -> None:
    """Repetitive text makes merges that reach one token in several ways: where the engines could differ."""
    trained = load(train_tokenizer(texts, TokensConfig(vocab_size=600, min_frequency=1)))
    assert trained.is_fast
    for text in [*texts, "".join(texts), "aaaaabbbbbcccccabcabc" * 3]:
        assert trained.encode(text).tolist() == trained.encode_slowly(text).tolist()


def test_engines_agree_on_real_text(shared_data: Path) -> None:
    texts = []
    for file in sorted((shared_data / "text").glob("*.jsonl.zst")):
        with file.open("rb") as stream:
            head = zstandard.ZstdDecompressor().stream_reader(stream).read(200_000)
        texts += [json.loads(line)["text"] for line in head.splitlines()[:-1]]
    trained = load(train_tokenizer(texts, TokensConfig(vocab_size=2048)))
    assert trained.is_fast and trained.vocab_size == 2048
    for text in texts:
        ids = trained.encode(text)
        assert trained.decode(ids) == text
        assert ids.tolist() == trained.encode_slowly(text).tolist()


def test_training_gives_the_same_file_again(content: str) -> None:
    assert train_tokenizer(TEXTS, CONFIG) == content


def test_digits_are_cut_in_threes_and_specials_come_first(tokenizer: Tokenizer) -> None:
    assert (tokenizer.end_id, tokenizer.pad_id) == (0, 1)
    pieces = [tokenizer.decode([token]) for token in tokenizer.encode("1234567")]
    assert all(len(piece) <= 3 for piece in pieces)


def test_a_character_may_take_several_tokens(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("🐘")
    assert len(ids) > 1 and tokenizer.decode_bytes(ids.tolist()) == "🐘".encode()
    assert tokenizer.decode(ids[:1]) == "\ufffd"


def test_transformers_loads_the_file(content: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(content)
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(file))
    for text in TEXTS:
        assert theirs.encode(text, add_special_tokens=False) == tokenizer.encode(text).tolist()


def test_a_tokenizer_with_other_merges_is_encoded_by_its_own_engine(content: str) -> None:
    spec = json.loads(content)
    spec["model"]["merges"] = spec["model"]["merges"][::-1]
    other = load(json.dumps(spec))
    assert not other.is_fast
    for text in TEXTS:
        assert other.decode(other.encode(text)) == text
    assert other.decode(other.encode("[PAD]")) == "[PAD]"
    assert other.pad_id not in other.encode("[PAD]")


@pytest.mark.parametrize("bad", ["", "{}", "[1]", '{"model": {"type": "BPE"}}'])
def test_other_files_are_refused_in_words(bad: str) -> None:
    with pytest.raises(UserError):
        load(bad)


def test_a_missing_special_token_is_named(content: str) -> None:
    with pytest.raises(UserError, match="<eot>"):
        Tokenizer(content, "<eot>", CONFIG.padding)


def test_tokenizers_have_what_encoders_need(content: str, tmp_path: Path) -> None:
    tokenizer = load(content)
    assert list(tokenizer.specials) == ["<|end_of_text|>", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]
    file = tmp_path / "tokenizer.json"
    file.write_text(content)
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(file), cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]", pad_token="[PAD]"
    )
    assert theirs.mask_token_id == tokenizer.special_id("[MASK]") == 4
    assert theirs("a [MASK] b", add_special_tokens=False)["input_ids"].count(4) == 1
    assert 4 not in tokenizer.encode("a [MASK] b")  # in a corpus it is text


def test_a_foreign_tokenizer_gets_the_special_tokens_it_lacks() -> None:
    theirs = HfTokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2, "[SEP]": 3}, unk_token="[UNK]"))
    theirs.decoder = decoders.WordPiece()
    theirs.add_special_tokens(["[SEP]"])
    content, added = adopt_tokenizer(theirs.to_str(), CONFIG)
    assert added == ["<|end_of_text|>", "[PAD]", "[CLS]", "[MASK]"]
    tokenizer = load(content)
    assert not tokenizer.is_exact and tokenizer.specials["[SEP]"] == 3 and tokenizer.end_id == 4
    assert tokenizer.encode("ab").tolist() == [1, 2] and tokenizer.decode([1, 2]) == "ab"
    assert adopt_tokenizer(content, CONFIG) == (content, [])
