"""Lines removed and citations cut: equal to plain Python."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.kernels.line_filter import LINES, FilteredLines, LineLimits, filter_lines
from tests.pipeline.kernels import plain
from tests.pipeline.kernels.texts import hard_texts

POLICY = ("terms of use", "privacy policy", "é")
FINEWEB = LineLimits(max_word_chars=1000, min_words=3, terminal=False, citations=True, javascript=True, policy=True)


def filtered(texts: list[str], limits: LineLimits) -> tuple[list[str], FilteredLines]:
    batch = DocumentBatch.of_texts(texts)
    result = filter_lines(*batch.utf8, batch.characters, batch.chunks, batch.lines, limits, POLICY)
    return batch.of_pieces(result.pieces).texts, result


def limits() -> st.SearchStrategy[LineLimits]:
    return st.builds(
        LineLimits, st.sampled_from([5, 1000]), st.integers(0, 4), *([st.booleans()] * 4)
    )  # fmt: skip


@given(st.lists(hard_texts(), max_size=4), limits())
@settings(deadline=None, max_examples=400)
def test_lines_equal_plain_python(texts: list[str], limits: LineLimits) -> None:
    kept, result = filtered(texts, limits)
    for i, text in enumerate(texts):
        expected, counts = plain.filter_text(text, limits, POLICY)
        assert kept[i] == expected
        assert result.counts[i].tolist() == [*(counts[cause] for cause in plain.CAUSES), counts.total()]
    assert result.counts.shape == (len(texts), LINES + 1)


def test_citations_leave_the_white_space_around_them() -> None:
    text = "[1] One two [12] three[edit].\nFour five six [citation needed]\n[] seven eight nine [x]"
    assert filtered([text], FINEWEB)[0] == ["One two  three.\nFour five six \n seven eight nine [x]"]


def test_case_is_that_of_ascii_letters() -> None:
    """datatrove lowers every letter: there the Kelvin sign is a k, and this line mentions cookies. Not
    here."""
    limits = FINEWEB._replace(min_words=0)
    assert filtered(["TERMS OF USE", "JAVASCRIPT", "\u212a"], limits)[0] == ["", "", "\u212a"]
