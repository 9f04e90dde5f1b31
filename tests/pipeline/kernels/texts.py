"""Texts that are hard on the kernels, and a strategy that makes more of them."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = (
    "the", "of", "Smith", "U.S.", "e.g.", "Mr.", "x", "it's", "don't", "we'll", "'tis", "can’t",
    "state-of-the-art", "well…done", "foo_bar", "a/b", "end.Start", "3.14", "5km", "5km\x00", "10%", "$5.00", "5€",
    "C++", "1-2", "3+4", "#1", "(see", "…", "...", "....", ".", ",", "-", "--", "—", "•", "!", "?!",
    "“quoted”", "http://www.example.org/a?b=c", "example.org", "jane@example.org", "1.2.3.4",
    "中文", "分词。", "ひらがな", "カタカナ", "ภาษา", "עברית",
    "हिन्दी", "é", "é", "²", "🎉", "a🎉b", "\U0010ffff", "[1]", "[edit]",
    "[citation needed]", "[", "]", "{", "lorem ipsum", "Lorem  Ipsum", "JavaScript", "Privacy Policy",
    "terms of use", "one two three four", "word" * 300, " ", "  ", "\n", "\n\n", "\n\n\n", "\t", "\r\n",
    "\r", "\x0b", "\x85", "\u2028", "\xa0", "\u3000", "\x00",
)  # fmt: skip


def hard_texts() -> st.SearchStrategy[str]:
    """Texts of the pieces above, joined with and without spaces, and of any characters at all."""
    pieces = st.lists(st.sampled_from(PIECES), max_size=40)
    anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
    return st.one_of(pieces.map(" ".join), pieces.map("".join), anything)
