"""What this machine already holds that can be read: Python sources, package descriptions, licences.

Every list is in order of names or of their hashes, so that the same packages always give the same site.
"""

from __future__ import annotations

import hashlib
import re
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from functools import cache, cached_property
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import cast

MODULE_BYTES = (3_000, 400_000)
"""Smaller sources say too little, larger ones are tables and generated code."""

NOT_DOCUMENTATION = re.compile(
    r"(^|[./])(tests?|testing|_?vendor(ed)?|site-packages|dist-packages|idlelib|lib2to3|ensurepip)([./]|$)"
    r"|(^|[./])(test_|conftest|_sysconfigdata)|_test\.py$|__main__\.py$"
)


LICENCE = re.compile(r"(licen[cs]e|copying|notice)[^.]*(\.(txt|md|rst))?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """One Python source file: the package it belongs to, its dotted module name and its path."""

    package: str
    module: str
    path: Path


@dataclass(frozen=True)
class Package:
    """One installed distribution; its files are looked at only when asked for.

    Attributes:
        name: Normalised name ("sqlalchemy").
        version: Its version.
        summary: One line; empty for none.
        description: Long description as its author wrote it; empty for none.
        markup: Media type of the description.
        distribution: Where its files are recorded.
    """

    name: str
    version: str
    summary: str
    description: str
    markup: str
    distribution: metadata.Distribution

    @cached_property
    def sources(self) -> list[Source]:
        """Its Python files, in order of path."""
        root = Path(str(self.distribution.locate_file("")))
        return _sources(self.name, root, (Path(str(file)) for file in self.distribution.files or []))

    @cached_property
    def licences(self) -> dict[str, str]:
        """Licence texts by file name, in order of path; the first file of a name."""
        texts: dict[str, str] = {}
        for file in sorted(self.distribution.files or [], key=str):
            if LICENCE.match(file.name):
                text = _read_text(Path(str(self.distribution.locate_file(file))))
                texts.setdefault(file.name, text)
        return {name: text for name, text in texts.items() if text}


def standard_library() -> list[Source]:
    """The standard library's modules, in order of name."""
    root = Path(sysconfig.get_paths()["stdlib"])
    wanted = [entry for entry in root.iterdir() if not NOT_DOCUMENTATION.search(entry.name)]
    files = [file for entry in wanted for file in ([entry] if entry.is_file() else entry.rglob("*.py"))]
    return _sources("python", root, (file.relative_to(root) for file in files))


def packages(ours: str = "winnow") -> list[Package]:
    """The installed distributions but our own, in order of name; the first of a name is the one in use."""
    found: dict[str, Package] = {}
    for distribution in metadata.distributions():
        package = _package(distribution)
        found.setdefault(package.name, package)
    return [found[name] for name in sorted(found) if name not in ("", ours)]


@cache
def inventory() -> tuple[str, ...]:
    """Name and version of everything the site is made of: what its pages depend on besides this code."""
    about = (distribution.metadata for distribution in metadata.distributions())  # each look at it reads it again
    installed = {f"{_normalised(one['Name'] or '')}=={one['Version']}" for one in about}
    return f"python=={sysconfig.get_python_version()}", *sorted(installed)


def sample(sources: Iterable[Source], most: int) -> list[Source]:
    """A fair sample of the sources of a readable size: the first by a hash of their modules' names."""
    mixed = sorted(sources, key=lambda source: hashlib.sha256(source.module.encode()).digest())
    readable = (source for source in mixed if MODULE_BYTES[0] <= _size(source.path) <= MODULE_BYTES[1])
    return list(islice(readable, most))


def _package(distribution: metadata.Distribution) -> Package:
    about = cast(Message, distribution.metadata)  # which it is; typeshed knows only half of that
    return Package(
        name=_normalised(about["Name"] or ""),
        version=about["Version"],
        summary=about.get("Summary", ""),
        description=str(about.get_payload() or about.get("Description", "")),
        markup=about.get("Description-Content-Type", "text/x-rst").partition(";")[0],
        distribution=distribution,
    )


def _sources(package: str, root: Path, files: Iterable[Path]) -> list[Source]:
    wanted = sorted(file for file in files if file.suffix == ".py" and not NOT_DOCUMENTATION.search(file.as_posix()))
    return [Source(package, _module_name(file), root / file) for file in wanted if ".." not in file.parts]


def _module_name(file: Path) -> str:
    return file.with_suffix("").as_posix().removesuffix("/__init__").replace("/", ".")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read_text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""


@cache
def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
