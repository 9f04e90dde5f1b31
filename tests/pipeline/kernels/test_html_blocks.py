"""Blocks of a page: where text is cut, what is passed over, and that no bytes make it fail or slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.html_blocks import find_blocks
from pipeline.kernels.html_columns import BYTES, END, HIDES, LINK_BYTES, NAME, NODE, START, WORDS
from pipeline.kernels.html_tags import TAGS


def texts(html: str | bytes) -> list[str]:
    data = html.encode() if isinstance(html, str) else html
    blocks = find_blocks(data)
    return [bytes(blocks.text[row[START] : row[END]]).decode("utf-8", "replace") for row in blocks.counts]


def tagged(html: str) -> list[tuple[str, str]]:
    blocks = find_blocks(html.encode())
    return list(zip([TAGS[blocks.elements[row[NODE], NAME]] for row in blocks.counts], texts(html), strict=True))


@pytest.mark.parametrize(
    ("html", "blocks"),
    [
        ("<p>one<p>two", [("p", "one"), ("p", "two")]),
        ("<p>a <b>b</b>\n <i>c</i></p>d", [("p", "a b c"), ("", "d")]),
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>", [("li", "a"), ("li", "b"), ("li", "c"), ("li", "d")]),
        ("<table><tr><td>1<td>2<tr><th>3</table>x", [("td", "1"), ("td", "2"), ("th", "3"), ("", "x")]),
        ("<dl><dt>t<dd>d<dt>u</dl>", [("dt", "t"), ("dd", "d"), ("dt", "u")]),
        ("<h1>a<h2>b</h2>", [("h1", "a"), ("h2", "b")]),
        ("<h1>a</h2>b", [("h1", "a"), ("", "b")]),
        ("<div>a</div></div><p>b", [("div", "a"), ("p", "b")]),
        ("<div><span>a</div>b</span>c", [("div", "a"), ("", "bc")]),
        ("<my-card>a</my-card>b", [("custom", "a"), ("", "b")]),
        ("a<br>b<br><br>c", [("", "a\nb"), ("", "c")]),
    ],
)
def test_text_is_cut_where_elements_stand_alone(html, blocks):
    assert tagged(html) == blocks


@pytest.mark.parametrize(
    "unseen",
    [
        "<script>var a = '<p>no</p>'</script>",
        "<style>p > a { }</style>",
        "<template><p>no</p></template>",
        "<svg><title>no</title><text>no</text><path/></svg>",
        "<!-- no > no --><!-->",
        "<textarea>no</textarea>",
        "<select><option>no</select>",
        '<span style="display: none">no</span>',
        "<span hidden>no</span>",
        "<title>no</title><?no?><!doctype no>",
    ],
)
def test_what_no_reader_sees_is_passed_over(unseen):
    assert texts(f"<p>before {unseen}after") == ["before after"]


def test_hidden_elements_are_marked():
    html = '<div style="color:red;DISPLAY:none"><p>a</div><div hidden>b</div><div aria-hidden="true">c</div>d'
    assert [row[HIDES] for row in find_blocks(html.encode()).counts] == [1, 2, 4, 0]


def test_code_keeps_its_indentation_and_line_ends():
    code = "def f(x):\n    if x:\n\treturn 1\n\n    return 2"
    lines = "".join(f"<div>{line}</div>" for line in ("a {", "  b", "}"))
    assert texts(f"<p>x<pre><code>{code}</code></pre>y") == ["x", code, "y"]
    assert texts(f"<pre>{lines}</pre>") == ["a {\n  b\n}"]


def test_text_in_links_and_words_are_counted():
    (row,) = find_blocks(b"<p>one <a href=x>two &amp; 3</a> four <a name=y>five</a>").counts
    assert (row[BYTES], row[LINK_BYTES], row[WORDS]) == (16, 5, 6)


MARKUP = st.text(alphabet="<>/=\"'&;!-# \n" + "adivpbrtlsceh1", max_size=120)
PIECES = st.lists(
    st.sampled_from(
        [
            "<div>",
            "</div>",
            "<p>",
            "</p>",
            "<table>",
            "</table>",
            "<tr>",
            "<td>",
            "</td>",
            "<ul>",
            "<li>",
            "</ul>",
            "<a>",
            "</a>",
            "<b>",
            "</b>",
            "<pre>",
            "</pre>",
            "<br>",
            "<svg>",
            "</svg>",
            "<select>",
            "</select>",
            "<h1>",
            "</h2>",
            "<noscript>",
            "<button>",
            "</button>",
            "x",
            "&amp;",
            "<!--",
            "-->",
            "</br>",
        ]
    ),
    max_size=60,
).map("".join)


@settings(deadline=None)
@given(data=st.binary(max_size=200) | MARKUP.map(str.encode) | PIECES.map(str.encode))
def test_no_bytes_make_it_fail_and_blocks_are_in_order(data):
    blocks = find_blocks(data)
    end = 0
    for row in blocks.counts:
        assert end <= row[START] < row[END] <= len(blocks.text)
        assert 0 < row[BYTES] <= row[END] - row[START]
        assert row[LINK_BYTES] <= row[BYTES]
        assert 0 <= row[NODE] < len(blocks.elements)
        end = row[END]
    assert all(-1 <= parent < i for i, parent in enumerate(blocks.elements[:, 0].tolist()))


@settings(deadline=None)
@given(words=st.lists(st.text("abc .,é語", min_size=1, max_size=12), max_size=12), page=PIECES)
def test_no_text_of_paragraphs_is_lost(words, page):
    html = "".join(f"<div><p>{word}</p></div>" for word in words)
    assert " ".join(texts(html)).split() == " ".join(words).split()


def grow(page, size):
    return page(size).encode(), page(4 * size).encode()


HOSTILE = {
    "nested": lambda n: "<div>" * n,
    "nested and closed": lambda n: ("<div>" * 3_000 + "x" + "</div>" * 3_000) * (n // 6_000),
    "wide below deep": lambda n: "<div>" * 500 + "<i>x</i>" * n,
    "attributes": lambda n: "<p " + "".join(f"a{i}=1 " for i in range(n)) + ">x",
    "one attribute": lambda n: "<p title='" + "a" * 8 * n + "'>x",
    "unclosed formatting": lambda n: "<b><i><font>" * n + "<p>x</b>" * n,
    "adoption": lambda n: "<a><b><div>" * n + "</a></b>" * n,
    "end tags that find nothing": lambda n: "<div><table><tr><td>" + "<span>" * 500 + "</div>" * n,
    "tables in tables": lambda n: "<table><tr><td>" * n,
    "rows": lambda n: "<table>" + "<tr><td>x<td>y" * n,
    "lists in lists": lambda n: "<ul><li>x" * n,
    "nothing but <": lambda n: "<" * 4 * n,
    "references": lambda n: "&ampx&#x" * n,
    "comments": lambda n: "<!--" * n,
    "unclosed scripts": lambda n: "<script>" * n + "</scrip" * n,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_with_the_size_of_a_hostile_page_and_no_faster(name):
    find_blocks(b"<p>x")
    small, large = grow(HOSTILE[name], 20_000)
    started = time.process_time()
    find_blocks(small)
    first = time.process_time()
    find_blocks(large)
    second = time.process_time() - first
    assert second < 12 * max(first - started, 0.005)
    assert second < 2.0  # for a page of half a megabyte; no matter the machine, this is no square
