"""Collections made of Python sources: references with a page an entry, handbooks with a page a module."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from flows.demo.docstrings import Entry, ModuleDoc, read_module
from flows.demo.installed import Source
from flows.demo.markup import docstring_html
from flows.demo.site import Link, Page, link_list
from flows.demo.styles import Style

ENTRY_CHARS = 700
"""An entry with less documentation is part of its module's page."""
COPIES = {"print": 3, "3.10": 4}
"""One entry in n also has a printer-friendly page, one in m an older edition."""


class _Sources:
    """Sources by module name, each read at most once."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = {source.module: source for source in sources}
        self._read: dict[str, ModuleDoc] = {}

    def read(self, module: str) -> ModuleDoc:
        if module not in self._read:
            self._read[module] = read_module(self.sources[module].path)
        return self._read[module]


class Shelf:
    """Modules with a page each, which lead to a page for every entry that is documented at length.

    Args:
        sources: The modules, in the order they are listed.
        style: How an entry is written down.
    """

    def __init__(self, sources: Sequence[Source], style: Style) -> None:
        self._sources = _Sources(sources)
        self._style = style

    def entrances(self) -> Sequence[Link]:
        """The modules."""
        return [Link(f"/{module}.html", module) for module in self._sources.sources]

    def reply(self, path: str) -> Page | None:
        """A module's page, an entry's page, or a copy of one."""
        edition, _, rest = path.strip("/").rpartition("/") if path.count("/") == 3 else ("", "", path.strip("/"))
        if edition:
            edition, _, module = edition.partition("/")
            return self._entry_page(path, module, rest.removesuffix(".html"), edition)
        module, _, name = rest.removesuffix(".html").partition("/")
        if module not in self._sources.sources or not path.endswith(".html"):
            return None
        return self._entry_page(path, module, name, "") if name else self._module_page(path, module)

    def _module_page(self, path: str, module: str) -> Page:
        doc = self._sources.read(module)
        long = [entry for entry in doc.entries if entry.chars >= ENTRY_CHARS]
        links = link_list([Link(f"/{module}/{entry.name}.html", _summary(entry)) for entry in long])
        short = [self._style(module, entry) for entry in doc.entries if entry not in long]
        return Page(path, module, "\n".join([docstring_html(doc.doc), links, *short]))

    def _entry_page(self, path: str, module: str, name: str, edition: str) -> Page | None:
        entry = self._find(module, name)
        if entry is None or (edition and edition not in _copies(module, name)):
            return None
        shown = older(entry) if edition == "3.10" else entry
        copies = tuple(Link(f"/{copy}/{module}/{name}.html", copy) for copy in _copies(module, name))
        return Page(
            path,
            f"{module}.{name}",
            self._style(module, shown),
            kind="print" if edition == "print" else "page",
            crumbs=(Link(f"/{module}.html", module),),
            related=() if edition else copies,
        )

    def _find(self, module: str, name: str) -> Entry | None:
        if module not in self._sources.sources:
            return None
        entries = self._sources.read(module).entries
        return next((e for e in entries if e.name == name and e.chars >= ENTRY_CHARS), None)


class Handbook:
    """Modules with one long page each.

    Args:
        sources: The modules, in the order of the chapters.
        style: How a module is written down.
    """

    def __init__(self, sources: Sequence[Source], style: Callable[[str, ModuleDoc], str]) -> None:
        self._sources = _Sources(sources)
        self._style = style

    def entrances(self) -> Sequence[Link]:
        """The chapters."""
        return [Link(f"/{module}.html", f"Chapter {n}: {module}") for n, module in enumerate(self._sources.sources, 1)]

    def reply(self, path: str) -> Page | None:
        """A chapter, with links to the one before and the one after."""
        module = path.strip("/").removesuffix(".html")
        if module not in self._sources.sources:
            return None
        at = self._order.index(module)
        beside = [self._order[i] for i in (at - 1, at + 1) if 0 <= i < len(self._order)]
        links = tuple(Link(f"/{name}.html", name) for name in beside)
        return Page(path, module, self._style(module, self._sources.read(module)), related=links)

    @cached_property
    def _order(self) -> list[str]:
        return list(self._sources.sources)


def older(entry: Entry) -> Entry:
    """An earlier edition of an entry: a few words differ and what was added since is missing."""
    kept = [block for block in entry.doc.split("\n\n") if "versionadded" not in block and "versionchanged" not in block]
    first, *rest = kept or [""]
    return replace(entry, doc="\n\n".join([first.rstrip(".") + " (see also the notes).", *rest]))


def _copies(module: str, name: str) -> list[str]:
    chance = hashlib.sha256(f"{module}.{name}".encode()).digest()[0]
    return [edition for edition, every in COPIES.items() if chance % every == 0]


def _summary(entry: Entry) -> str:
    first = (entry.doc or "undocumented").splitlines()[0]
    return f"{entry.signature.partition('(')[0]} - {first}"
