"""Byte-level BPE: trained on the corpus with HF `tokenizers`, encoded by tiktoken where ids are the same.

The saved form is a `tokenizer.json` that `transformers` loads. A trained one lists every way of making each
token, in the order of the tokens' ids (as Llama 3's does), so "apply the first merge" (HF) and "make the
token with the smallest id" (tiktoken) are the same rule, and the faster one may be used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import tiktoken
import tokenizers
from pydantic import Field
from tokenizers import decoders, models, pre_tokenizers, trainers

from storage.errors import UserError
from storage.schema import Section

TokenIds = npt.NDArray[np.unsignedinteger[Any]]
"""uint16 where the vocabulary has at most 65,536 ids, else uint32."""

PIECE_PATTERN: Final = (
    r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How text is cut before any merge: Llama 3's pattern, digits in groups of up to three. Its
`(?i:'s|'t|...)` is spelt out, because regex engines fold case differently beyond ASCII.
Source: meta-llama/llama3, llama/tokenizer.py."""


MAX_IDS: Final = 2**18
"""Largest vocabulary: twice Llama 3's, so that any published byte-level one fits."""


class TokensConfig(Section):
    """How text becomes fixed sequences of token ids."""

    vocab_size: int = Field(
        32_768,
        ge=512,
        le=MAX_IDS,
        description="tokens in all, bytes and special tokens included; ids are uint16 up to 65,536, else uint32",
    )
    sequence_length: int = Field(
        2_048,
        ge=8,
        le=131_072,
        description="tokens a model sees at once; stored sequences have one more, the target",
    )
    packing: Literal["concatenate", "best_fit"] = Field(
        "concatenate",
        description="documents end to end, cut anywhere; or best_fit: only those longer than a sequence are cut, "
        "and padding fills what is left",
    )
    min_frequency: int = Field(2, ge=1, description="times a pair must occur in the sample to become a token")
    sample_bytes: int = Field(
        100_000_000,
        ge=1,
        description="text the tokenizer is trained on: the corpus's first documents, held-out ones left out",
    )
    held_out_frac: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="share of documents, chosen by a hash of their id, that no training ever sees",
    )
    seed: int = Field(0, description="of the choice of held-out documents")
    end_of_document: str = Field("<|end_of_text|>", min_length=1, description="special token after every document")
    padding: str = Field("<|padding|>", min_length=1, description="special token that fills a shard's last sequence")
    special_tokens: tuple[str, ...] = Field((), description="further special tokens to reserve ids for")


def is_held_out(doc_id: str, config: TokensConfig) -> bool:
    """Whether a document is kept for evaluation: a matter of its id and the seed, never of its place."""
    digest = hashlib.blake2b(f"{config.seed}:{doc_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < config.held_out_frac * 2**64


def train_tokenizer(texts: Iterable[str], config: TokensConfig) -> str:
    """Train a byte-level BPE; gives the content of its `tokenizer.json`, the same for the same texts.

    Ids: special tokens (end of document first, padding second), then the 256 bytes, then merges by frequency.
        A sample too small for `vocab_size` gives a smaller vocabulary.
    """
    tokenizer = tokenizers.Tokenizer(models.BPE(ignore_merges=True))
    cut = pre_tokenizers.Split(tokenizers.Regex(PIECE_PATTERN), "isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    specials = list(dict.fromkeys((config.end_of_document, config.padding, *config.special_tokens)))
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        special_tokens=specials,
        initial_alphabet=sorted(_BYTE_OF_LETTER),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _with_every_merge(json.loads(tokenizer.to_str()))


class Tokenizer:
    """Text to ids and back. Text that spells a special token is text: only packing writes special tokens.

    Args:
        content: Content of a byte-level `tokenizer.json`, ours or another's.
        end_of_document, padding: Names of those special tokens in it.

    Attributes:
        digest: sha256 of `content`, hexadecimal; sequences carry it.
        dtype: Type of its ids: uint16 or uint32.
        vocab_size: Number of ids.
        end_id, pad_id: Ids of the two special tokens.
        is_fast: Whether tiktoken encodes (else HF `tokenizers`, about four times slower; same ids).

    Raises:
        UserError: Not a byte-level tokenizer, more than `MAX_IDS` ids, or a special token it does not have.
    """

    def __init__(self, content: str, end_of_document: str, padding: str) -> None:
        spec = _read_spec(content)
        self.digest = hashlib.sha256(content.encode()).hexdigest()
        specials = {token["content"]: token["id"] for token in spec["added_tokens"]}
        self._bytes = _token_bytes(spec["model"]["vocab"], specials)
        self.vocab_size = len(self._bytes)
        self.dtype = np.dtype(np.uint16 if self.vocab_size <= 2**16 else np.uint32)
        self.end_id, self.pad_id = _special(specials, end_of_document), _special(specials, padding)
        self._slow = tokenizers.Tokenizer.from_str(content)
        self._slow.encode_special_tokens = True  # that is: as the text they are
        self._tiktoken = _as_tiktoken(spec, specials)
        self.is_fast = self._tiktoken is not None

    def encode(self, text: str) -> TokenIds:
        """Ids of a text, `dtype`[tokens]; no special tokens."""
        if self._tiktoken is not None:
            return self._tiktoken.encode_to_numpy(text, disallowed_special=()).astype(self.dtype)
        return np.array(self._slow.encode(text, add_special_tokens=False).ids, self.dtype)

    def encode_slowly(self, text: str) -> TokenIds:
        """The same through HF `tokenizers`: the independent twin that tests and benchmarks compare with."""
        return np.array(self._slow.encode(text, add_special_tokens=False).ids, self.dtype)

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes the ids stand for; one token may be part of a character."""
        return b"".join(self._bytes[token] for token in ids)

    def decode(self, ids: Iterable[int]) -> str:
        """The text the ids stand for, `decode(encode(text)) == text`; bytes not UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", "replace")


def _byte_of_letter() -> dict[str, int]:
    """GPT-2's letters for the 256 bytes: printable ones stand for themselves, the rest for U+0100 and on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


_BYTE_OF_LETTER: Final = _byte_of_letter()


def _with_every_merge(spec: dict[str, Any]) -> str:
    """The tokenizer with its merges completed, so that HF's rule and tiktoken's are one."""
    spec["model"]["merges"] = _every_merge(spec["model"]["vocab"])
    return json.dumps(spec, ensure_ascii=False, indent=1)


def _every_merge(vocab: dict[str, int]) -> list[list[str]]:
    """Every pair of tokens that makes a token, by the id of what it makes, then of its left part."""
    merges: list[list[str]] = []
    for token in sorted(vocab, key=vocab.__getitem__):
        pairs = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [pair for pair in pairs if pair[0] in vocab and pair[1] in vocab]
        merges.extend([*pair] for pair in sorted(known, key=lambda pair: vocab[pair[0]]))
    return merges


def _read_spec(content: str) -> dict[str, Any]:
    try:
        spec = json.loads(content)
        kind, decoder = spec["model"]["type"], (spec.get("decoder") or {}).get("type")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("this is no tokenizer.json.", "Winnow reads what HF `tokenizers` saves.") from error
    if kind != "BPE" or decoder != "ByteLevel":
        raise UserError(f"this tokenizer is a {kind} with a {decoder} decoder.", "Winnow needs a byte-level BPE.")
    if len(spec["model"]["vocab"]) > MAX_IDS:
        raise UserError(f"this tokenizer has {len(spec['model']['vocab']):,} tokens.", f"At most {MAX_IDS:,} will do.")
    return dict(spec)


def _token_bytes(vocab: dict[str, int], specials: dict[str, int]) -> list[bytes]:
    """What each id stands for."""
    table = [b""] * (max([*vocab.values(), *specials.values()]) + 1)
    for token, number in vocab.items():
        if token not in specials:
            table[number] = _raw(token)
    for token, number in specials.items():
        table[number] = token.encode()
    return table


def _raw(token: str) -> bytes:
    return bytes(_BYTE_OF_LETTER[letter] for letter in token)


def _special(specials: dict[str, int], name: str) -> int:
    if name not in specials:
        known = ", ".join(specials) or "none"
        raise UserError(
            f"this tokenizer has no special token {name!r}; it has: {known}.", "Set tokens.end_of_document."
        )
    return specials[name]


def _as_tiktoken(spec: dict[str, Any], specials: dict[str, int]) -> tiktoken.Encoding | None:
    """tiktoken's form, where it provably encodes as HF does; None otherwise."""
    pattern = _piece_pattern(spec)
    vocab = {token: number for token, number in spec["model"]["vocab"].items() if token not in specials}
    complete = spec["model"].get("ignore_merges") and _pairs(spec["model"]["merges"]) == _every_merge(vocab)
    if pattern is None or not complete or not set(_BYTE_OF_LETTER) <= vocab.keys():
        return None
    ranks = {_raw(token): number for token, number in vocab.items()}
    return tiktoken.Encoding("corpus", pat_str=pattern, mergeable_ranks=ranks, special_tokens=specials)


def _pairs(merges: Sequence[str | list[str]]) -> list[list[str]]:
    """Merges in today's form; older files write "left right"."""
    return [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]


def _piece_pattern(spec: dict[str, Any]) -> str | None:
    """The pattern of "split by it, then bytes" without anything else; None for other arrangements."""
    steps = (spec["pre_tokenizer"] or {}).get("pretokenizers", [])
    if spec.get("normalizer") is not None or [step["type"] for step in steps] != ["Split", "ByteLevel"]:
        return None
    cut, to_bytes = steps
    plain = cut["behavior"] == "Isolated" and not cut["invert"]
    plain &= not to_bytes["add_prefix_space"] and not to_bytes["use_regex"]
    return cut["pattern"].get("Regex") if plain else None
