"""The engines that find a page's main content; no state between pages, and no page that can hold a worker.

An engine is given a page (UTF-8) and a limit on work, in steps of about a quarter of a microsecond. It counts the work
that can grow out of proportion before it does it, and gives the count back: with no text where it is over the limit.
The count depends on nothing but the page, so the same page has the same fate on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLParserException

from pipeline.extract.rendering import render_blocks
from pipeline.extract.winnow import find_page_blocks, judge_blocks
from pipeline.kernels.markup import count_markup_steps


class Found(NamedTuple):
    """What an engine gives: the text ("" where nothing was found, null where it gave up), and the work in steps."""

    text: str | None
    steps: int


Extractor = Callable[[bytes, int], Found]


def extract_with_winnow(html: bytes, max_steps: int) -> Found:
    """Main content by Winnow's own blocks and scores, see `pipeline.extract.winnow`."""
    blocks, steps = find_page_blocks(html)
    if steps > max_steps:
        return Found(None, steps)
    return Found(render_blocks(blocks, judge_blocks(blocks).kept), steps)


def _within(extract: Callable[[str], str]) -> Extractor:
    """An engine that parses a tree, kept from markup that costs a parser the square of its size."""

    def extract_within(html: bytes, max_steps: int) -> Found:
        steps = count_markup_steps(html)
        return Found(extract(html.decode()) if steps <= max_steps else None, steps)

    return extract_within


def extract_with_resiliparse(html: str) -> str:
    """Main content in resiliparse's strict reading: no comments, post metadata, image texts, links, forms.

    Source: Bevendorff et al., https://resiliparse.chatnoir.eu/en/stable/man/extract/html2text.html
    """
    try:
        text = extract_plain_text(
            html,
            preserve_formatting=True,
            main_content=True,
            list_bullets=True,
            alt_texts=False,
            links=False,
            form_fields=False,
            noscript=False,
            comments=False,
            post_meta=False,
        )
    except HTMLParserException:
        return ""
    return str(text).strip()


def extract_with_trafilatura(html: str) -> str:
    """trafilatura favouring precision; its deduplication, which would let pages depend on each other, is off.

    Source: Barbaresi 2021, https://trafilatura.readthedocs.io/
    """
    import trafilatura  # takes a second to import, and most runs use another engine

    text = trafilatura.extract(
        html, favor_precision=True, deduplicate=False, include_comments=False, include_tables=True
    )
    return (text or "").strip()


EXTRACTORS: dict[str, Extractor] = {
    "winnow": extract_with_winnow,
    "resiliparse": _within(extract_with_resiliparse),
    "trafilatura": _within(extract_with_trafilatura),
}
