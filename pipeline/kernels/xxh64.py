"""xxHash64 of a slice of bytes, compiled: the hash behind shingles and band keys.

Equal to `xxhash.xxh64_intdigest(data)`, seed 0.

Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md (XXH64).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pipeline.kernels.compiled import compiled, inlined

PRIME_1 = np.uint64(0x9E3779B185EBCA87)
PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
PRIME_3 = np.uint64(0x165667B19E3779F9)
PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
PRIME_5 = np.uint64(0x27D4EB2F165667C5)
ACC_1 = np.uint64(0x60EA27EEADC0B5D6)  # PRIME_1 + PRIME_2 mod 2^64
ACC_4 = np.uint64(0x61C8864E7A143579)  # -PRIME_1 mod 2^64


@inlined
def _rotate(value: np.uint64, bits: int) -> Any:
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


def _loader(word: Any) -> Any:
    """A compiled little-endian load of a `word` (an LLVM integer type) from any address, aligned or not.

    Assembling a word from single bytes costs more than all the rest of the hash. Every 64-bit machine numba
    compiles for is little-endian.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], word.as_pointer())
        return builder.zext(builder.load(pointer, align=1), cgutils.intp_t)

    @intrinsic
    def load(_: Any, address: Any) -> Any:
        return types.uint64(types.intp), generate

    return load


load64, _load32, _load8 = _loader(cgutils.intp_t), _loader(cgutils.int32_t), _loader(cgutils.int8_t)


@inlined
def _round(acc: np.uint64, lane: np.uint64) -> Any:
    return _rotate(acc + lane * PRIME_2, 31) * PRIME_1


@inlined
def _merge(acc: np.uint64, lane_acc: np.uint64) -> Any:
    return (acc ^ _round(np.uint64(0), lane_acc)) * PRIME_1 + PRIME_4


@inlined
def _stripes(at: int, stop: int) -> Any:
    """The accumulator after the whole 32-byte stripes between two addresses."""
    acc_1, acc_2, acc_3, acc_4 = ACC_1, PRIME_2, np.uint64(0), ACC_4
    while at < stop:
        acc_1 = _round(acc_1, load64(at))
        acc_2 = _round(acc_2, load64(at + 8))
        acc_3 = _round(acc_3, load64(at + 16))
        acc_4 = _round(acc_4, load64(at + 24))
        at += 32
    acc = _rotate(acc_1, 1) + _rotate(acc_2, 7) + _rotate(acc_3, 12) + _rotate(acc_4, 18)
    return _merge(_merge(_merge(_merge(acc, acc_1), acc_2), acc_3), acc_4)


@inlined
def _avalanche(acc: np.uint64) -> Any:
    acc = (acc ^ (acc >> np.uint64(33))) * PRIME_2
    acc = (acc ^ (acc >> np.uint64(29))) * PRIME_3
    return acc ^ (acc >> np.uint64(32))


@compiled
def xxh64(address: int, size: int) -> Any:
    """uint64 hash of the `size` bytes at an address: in compiled code, `array.ctypes.data` plus an offset.

    By address, because handing over an array counts references, which costs as much as hashing a shingle. The
    caller keeps the array alive.
    """
    at, end = address, address + size
    acc = PRIME_5
    if size >= 32:
        at = end - size % 32
        acc = _stripes(address, at)
    acc += np.uint64(size)
    while at + 8 <= end:
        acc = _rotate(acc ^ _round(np.uint64(0), load64(at)), 27) * PRIME_1 + PRIME_4
        at += 8
    if at + 4 <= end:
        acc = _rotate(acc ^ _load32(at) * PRIME_1, 23) * PRIME_2 + PRIME_3
        at += 4
    while at < end:
        acc = _rotate(acc ^ _load8(at) * PRIME_5, 11) * PRIME_1
        at += 1
    return _avalanche(acc)
