"""The polysemy figure's data: one dot for a word that has one vector, many where every use has its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flows.embedding.static_vectors import StaticVectors
from pipeline.embedding.measures import Vectors, project
from pipeline.embedding.uses import Use

NEIGHBOURS = 8
SHOWN_CHARS = 110
"""Of a passage, to either side of the word."""


def figure_data(
    drawn: Mapping[str, Sequence[tuple[Use, bool, Vectors]]], static: StaticVectors
) -> list[dict[str, Any]]:
    """For each word its static vector among its neighbours, and its uses in the plane of each layer.

    Args:
        drawn: Word to its uses: the use, whether it was written for a sense (else it is the corpus's), its vectors,
            float32[layers + 1, width].
        static: Where the word's neighbours are looked for.
    """
    return [
        {"word": word, "static": _static(word, static), "uses": [_told(use, written) for use, written, _ in uses]}
        | {"layers": _layers(np.stack([vectors for _, _, vectors in uses]))}
        for word, uses in drawn.items()
        if len(uses) > 1
    ]


def _static(word: str, static: StaticVectors) -> dict[str, Any] | None:
    """The word's dot and its neighbours', in the plane of their principal components; None: it has no vector."""
    if word not in static:
        return None
    near = [(word, 1.0), *static.neighbours(word, NEIGHBOURS)]
    points, shares = project(np.stack([static[name] for name, _ in near]))
    told = {"names": [name for name, _ in near], "cosines": [round(cosine, 3) for _, cosine in near]}
    return told | {"points": _rounded(points), "shares": _rounded(shares)}


def _layers(vectors_NLD: Vectors) -> list[dict[str, Any]]:
    found = []
    for layer in range(vectors_NLD.shape[1]):
        points, shares = project(vectors_NLD[:, layer])
        found.append({"points": _rounded(points), "shares": _rounded(shares)})
    return found


def _told(use: Use, written: bool) -> dict[str, Any]:
    first, last = max(0, use.start - SHOWN_CHARS), use.stop + SHOWN_CHARS
    return {
        "before": ("…" if first else "") + use.text[first : use.start],
        "word": use.text[use.start : use.stop],
        "after": use.text[use.stop : last] + ("…" if last < len(use.text) else ""),
        "label": use.label,
        "written": written,
    }


def _rounded(values: Any) -> Any:
    """Four significant digits of the largest: what can be drawn."""
    most = float(np.abs(values).max()) or 1.0
    places = 4 - int(np.floor(np.log10(most)))
    return np.round(np.asarray(values, np.float64), places).tolist()
