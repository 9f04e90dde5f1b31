"""Plain twins of the compiled kernels: the definitions, as short as Python says them."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise

import numpy as np
import xxhash
from datasketch import MinHash

UNSPACED = (
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9d\U00020000-\U0003ffff]"
)


@cache
def fold_character(character: str) -> str:
    if character.isspace():
        return " "
    if character >= "\U00020000":
        return "" if character >= "\U00040000" else f" {character} "
    parts = unicodedata.normalize("NFD", character.casefold())
    kept = "".join(
        part
        for part in parts
        if unicodedata.category(part)[0] not in "PS" and unicodedata.category(part) not in ("Cc", "Cf", "Mn")
    )
    alone = kept and not character.isdecimal() and re.match(UNSPACED, character)
    return f" {kept} " if alone else kept


def fold_text(text: str, fold_numbers: bool = True) -> str:
    folded = " ".join("".join(map(fold_character, text)).split())
    return re.sub(r"\d+", "0", folded) if fold_numbers else folded


def shingles(text: str, ngram: int = 5, unit: str = "word", fold_numbers: bool = True) -> list[str]:
    folded = fold_text(text, fold_numbers)
    units, glue = (folded.split(), " ") if unit == "word" else (list(folded), "")
    width = min(ngram, len(units))
    return [glue.join(units[i : i + width]) for i in range(len(units) - width + 1)] if units else []


def hash64(shingle: str) -> int:
    return xxhash.xxh64_intdigest(shingle.encode())


def signature(texts: list[str], permutations: int, seed: int = 1) -> np.ndarray:
    """What datasketch makes of these shingles."""
    sketch = MinHash(permutations, seed, hashfunc=lambda data: xxhash.xxh64_intdigest(data) & 0xFFFFFFFF)
    sketch.update_batch([text.encode() for text in texts])
    return sketch.hashvalues


def band_keys(signature: np.ndarray, bands: int, rows: int) -> list[int]:
    limits = range(0, bands * rows + 1, rows)
    return [xxhash.xxh64_intdigest(signature[low:high].astype("<u4").tobytes()) for low, high in pairwise(limits)]


def jaccard(left: str, right: str, **shingling: object) -> float:
    a, b = (set(shingles(text, **shingling)) for text in (left, right))  # type: ignore[arg-type]
    return len(a & b) / len(a | b) if a | b else 0.0


def keep_greedily(pages: int, similar: dict[tuple[int, int], float]) -> dict[int, tuple[int, float]]:
    """Removed page to (survivor, similarity); pages by rank, pairs as (better, worse)."""
    removed: dict[int, tuple[int, float]] = {}
    for page in range(pages):
        near = [(-value, better) for (better, worse), value in similar.items() if worse == page]
        kept = sorted(item for item in near if item[1] not in removed)
        if kept:
            removed[page] = (kept[0][1], -kept[0][0])
    return removed
