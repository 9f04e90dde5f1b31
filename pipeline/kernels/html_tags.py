"""HTML element names as small numbers, and what kind of element each is.

Source: WHATWG HTML, parsing, https://html.spec.whatwg.org/#parsing
"""

from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import inlined

INLINE, BLOCK, VOID, RAW, UNSEEN, ROOT = range(6)
"""Kinds: text flows through; stands alone; has no end; holds no tags; holds nothing a reader sees; html, head, body."""

_NAMES = {
    INLINE: "a abbr b code del em font i ins kbd label mark q s small span strike strong sub sup time tt u var",
    BLOCK: "address article aside blockquote caption center custom dd details dialog dir div dl dt fieldset figcaption"
    " figure footer form h1 h2 h3 h4 h5 h6 header hgroup legend li main menu nav ol p pre search section summary table"
    " tbody td tfoot th thead tr ul button listing noscript",
    VOID: "area base br col embed hr img input link meta param source track wbr",
    RAW: "script style textarea title xmp iframe noembed noframes",
    UNSEEN: "annotation audio canvas datalist map object select svg template video",
    ROOT: "html head body",
}
TAGS: tuple[str, ...] = ("", *(name for names in _NAMES.values() for name in names.split()))
"""Element names by number; 0 is any other name, an inline element."""
TAG = {name: number for number, name in enumerate(TAGS)}
KINDS = np.array([INLINE, *(kind for kind, names in _NAMES.items() for _ in names.split())], np.uint8)

_SLOTS = 1024
_MIX = np.uint64(0x9E3779B97F4A7C15)
_NAME_BYTES = 8  # of a name, as many tell it from all others


@inlined
def _slot(name):  # type: ignore[no-untyped-def]
    return np.int64((name * _MIX) >> np.uint64(54))


def _pack(name: str) -> int:
    return int.from_bytes(name.encode()[:_NAME_BYTES], "little")


def _table() -> tuple[np.ndarray, np.ndarray]:
    names, numbers = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.uint8)
    for number, name in enumerate(TAGS[1:], start=1):
        slot = (_pack(name) * int(_MIX) % (1 << 64)) >> 54
        while names[slot]:
            slot = (slot + 1) % _SLOTS
        names[slot], numbers[slot] = _pack(name), number
    return names, numbers


NAMES, NUMBERS = _table()


@inlined
def find_tag(name):  # type: ignore[no-untyped-def]
    """The number of a name given as its first eight bytes in lower case, little-endian; 0 where unknown."""
    slot = _slot(name)
    while NAMES[slot] != 0:
        if NAMES[slot] == name:
            return NUMBERS[slot]
        slot = (slot + 1) & (_SLOTS - 1)
    return np.uint8(0)


def tags_table(*names: str) -> np.ndarray:
    """bool[tags]: which elements are among these."""
    table = np.zeros(len(TAGS), np.bool_)
    table[[TAG[name] for name in names]] = True
    return table
