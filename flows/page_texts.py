"""A page's text before and after: as it was extracted, and as the corpus has it; personal data replaced in both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.recorded import job_of, recorded_recipe
from flows.reread import texts_as_extracted
from flows.tables import console, harmless
from storage.catalog import Catalog
from storage.errors import WinnowError
from storage.lake import Lake
from storage.statements import quoted

SHOWN_CHARS = 1200
"""Characters of a text that are printed; JSON has all of them."""


def texts_of(lake: Lake, row: Mapping[str, Any]) -> dict[str, str | None]:
    """`before`, `after` and `note` of a ledger row that knows its run's `recipe` and its archive's `fingerprint`."""
    if row["fate"] == "unreadable" or row["dropped_by"] == "archive":
        return {"before": None, "after": None, "note": "the record is no page: nothing was extracted"}
    if not row["recipe"]:
        return {"before": None, "after": None, "note": "no run lists its archive: how it was read is not known"}
    archive = lake.archive_row(row["crawl"], row["archive"], row["fingerprint"])
    if archive is None:
        return {"before": None, "after": None, "note": "its archive's row is gone"}
    before, note = _before(lake, archive, row)
    return {"before": before, "after": _after(lake, archive, row), "note": note}


def print_texts(texts: Mapping[str, str | None]) -> None:
    """Print the beginning of both texts, or why there is none."""
    titles = {"before": "text as extracted", "after": "text as kept"}
    for name, title in titles.items():
        if (text := texts[name]) is not None:
            more = (
                f"\n[{len(text) - SHOWN_CHARS:,} more characters; --json has them]" if len(text) > SHOWN_CHARS else ""
            )
            shown = f"\n{title} ({len(text):,} characters)\n{harmless(text[:SHOWN_CHARS])}{more}"
            console().print(shown, markup=False, highlight=False)
    if texts["note"]:
        console().print(f"\nno text: {texts['note']}", markup=False, highlight=False)


def _before(lake: Lake, archive: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    try:
        job = job_of(lake, recorded_recipe(row["recipe"]), archive)
        text = texts_as_extracted(job, archive, [row])[row["offset"]]
    except WinnowError as error:
        return None, f"the page cannot be read again: {error}"
    return text, None if text is not None else "nothing was found in the page"


def _after(lake: Lake, archive: Mapping[str, Any], row: Mapping[str, Any]) -> str | None:
    paths = [output["path"] for output in archive["outputs"] if output["table"] == "documents"]
    if row["fate"] not in ("kept", "duplicate") or not paths:
        return None
    source = f"read_parquet({quoted(lake.absolute(paths[0]))}, hive_partitioning = false)"
    statement = f'SELECT text FROM {source} WHERE "offset" = $1'
    texts: list[str | None] = Catalog(lake).query(statement, [row["offset"]]).column(0).to_pylist()
    return texts[0] if texts else None
