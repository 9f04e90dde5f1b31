"""SQL as text and as a tree: literals, and whether a parsed statement only reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_READING_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})

_RUNS_TEXT = frozenset({"query", "json_execute_serialized_sql"})
"""Functions that run a string as a statement, which a look at the tree around it does not show."""


def quoted(text: str) -> str:
    """A string as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def only_reads(tree: Any) -> bool:
    """True when nothing in a statement, as `json_serialize_sql` gives it, writes or hides another statement.

    `WITH x AS (COPY ... TO ...) FROM x` counts as a SELECT and writes. So every query inside the statement
    must be of a kind that is known to read; a kind not known is taken to write.
    """
    queries = {kind for kind in _values(tree, "type") if kind.endswith("_NODE")}
    functions = {name.lower() for name in _values(tree, "function_name")}
    return queries <= _READING_NODES and not functions & _RUNS_TEXT


def _values(tree: Any, key: str) -> Iterator[str]:
    """Every string under that key, at any depth."""
    if isinstance(tree, Mapping):
        if isinstance(tree.get(key), str):
            yield tree[key]
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from _values(part, key)
