"""The engines that find a page's main content, each a function from HTML to text; no state between pages."""

from __future__ import annotations

from collections.abc import Callable

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLParserException

Extractor = Callable[[str], str]


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
    import trafilatura  # takes a second to import, and most runs use the other engine

    text = trafilatura.extract(
        html, favor_precision=True, deduplicate=False, include_comments=False, include_tables=True
    )
    return (text or "").strip()


EXTRACTORS: dict[str, Extractor] = {
    "resiliparse": extract_with_resiliparse,
    "trafilatura": extract_with_trafilatura,
}
