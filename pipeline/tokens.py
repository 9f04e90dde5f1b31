"""Byte-level BPE: trained on the corpus with HF `tokenizers`, encoded by tiktoken where ids are the same.

The saved form is a `tokenizer.json` that `transformers` loads. A trained one lists every way of making each
token, in the order of the tokens' ids (as Llama 3's does), so "apply the first merge" (HF) and "make the
token with the smallest id" (tiktoken) are the same rule, and the faster one may be used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from pipeline.byte_level import BYTE_OF_LETTER, as_tiktoken, is_byte_level, token_bytes, with_every_merge
from pipeline.tokens_config import MAX_IDS, TokensConfig
from storage.errors import UserError

TokenIds = npt.NDArray[np.unsignedinteger[Any]]
"""uint16 where the vocabulary has at most 65,536 ids, else uint32."""

PIECE_PATTERN: Final = (
    r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How text is cut before any merge: Llama 3's pattern, digits in groups of up to three. Its
`(?i:'s|'t|...)` is spelt out, because regex engines fold case differently beyond ASCII.
Source: meta-llama/llama3, llama/tokenizer.py."""


def train_tokenizer(texts: Iterable[str], config: TokensConfig) -> str:
    """Train a byte-level BPE; gives the content of its `tokenizer.json`, the same for the same texts.

    Ids: special tokens (end of document first, padding second, then the encoder's), the 256 bytes, merges by frequency.
        A sample too small for `vocab_size` gives a smaller vocabulary.
    """
    tokenizer = tokenizers.Tokenizer(models.BPE(ignore_merges=True))
    cut = pre_tokenizers.Split(tokenizers.Regex(PIECE_PATTERN), "isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        special_tokens=config.all_special_tokens,
        initial_alphabet=sorted(BYTE_OF_LETTER),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return with_every_merge(json.loads(tokenizer.to_str()))


def adopt_tokenizer(content: str, config: TokensConfig) -> tuple[str, list[str]]:
    """Someone else's tokenizer.json, with the special tokens it lacks added behind its last id; and those tokens.

    Raises:
        UserError: It is no tokenizer.json.
    """
    spec, tokenizer = _read(content)
    known = {token["content"] for token in spec["added_tokens"]}
    missing = [token for token in config.all_special_tokens if token not in known]
    if not missing:
        return content, []
    tokenizer.add_special_tokens(missing)
    return tokenizer.to_str(), missing


class Tokenizer:
    """Text to ids and back. Text that spells a special token is text: only packing writes special tokens.

    Args:
        content: Content of a `tokenizer.json`, ours or another's.
        end_of_document, padding: Names of those special tokens in it.

    Attributes:
        digest: sha256 of `content`, hexadecimal; sequences carry it.
        dtype: Type of its ids: uint16 or uint32.
        vocab_size: Number of ids.
        specials: Ids of its special tokens, by name.
        end_id, pad_id: Ids of the two that every token set needs.
        is_exact: Whether decoding what was encoded gives the same text: byte-level ones only. Others (WordPiece,
            SentencePiece) may fold case or lose white space.
        is_fast: Whether tiktoken encodes (else HF `tokenizers`, about four times slower; same ids).

    Raises:
        UserError: No tokenizer.json, more than `MAX_IDS` ids, or a special token it does not have.
    """

    def __init__(self, content: str, end_of_document: str, padding: str) -> None:
        spec, self._slow = _read(content)
        self.digest = hashlib.sha256(content.encode()).hexdigest()
        self.specials = {token["content"]: token["id"] for token in spec["added_tokens"]}
        self._slow.encode_special_tokens = True  # that is: as the text they are
        self._slow.no_padding()
        self._slow.no_truncation()
        self.is_exact = is_byte_level(spec)
        self._bytes = token_bytes(spec["model"]["vocab"], self.specials) if self.is_exact else []
        self.vocab_size = len(self._bytes) or max(self._slow.get_vocab(with_added_tokens=True).values()) + 1
        if self.vocab_size > MAX_IDS:
            raise UserError(f"this tokenizer has {self.vocab_size:,} ids.", f"At most {MAX_IDS:,} will do.")
        self.dtype = np.dtype(np.uint16 if self.vocab_size <= 2**16 else np.uint32)
        self.end_id, self.pad_id = self.special_id(end_of_document), self.special_id(padding)
        self._tiktoken = as_tiktoken(spec, self.specials) if self.is_exact else None
        self.is_fast = self._tiktoken is not None

    def special_id(self, name: str) -> int:
        """The id of a special token.

        Raises:
            UserError: There is none of that name.
        """
        if name not in self.specials:
            known = ", ".join(self.specials) or "none"
            raise UserError(
                f"this tokenizer has no special token {name!r}; it has: {known}.", "Set tokens.end_of_document."
            )
        return int(self.specials[name])

    def encode(self, text: str) -> TokenIds:
        """Ids of a text, `dtype`[tokens]; no special tokens.

        Raises:
            UserError: It has half a character: a surrogate by itself. So do the other two ways to encode.
        """
        if self._tiktoken is None:
            return self.encode_slowly(text)
        with _whole_characters(text):
            return self._tiktoken.encode_to_numpy(text, disallowed_special=()).astype(self.dtype)

    def encode_slowly(self, text: str) -> TokenIds:
        """The same through HF `tokenizers`: the independent twin that tests and benchmarks compare with."""
        with _whole_characters(text):
            return np.array(self._slow.encode(text, add_special_tokens=False).ids, self.dtype)

    def encode_with_offsets(self, text: str) -> tuple[TokenIds, npt.NDArray[np.int64]]:
        """Ids of a text, and of each the characters it stands for: from and up to, int64[tokens, 2].

        Tokens that are parts of one character all stand for it.
        """
        with _whole_characters(text):
            found = self._slow.encode(text, add_special_tokens=False)
        return np.array(found.ids, self.dtype), np.array(found.offsets, np.int64).reshape(-1, 2)

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes the ids stand for; one token may be part of a character."""
        if not self.is_exact:
            return self._slow.decode([int(token) for token in ids], skip_special_tokens=False).encode()
        return b"".join(self._bytes[token] for token in ids)

    def decode(self, ids: Iterable[int]) -> str:
        """The text the ids stand for: where `is_exact` the very text encoded; bytes not UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", "replace")


@contextmanager
def _whole_characters(text: str) -> Iterator[None]:
    try:
        yield
    except (UnicodeEncodeError, TypeError) as error:  # tokenizers takes such a str for no str at all
        if not any("\ud800" <= letter <= "\udfff" for letter in text):
            raise
        raise UserError(
            "a text has half a character: a surrogate by itself.", "It is no Unicode text; repair what wrote it."
        ) from error


def _read(content: str) -> tuple[dict[str, Any], tokenizers.Tokenizer]:
    try:
        return dict(json.loads(content)), tokenizers.Tokenizer.from_str(content)
    except Exception as error:  # the library raises a bare Exception for what it cannot read
        raise UserError("this is no tokenizer.json.", "Winnow reads what HF `tokenizers` saves.") from error
