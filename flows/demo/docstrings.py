"""Docstrings and signatures of a Python source file, read from its syntax tree: nothing is ever imported."""

from __future__ import annotations

import ast
import inspect
import warnings
from dataclasses import dataclass
from pathlib import Path

Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Entry:
    """One documented class or function.

    Attributes:
        name: Its name in the module.
        signature: As a reader would call it: "dumps(obj, *, indent=None)".
        doc: Docstring, dedented; empty for none.
        source: Its lines in the file, dedented.
        members: Documented public methods of a class.
    """

    name: str
    signature: str
    doc: str
    source: str
    members: tuple[Entry, ...] = ()

    @property
    def chars(self) -> int:
        """Characters of documentation, members included."""
        return len(self.doc) + sum(len(member.doc) for member in self.members)


@dataclass(frozen=True, slots=True)
class ModuleDoc:
    """A module's docstring and its documented public entries, in the order of the file."""

    doc: str
    entries: tuple[Entry, ...]


def read_module(path: Path) -> ModuleDoc:
    """The documentation in a source file; an empty one for a file that is no Python 3."""
    data = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError):
        return ModuleDoc("", ())
    lines = data.decode("utf-8", "replace").splitlines()
    return ModuleDoc(_doc(tree), _entries(tree.body, lines))


def _entries(body: list[ast.stmt], lines: list[str]) -> tuple[Entry, ...]:
    found = [_entry(node, lines) for node in body if isinstance(node, Documented) and not node.name.startswith("_")]
    return tuple(entry for entry in found if entry.doc or entry.members)


def _entry(node: Documented, lines: list[str]) -> Entry:
    members = _entries(node.body, lines) if isinstance(node, ast.ClassDef) else ()
    source = "\n".join([" " * node.col_offset + lines[node.lineno - 1].lstrip(), *lines[node.lineno : node.end_lineno]])
    return Entry(node.name, _signature(node), _doc(node), inspect.cleandoc(source), members)


def _signature(node: Documented) -> str:
    if isinstance(node, ast.ClassDef):
        return f"{node.name}({', '.join(ast.unparse(base) for base in node.bases)})"
    return f"{node.name}({ast.unparse(node.args)})"


def _doc(node: ast.Module | Documented) -> str:
    return (ast.get_docstring(node) or "").strip()
