"""Texts made of pieces: what is carried over is what would be found anew."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.kernels.pieces import Pieces
from tests.pipeline.kernels.test_words import byte_starts
from tests.pipeline.kernels.texts import hard_texts


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[list[str], Pieces, list[str]]:
    """Texts, pieces of them, and what those make."""
    texts = draw(st.lists(hard_texts(), max_size=3))
    starts, ends, broken, offsets, made, first = [], [], [], [0], [], 0
    for text in texts:
        edges = sorted(draw(st.lists(st.integers(0, len(text)), max_size=10)))
        pairs = list(zip(edges[::2], edges[1::2], strict=False))
        breaks = [draw(st.booleans()) and place > 0 for place in range(len(pairs))]
        starts += [first + low for low, _ in pairs]
        ends += [first + high for _, high in pairs]
        broken += breaks
        made.append("".join("\n" * cut + text[low:high] for (low, high), cut in zip(pairs, breaks, strict=True)))
        offsets.append(len(starts))
        first += len(text)
    found = (
        np.array(starts, np.int32),
        np.array(ends, np.int32),
        np.array(broken, np.bool_),
        np.array(offsets, np.int64),
    )
    return texts, Pieces(*found), made


@given(cut_texts())
@settings(deadline=None, max_examples=200)
def test_what_is_carried_over_is_what_would_be_found(cut: tuple[list[str], Pieces, list[str]]) -> None:
    texts, pieces, expected = cut
    made, anew = DocumentBatch.of_texts(texts).of_pieces(pieces), DocumentBatch.of_texts(expected)
    assert made.column("text").to_pylist() == expected
    assert made.utf8.data.tobytes() == anew.utf8.data.tobytes()
    assert made.utf8.offsets.tolist() == anew.utf8.offsets.tolist()
    for mine, other in ((made.characters, anew.characters), (made.chunks, anew.chunks), (made.lines, anew.lines)):
        for name, mine_part, other_part in zip(mine._fields, mine, other, strict=True):
            if name == "byte_index":  # its parts lie further apart where memory was taken for more characters
                assert byte_starts(made.characters) == byte_starts(anew.characters)
                continue
            assert (name, mine_part.tolist()) == (name, other_part.tolist())
            assert mine_part.dtype == other_part.dtype
    assert made.word_counts.tolist() == anew.word_counts.tolist()
    for mine_part, other_part in zip(made.words, anew.words, strict=True):
        assert mine_part.tolist() == other_part.tolist()
