"""The page that a person names: by URL, by doc_id, by the beginning of one, or as a WARC file writes it."""

from __future__ import annotations

import re
from typing import Any

from storage.catalog import Catalog
from storage.errors import UserError
from storage.views import sql_text

_BEGINNING = re.compile(r"[0-9a-f]{4,8}(-[0-9a-f-]*)?")
"""Of a UUID: four digits of it or more. A shorter one would be any word."""

_WARC_RECORD_ID = re.compile(r"<?urn:uuid:([^>]+)>?", re.IGNORECASE)


def captures_of(catalog: Catalog, page: str) -> list[dict[str, Any]]:
    """The ledger row of every capture of a page, with its run's recipe and its archive's fingerprint.

    Args:
        catalog: Of the lake.
        page: URL, doc_id, the beginning of a doc_id that no other page has, or a WARC-Record-ID.

    Raises:
        UserError: The lake has no such page, or several whose doc_id begins so.
    """
    wanted = _plain(page)
    if rows := catalog.query(sql_text("why/page"), [wanted]).to_pylist():
        return rows
    begun = _begun(catalog, wanted.lower())
    if len(begun) == 1:
        return catalog.query(sql_text("why/page"), [begun[0]["doc_id"]]).to_pylist()
    if begun:
        named = ", ".join(f"{row['doc_id']} ({row['url'] or 'no URL'})" for row in begun)
        more = f" and {begun[0]['of'] - len(begun):,} more" if begun[0]["of"] > len(begun) else ""
        raise UserError(f"The doc_ids of {begun[0]['of']:,} pages begin with {wanted}:", f"{named}{more}.")
    raise UserError(f"The lake has no page with the URL or doc_id {page}.", _similar(catalog, page))


def _plain(page: str) -> str:
    """A doc_id as the lake has it, where a page is named as its archive names it."""
    found = _WARC_RECORD_ID.fullmatch(page.strip())
    return found[1].lower() if found else page


def _begun(catalog: Catalog, text: str) -> list[dict[str, Any]]:
    return catalog.query(sql_text("why/begun"), [text]).to_pylist() if _BEGINNING.fullmatch(text) else []


def _similar(catalog: Catalog, page: str) -> str:
    urls = [str(url) for url in catalog.query(sql_text("why/similar"), [page]).column(0).to_pylist()]
    return f"It has {', '.join(urls)}." if urls else '`winnow sql "SELECT url FROM ledger"` lists them.'
