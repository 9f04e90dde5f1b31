"""Documentation is read from source, never by importing it; its markup becomes HTML that loses no word."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.demo.docstrings import read_module
from flows.demo.installed import inventory, packages, sample, standard_library
from flows.demo.markup import docstring_html, document_html, inline_html

TEXT_TAGS = ("div", "strong", "em", "a")
SOURCE = '''"""Module words."""
raise SystemExit("imported!")

class Kept(Base):
    """Class words."""

    def method(self, x: int = 1) -> str:
        """Method words."""

    def _private(self):
        """Nobody's business."""

@decorated
async def wait(*, seconds: float = 2.0):
    """Wait
    for it."""

def bare(): ...
'''


def test_documentation_is_read_without_running_anything(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    module = read_module(path)
    assert module.doc == "Module words."
    kept, wait = module.entries
    assert (kept.signature, kept.doc, kept.chars) == ("Kept(Base)", "Class words.", 25)
    assert [(m.signature, m.doc) for m in kept.members] == [("method(self, x: int=1)", "Method words.")]
    assert (wait.signature, wait.doc) == ("wait(*, seconds: float=2.0)", "Wait\nfor it.")
    assert wait.source.startswith("async def wait") and kept.source.startswith("class Kept")


@pytest.mark.parametrize("data", [b"print 'two'", b"\x00", b"", b"# -*- coding: nonsense -*-\n", b"\xff\xfe"])
def test_what_is_no_python_has_no_documentation(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "module.py"
    path.write_bytes(data)
    assert read_module(path).entries == ()


def test_the_machine_has_something_to_read() -> None:
    modules = [source.module for source in standard_library()]
    assert {"json.decoder", "argparse", "asyncio.tasks"} <= set(modules)
    assert not [name for name in modules if "test" in name.split(".")]
    found = {package.name: package for package in packages()}
    assert found["numpy"].version and found["numpy"].licences and found["numpy"].sources
    assert "winnow" not in found
    assert f"numpy=={found['numpy'].version}" in inventory()


def test_a_sample_is_bounded_and_does_not_depend_on_the_order_given() -> None:
    modules = standard_library()
    assert sample(modules, 20) == sample(reversed(modules), 20) == sample(modules, 30)[:20]
    assert len(sample(modules, 10_000)) < len(modules), "tiny and huge files are left out"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("One\ntwo.\n\nThree.", "<p>One two.</p>\n<p>Three.</p>"),
        ("Title\n=====\n\nText", "<h2>Title</h2>\n<p>Text</p>"),
        ("Notes\n-----\nText", "<h3>Notes</h3>\n<p>Text</p>"),
        ("- one\n- two\n  more", "<ul><li>one</li><li>two more</li></ul>"),
        ("x : int\n    A number.", "<dl><dt>x : int</dt><dd><p>A number.</p></dd></dl>"),
        (">>> 1 < 2\nTrue\n\nSo.", "<pre><code>&gt;&gt;&gt; 1 &lt; 2\nTrue</code></pre>\n<p>So.</p>"),
        ("Like so::\n\n    a = 1\n\nend", "<p>Like so:</p><pre><code>a = 1</code></pre>\n<p>end</p>"),
        (".. math:: a < b", '<p class="math">\\[ a &lt; b \\]</p>'),
        (".. versionadded:: 3.7", "<p><em>Added in version 3.7</em></p>"),
        (".. [1] A. Author, *Title*.", "<p>[1] A. Author, <em>Title</em>.</p>"),
        (".. a comment\n   of two lines", ""),
    ],
)
def test_markup(text: str, html: str) -> None:
    assert docstring_html(text) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("``a<b`` and *so* **on**", "<code>a&lt;b</code> and <em>so</em> <strong>on</strong>"),
        (":class:`~a.b.C` and `d`", "<code>a.b.C</code> and <code>d</code>"),
        (":meth:`name <a.b>`", "<code>name</code>"),
        ("`here <https://example.org/>`_", '<a href="https://example.org/">here</a>'),
        ("f(*args, **kwargs) & 2 * 3 * 4", "f(*args, **kwargs) &amp; 2 * 3 * 4"),
    ],
)
def test_inline_markup(text: str, html: str) -> None:
    assert inline_html(text) == html


def test_markdown_is_markdown() -> None:
    assert document_html("# A\n\nb *c*", "text/markdown") == "<h1>A</h1>\n<p>b <em>c</em></p>"


@settings(max_examples=60)
@given(st.text(max_size=400))
def test_any_text_becomes_html_without_tags_of_its_own(text: str) -> None:
    tags = set(re.findall(r"</?([a-z0-9]+)", docstring_html(text)))
    assert tags <= {
        *("p", "h2", "h3", "ul", "li", "dl", "dt", "dd"),
        *("pre", "code", "blockquote"),
        *TEXT_TAGS,
    }


@settings(max_examples=60)
@given(st.lists(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1), min_size=1))
def test_no_word_of_a_plain_text_is_lost(paragraphs: list[list[str]]) -> None:
    html = docstring_html("\n\n".join(" ".join(words) for words in paragraphs))
    assert unescape(re.sub(r"<[^>]+>", " ", html)).split() == [word for words in paragraphs for word in words]
