"""Where personal data can be at all: searching there alone finds what searching everywhere finds."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.kernels import triggers
from pipeline.kernels.trigger_tables import CLASSES, PAIRS
from pipeline.kernels.trigger_tables import KINDS as NUMBERED
from pipeline.pii.spans import KINDS, find_spans
from tests.pii_measures import labelled_texts
from tests.pipeline.pii.test_spans import PIECES

ALL = tuple(kind.name for kind in KINDS)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=20).map("".join) | st.text(max_size=40)


def everywhere(data: np.ndarray, _classes: np.ndarray, _pairs: np.ndarray) -> np.ndarray:
    """The plain twin: any kind can lie anywhere."""
    return np.array([[number, 0, len(data)] for number in range(len(NUMBERED))], np.int64)


def found_everywhere(text: str) -> list:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(triggers, "find_stretches", everywhere)
        return find_spans(text, ALL)


@settings(deadline=None, max_examples=150)
@given(TEXTS)
@example("sent to uscgc aslakhanov\nfpo ae 44941?")
@example("jane <at> example <dot> com, postfach 12, Rue de Vincennes n°374, mac dead.beef.cafe")
@example("-----BEGIN RSA PRIVATE KEY-----\n" + "MIIB" * 900 + "\n-----END RSA PRIVATE KEY-----")
@example("the account holder is John Smith, next of kin: Jane Roe, je m'appelle Anne Roux, ich heiße Udo Mai")
@example("fe80::1 2001:db8:a::ff 2a00:1450:4001:81b::200e hf_abcdefghijKLMNOPqrstuvwxyzABCDEFgh")
def test_nothing_is_lost_by_looking_where_it_can_be(text) -> None:
    assert find_spans(text, ALL) == found_everywhere(text)


def test_nothing_is_lost_in_labelled_texts(shared_data) -> None:
    texts = [text for text, _ in labelled_texts(shared_data, held_out=True)][::3]
    texts = [f"{one} — {other}" for one, other in zip(texts, reversed(texts), strict=True)]
    assert [find_spans(text, ALL) for text in texts] == [found_everywhere(text) for text in texts]


def test_prose_is_passed_over() -> None:
    prose = "It was the best of times, it was the worst of times; and nobody could tell which. " * 50
    data = np.frombuffer(prose.encode(), np.uint8)
    assert len(triggers.find_stretches(data, CLASSES, PAIRS)) == 0


@pytest.mark.parametrize("unit", ["1", "A1B2", "a:", "1.", "-", "_", "@", "12 ", "A" * 20 + "1", "d", "\u00b0", "19"])
def test_stretches_are_in_order_apart_within_the_text_and_take_linear_time(unit) -> None:
    data = np.frombuffer((unit * (400_000 // len(unit))).encode(), np.uint8)
    started = time.process_time()
    rows = triggers.find_stretches(data, CLASSES, PAIRS)
    assert time.process_time() - started < 1
    for number in range(len(NUMBERED)):
        edges = rows[rows[:, 0] == number, 1:].ravel()
        assert np.all(np.diff(edges) > 0) and np.all((edges >= 0) & (edges <= len(data)))
