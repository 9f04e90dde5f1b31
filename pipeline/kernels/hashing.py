"""The one 64-bit hash of the text kernels: FNV-1a over code points, then a mixing step.

Stable across processes, machines and Python versions: hashes are compared with those of other runs.
Source: Fowler, Noll, Vo (FNV-1a); Steele, Lea, Flood (2014), SplitMix64's finaliser.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import inlined

SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_INVERSE = np.uint64(pow(0x100000001B3, -1, 1 << 64))
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)


@inlined
def add_point(state, point):
    """State after one more code point."""
    return (state ^ np.uint64(point)) * _PRIME


@inlined
def drop_point(state, point):
    """State before the last code point was added."""
    return (state * _INVERSE) ^ np.uint64(point)


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
def hash_points(points, start, end):
    """Hash of `points[start:end]`."""
    state = SEED
    for i in range(start, end):
        state = add_point(state, points[i])
    return finish(state)


def hash_text(text: str) -> np.uint64:
    """The hash a word or line of exactly this text has."""
    points = np.array([ord(c) for c in text], np.int32)
    return np.uint64(hash_points(points, 0, len(points)))
