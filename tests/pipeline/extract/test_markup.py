"""The count of a page's markup, against what an HTML parser says of pages without mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree, NodeType

from pipeline.kernels.markup import count_markup_steps

ATTRIBUTES = st.lists(st.sampled_from(["a='>'", 'b="<div>"', "c", "d=/e/", "f = g"]), max_size=5, unique=True)


@st.composite
def elements(draw, depth=0):
    """Markup whose tags all close."""
    name = draw(st.sampled_from(["div", "DIV", "span", "b", "section"]))
    inside = st.sampled_from(["", "words", "<!-- <div> -->", "<script>if (a <b c d) '<div>'</script>", "<br>"])
    if depth < 4:
        inside |= elements(depth + 1)
    attributes = "".join(" " + attribute for attribute in draw(ATTRIBUTES))
    return f"<{name}{attributes}>" + "".join(draw(st.lists(inside, max_size=4))) + f"</{name}>"


def count_with_parser(html: str) -> int:
    """The same sum over the parsed tree."""
    nesting = attributes = 0
    open_nodes = [(node, 0) for node in HTMLTree.parse(html).body.child_nodes]
    while open_nodes:
        node, depth = open_nodes.pop()
        if node.type == NodeType.ELEMENT:
            nesting += depth
            attributes += len(node.attrs) ** 2
            open_nodes += [(child, depth + (node.tag == "div")) for child in node.child_nodes]
    return nesting + attributes // 64


@settings(deadline=None)  # the first example compiles the kernel
@given(html=st.lists(elements(), max_size=4).map("".join))
def test_it_agrees_with_a_parser(html):
    assert count_markup_steps(html.encode()) == count_with_parser(html)


@settings(deadline=None)
@given(data=st.binary(max_size=200) | st.text(alphabet="<>/div a='\"!-=", max_size=80).map(str.encode))
def test_no_bytes_make_it_fail(data):
    assert count_markup_steps(data) >= 0


@pytest.mark.parametrize(
    ("html", "steps"),
    [("", 0), ("<div><div><div>", 3), ("</div></div><div><p>", 1), ("<p " + "a " * 80 + ">", 100)],
)
def test_by_hand(html, steps):
    assert count_markup_steps(html.encode()) == steps
