"""Character references, against the standard library's."""

from __future__ import annotations

import html
from html.entities import html5

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.kernels.html_blocks import find_blocks
from pipeline.kernels.html_columns import END, START

REFERENCES = st.sampled_from(sorted(html5)).map("&{}".format) | st.integers(0, 0x120000).map("&#{};".format)
HEX = st.integers(0, 0x120000).map("&#x{:X};".format)


def decode(text: str) -> str:
    blocks = find_blocks(f"<pre>[{text}]</pre>".encode())
    (row,) = blocks.counts
    return bytes(blocks.text[row[START] : row[END]]).decode()


def expected(text: str) -> str:
    """What `html.unescape` gives; here, all white space is spaces or line ends, and controls are nothing: it keeps the
    five that Windows-1252 leaves open."""
    changed: dict[int, str | None] = dict.fromkeys(map(ord, "\t\n\f\r\N{NO-BREAK SPACE}"), " ")
    return html.unescape(f"[{text}]").translate(changed | dict.fromkeys((0x81, 0x8D, 0x8F, 0x90, 0x9D)))


@settings(deadline=None)
@example(text="&#141;")
@given(text=st.lists(REFERENCES | HEX | st.sampled_from(["x", "&", ";", "#", "1"]), max_size=5).map("".join))
def test_it_agrees_with_the_standard_library(text):
    assert decode(text) == expected(text)


@pytest.mark.parametrize("name", ["amp", "lt;", "nbsp;", "hellip;", "notin;", "notit;", "Aacute", "nGt;", "bogus;"])
def test_by_name(name):
    assert decode(f"&{name}") == expected(f"&{name}")


def test_every_named_reference():
    names = [name for name in html5 if name.endswith(";")]
    assert decode(" ".join(f"&{name}" for name in names)) == expected(" ".join(f"&{name}" for name in names))
