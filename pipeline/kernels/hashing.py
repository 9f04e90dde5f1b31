"""The 64-bit hashes of the text kernels: of UTF-8, eight bytes at a time; and of code points one by one, as they come.

`hash_bytes` is that of a batch's words and lines, which stand in a buffer: it waits once for eight bytes. `hash_text`
is that of language models' words, which are spelled on the way: FNV-1a over code points. Both end in a mixing step and
are the same in every process, on every machine (little-endian) and Python: they are compared with those of other runs.
Source: Fowler, Noll, Vo (FNV-1a); Steele, Lea, Flood (2014), SplitMix64's finaliser.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pipeline.kernels.compiled import inlined
from pipeline.kernels.machine import load64

SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
_WORD = 8
_LENGTH = np.uint64(0x9E3779B97F4A7C15)
_MASK = 0xFFFFFFFFFFFFFFFF
_ALL = np.uint64(_MASK)


@inlined
def add_point(state, point):
    """State after one more code point."""
    return (state ^ np.uint64(point)) * _PRIME


@inlined
def finish(state):
    """The hash: every bit of the state in every bit of the result."""
    state = (state ^ (state >> _S30)) * _MIX_1
    state = (state ^ (state >> _S27)) * _MIX_2
    return state ^ (state >> _S31)


@inlined
def combine(sequence, word):
    """Hash of a sequence of hashes and one more: order counts."""
    return finish(sequence * _PRIME + word)


@inlined
def hash_slice(data, address, start, end):
    """Hash of `data[start:end]` (uint8); `address` is where the array's memory begins.

    At least two parts of eight bytes, zero where the text has none, so that the length of nearly no word is a branch.
    Each step is one to one in what was hashed before: texts of up to eight bytes never share a hash with others of
    their length.
    """
    state, start, size = _hash_most(address, start, end)
    if start + 2 * _WORD <= len(data):
        return _hash_rest(address, state, start, size)
    state = _mix(state, _load_slowly(data, start, min(size, _WORD)))
    return finish(_mix(state, _load_slowly(data, start + _WORD, size - _WORD)))


@inlined
def hash_padded(address, start, end):
    """The same of memory that goes on for two parts at least."""
    state, start, size = _hash_most(address, start, end)
    return _hash_rest(address, state, start, size)


@inlined
def _hash_most(address, start, end):
    """All but the last two parts: the state, where these begin, and their bytes."""
    size = end - start
    state = SEED + np.uint64(size) * _LENGTH
    while size > 2 * _WORD:
        state = _mix(state, load64(address + start))
        start += _WORD
        size -= _WORD
    return state, start, size


@inlined
def _hash_rest(address, state, start, size):
    first, second = min(size, _WORD), max(size - _WORD, 0)
    state = _mix(state, load64(address + start) & low_bytes(first))
    return finish(_mix(state, load64(address + start + _WORD) & low_bytes(second)))


@inlined
def _mix(state, part):
    state = (state ^ part) * _MIX_1
    return state ^ (state >> _S32)


@inlined
def low_bytes(count):
    """A number with the lowest 0 to 8 bytes set."""
    half = np.uint64(4 * count)
    return ~((_ALL << half) << half)


@inlined
def _load_slowly(data, start, count):
    """Bytes as a number where eight would be beyond the array; 0 for none."""
    part = np.uint64(0)
    for i in range(count):
        part |= np.uint64(data[start + i]) << np.uint64(8 * i)
    return part


@inlined
def has_slot(slots, factor, shift, word):
    """Whether a number is one of those `slots_of` was given: one multiplication and one look, no branch."""
    return slots[(word * factor) >> shift] == word


def slots_of(words: Iterable[bytes]) -> tuple[np.ndarray, np.uint64, np.uint64]:
    """Words of one to eight bytes as numbers (little-endian), each in a slot of its own: uint64[slots], and the factor
    and the shift that bring a word to its slot."""
    numbers = [int.from_bytes(word, "little") for word in words]
    shift = 64 - max(12, 2 * len(numbers).bit_length() - 3)  # so many slots that some factor of the first dozens does
    factors = range(0x9E3779B97F4A7C15, 1 << 64, 1 << 33)
    factor = next(f for f in factors if len({_slot(word, f, shift) for word in numbers}) == len(numbers))
    slots = np.zeros(1 << (64 - shift), np.uint64)
    slots[0] = 1  # of all words only 0, a NUL, comes here unlisted
    for word in numbers:
        slots[_slot(word, factor, shift)] = word
    return slots, np.uint64(factor), np.uint64(shift)


def _slot(word: int, factor: int, shift: int) -> int:
    return ((word * factor) & _MASK) >> shift


def hash_bytes(text: str) -> np.uint64:
    """The hash a word or line of exactly this text has in a batch."""
    data = text.encode()
    state = (int(SEED) + len(data) * int(_LENGTH)) & _MASK
    for start in range(0, max(len(data), 2 * _WORD), _WORD):
        state = ((state ^ int.from_bytes(data[start : start + _WORD], "little")) * int(_MIX_1)) & _MASK
        state ^= state >> 32
    return _finish_plainly(state)


def hash_text(text: str) -> np.uint64:
    """The hash a language model's word of exactly this text has."""
    state = int(SEED)
    for c in text:
        state = ((state ^ ord(c)) * int(_PRIME)) & _MASK
    return _finish_plainly(state)


def _finish_plainly(state: int) -> np.uint64:
    """`finish` without a compiler, which a dozen short words are not worth."""
    state = ((state ^ (state >> 30)) * int(_MIX_1)) & _MASK
    state = ((state ^ (state >> 27)) * int(_MIX_2)) & _MASK
    return np.uint64(state ^ (state >> 31))
