"""Why a page is where it is: its fate, every value against its limit, the page it duplicates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flows.captures import captures_of
from flows.page_texts import print_texts, texts_of
from flows.tables import cell_text, console, print_table, table_of
from storage import schema
from storage.catalog import Catalog
from storage.lake import Lake
from storage.views import sql_text

_IDENTITY = tuple(schema.PAGES.names[: len(schema.PAGE_IDENTITY)])
_VERDICT = ("fate", "dropped_by", "dropped_by_rule", "failed_rules", "detail")
_DUPLICATE = (
    "survivor_id",
    "survivor_crawl",
    "survivor_archive",
    "survivor_offset",
    "duplicate_kind",
    "jaccard",
    "span_count",
    "span_chars",
)
_REPLACED_COLUMNS = ("url", "crawl", "kind", "jaccard", "doc_id")
_SPAN_COLUMNS = ("kind", "start", "chars", "removed", "pages", "survivor_id", "survivor_crawl")
_RULE_COLUMNS = ("rule", "verdict", "value", "low", "high", "knob")


def explain(lake: Lake, page: str) -> list[dict[str, Any]]:
    """Everything known of every capture of the page named so, as `captures_of` finds it.

    Returns:
        One dictionary a capture: `page` (identity); `fate`, `dropped_by`, `dropped_by_rule`, `failed_rules`,
        `detail`; `rules`, each with value, limits, knob and verdict: passed, failed, or not judged (the page
        had failed at a gate, or its domain has no such rule); `signals`; `duplicate_of`, or None; `replaces`, up to
        20 pages that were removed for it; `spans` of its text that another page has as well; `texts`: `before`
        (as extracted, read again from the archive), `after` (as it is kept; None for a page that is not), both with
        personal data replaced, and `note`, why there is none.

    Raises:
        UserError: The lake has no such page, or several.
    """
    catalog = Catalog(lake)
    with catalog.session():
        return [_explanation(catalog, row) for row in captures_of(catalog, page)]


def print_explanation(found: Mapping[str, Any]) -> None:
    """Print one capture's explanation for reading."""
    page, out = found["page"], console()
    lines = [f"{page['url'] or page['doc_id']}", f"  {_sentence(found)}"]
    lines += [
        f"  {name}: {cell_text(name, page[name])}" for name in _IDENTITY if page[name] is not None and name != "url"
    ]
    out.print("\n".join(lines), markup=False, highlight=False)
    if found["rules"]:
        print_table(table_of(found["rules"], _RULE_COLUMNS), title="rules")
    if found["replaces"]:
        of = found["replaces"][0]["of"]
        print_table(table_of(found["replaces"], _REPLACED_COLUMNS), title=f"kept instead of {of:,} pages")
    if found["spans"]:
        print_table(table_of(found["spans"], _SPAN_COLUMNS), title="other pages have these stretches as well")
    if others := _other_signals(found):
        print_table(table_of(others, ("signal", "value")), title="other signals")
    print_texts(found["texts"])


def _explanation(catalog: Catalog, row: Mapping[str, Any]) -> dict[str, Any]:
    known = {*_IDENTITY, *_VERDICT, *_DUPLICATE, "recipe", "fingerprint"}
    rules = json.loads(row["recipe"]).get("rules", []) if row["recipe"] else []
    return {
        "page": {name: row[name] for name in _IDENTITY},
        **{name: row[name] for name in _VERDICT},
        "rules": _judged(rules, row),
        "signals": {name: value for name, value in row.items() if name not in known},
        "duplicate_of": _survivor(catalog, row),
        "texts": texts_of(catalog.lake, row),
        "replaces": catalog.query(sql_text("why/replaced"), _place(row)).to_pylist(),
        "spans": catalog.query(sql_text("why/spans"), _place(row)).to_pylist(),
    }


def _place(row: Mapping[str, Any]) -> list[Any]:
    return [row["crawl"], row["archive"], row["offset"]]


def _judged(rules: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> list[dict[str, Any]]:
    failed = set(row["failed_rules"])
    judged = []
    for rule in rules:
        value = row.get(rule["signal"])
        verdict = "failed" if rule["name"] in failed else "not judged" if value is None else "passed"
        if not _judges(rule, row.get("language")):
            continue
        limits = {name: rule.get(name) for name in ("low", "high", "knob")}
        judged.append({"rule": rule["name"], "verdict": verdict, "signal": rule["signal"], "value": value, **limits})
    return judged


def _judges(rule: Mapping[str, Any], language: str | None) -> bool:
    """Whether the rule, as the lake keeps it, is for pages in that language."""
    wanted, others = rule.get("languages") or (), rule.get("not_languages") or ()
    return (not wanted or language in wanted) and language not in others


def _survivor(catalog: Catalog, row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["survivor_id"] is None:
        return None
    key = [row["survivor_crawl"], row["survivor_archive"], row["survivor_offset"]]
    found = catalog.query(sql_text("why/record"), key).to_pylist()
    place = {"crawl": row["survivor_crawl"], "archive": row["survivor_archive"], "offset": row["survivor_offset"]}
    kept = found[0] if found else {"doc_id": row["survivor_id"], "url": None, "fate": None, **place}
    return {**kept, "kind": row["duplicate_kind"], "jaccard": row["jaccard"]}


def _sentence(found: Mapping[str, Any]) -> str:
    if other := found["duplicate_of"]:
        measured = "" if other["jaccard"] is None else f", Jaccard {other['jaccard']:.3f}"
        named = f"{other['url'] or other['doc_id']} (crawl {other['crawl']}{measured})"
        return f"{other['kind']} duplicate of {named}"
    if found["fate"] == "dropped":
        cause = f"dropped by {found['dropped_by']}, rule {found['dropped_by_rule']}"
        others = len(found["failed_rules"]) - 1
        cause += f" (and failed {others} more)" if others > 0 else ""
    else:
        cause = str(found["fate"])
    return f"{cause}: {found['detail']}" if found["detail"] else cause


def _other_signals(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    ruled = {rule["signal"] for rule in found["rules"]}
    shown = {name: value for name, value in found["signals"].items() if value is not None and name not in ruled}
    return [{"signal": name, "value": cell_text(name, value)} for name, value in shown.items()]
