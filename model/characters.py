"""What tokens are made of, as far as a model needs it: their bytes, and which begin or end inside a word."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import numpy.typing as npt

PADDING, WORD_BEGIN, WORD_END, SPECIAL = 0, 257, 258, 259
"""Character ids beside the bytes, which are 1 to 256. Source: allenai/bilm-tf, bilm/data.py, UnicodeCharsVocabulary."""

_PRINTABLE: Final = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]


def token_bytes(tokenizer: str, size: int) -> list[bytes]:
    """What each id stands for; nothing for special tokens and for ids the tokenizer has not.

    Args:
        tokenizer: Content of a tokenizer.json.
        size: Ids in all.
    """
    spec = json.loads(tokenizer)
    vocab = spec.get("model", {}).get("vocab", {})
    pairs = vocab.items() if isinstance(vocab, dict) else ((entry[0], number) for number, entry in enumerate(vocab))
    special = {token["id"] for token in spec.get("added_tokens", [])}
    over_bytes = (spec.get("decoder") or {}).get("type") == "ByteLevel"
    table = [b""] * size
    for token, number in pairs:
        if number < size and number not in special:
            table[number] = _spelt(token) if over_bytes else token.replace("▁", " ").removeprefix("##").encode()
    return table


def letters_of(table: list[bytes], most: int) -> npt.NDArray[np.int32]:
    """Character ids of each token for `model.bilstm`, int32[V, most]: its bytes between two marks, then padding."""
    letters = np.full((len(table), most), PADDING, np.int32)
    for number, word in enumerate(table):
        inside = [byte + 1 for byte in word[: most - 2]] or [SPECIAL]
        letters[number, : len(inside) + 2] = [WORD_BEGIN, *inside, WORD_END]
    return letters


def word_edges(table: list[bytes]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether each token begins, and ends, with something else than a letter, a digit or part of a character."""
    inner = {*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B), *range(0x80, 0x100)}
    opens = np.array([not word or word[0] not in inner for word in table], bool)
    closes = np.array([not word or word[-1] not in inner for word in table], bool)
    return opens, closes


def _spelt(token: str) -> bytes:
    return bytes(_BYTES[letter] for letter in token)


def _byte_of_letter() -> dict[str, int]:
    """GPT-2's letters for the 256 bytes: printable ones stand for themselves, the rest for U+0100 and on."""
    others = [byte for byte in range(256) if byte not in _PRINTABLE]
    return {chr(byte): byte for byte in _PRINTABLE} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


_BYTES: Final = _byte_of_letter()
