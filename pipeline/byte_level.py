"""Byte-level BPE as two engines see it: HF's `tokenizer.json`, and tiktoken's ranks where both give the same ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import tiktoken


def _byte_of_letter() -> dict[str, int]:
    """GPT-2's letters for the 256 bytes: printable ones stand for themselves, the rest for U+0100 and on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


BYTE_OF_LETTER: Final = _byte_of_letter()


def is_byte_level(spec: dict[str, Any]) -> bool:
    """Whether a tokenizer.json is a BPE over bytes: any text in, the same text out."""
    return spec["model"]["type"] == "BPE" and (spec.get("decoder") or {}).get("type") == "ByteLevel"


def with_every_merge(spec: dict[str, Any]) -> str:
    """The tokenizer with its merges completed, so that HF's rule and tiktoken's are one."""
    spec["model"]["merges"] = _every_merge(spec["model"]["vocab"])
    return json.dumps(spec, ensure_ascii=False, indent=1)


def token_bytes(vocab: dict[str, int], specials: dict[str, int]) -> list[bytes]:
    """What each id of a byte-level tokenizer stands for."""
    table = [b""] * (max([*vocab.values(), *specials.values()]) + 1)
    for token, number in vocab.items():
        if token not in specials:
            table[number] = _raw(token)
    for token, number in specials.items():
        table[number] = token.encode()
    return table


def as_tiktoken(spec: dict[str, Any], specials: dict[str, int]) -> tiktoken.Encoding | None:
    """tiktoken's form, where it provably encodes as HF does; None otherwise."""
    pattern = _piece_pattern(spec)
    vocab = {token: number for token, number in spec["model"]["vocab"].items() if token not in specials}
    complete = spec["model"].get("ignore_merges") and _pairs(spec["model"]["merges"]) == _every_merge(vocab)
    if pattern is None or not complete or not set(BYTE_OF_LETTER) <= vocab.keys():
        return None
    ranks = {_raw(token): number for token, number in vocab.items()}
    return tiktoken.Encoding("corpus", pat_str=pattern, mergeable_ranks=ranks, special_tokens=specials)


def _raw(token: str) -> bytes:
    return bytes(BYTE_OF_LETTER[letter] for letter in token)


def _every_merge(vocab: dict[str, int]) -> list[list[str]]:
    """Every pair of tokens that makes a token, by the id of what it makes, then of its left part."""
    merges: list[list[str]] = []
    for token in sorted(vocab, key=vocab.__getitem__):
        pairs = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [pair for pair in pairs if pair[0] in vocab and pair[1] in vocab]
        merges.extend([*pair] for pair in sorted(known, key=lambda pair: vocab[pair[0]]))
    return merges


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
