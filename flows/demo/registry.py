"""Collections made of installed packages: their descriptions, their licences, their files."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from flows.demo.installed import Package, Source
from flows.demo.markup import document_html, paragraphs_html
from flows.demo.site import Link, Page, Reply


class Projects:
    """One page a package, as a package index shows it."""

    def __init__(self, packages: Sequence[Package]) -> None:
        self._packages = {package.name: package for package in packages}

    def entrances(self) -> Sequence[Link]:
        """The packages."""
        return [Link(f"/project/{name}/", name) for name in self._packages]

    def reply(self, path: str) -> Page | Reply | None:
        """A package's page; without its last slash, a redirect to it."""
        name = path.removeprefix("/project/").rstrip("/")
        package = self._packages.get(name)
        if package is None or not path.startswith("/project/"):
            return None
        if not path.endswith("/"):
            return Reply(b"", "", 301, {"Location": f"/project/{name}/"})
        summary = f"<p><b>{escape(name)} {escape(package.version)}</b>: {escape(package.summary)}</p>"
        install = f"<pre><code>pip install {escape(name)}</code></pre>"
        moved = (Link(f"/project/{name}", "Permanent link"),) if len(name) == 7 else ()
        return Page(
            path,
            name,
            summary + install + document_html(package.description, package.markup),
            related=moved,
        )


class Licences:
    """One page a licence file; the same few texts over and over, as on the web at large."""

    def __init__(self, packages: Sequence[Package]) -> None:
        self._packages = {package.name: package for package in packages}

    def entrances(self) -> Sequence[Link]:
        """Every licence file of every package."""
        return [
            Link(f"/{name}/{file}.html", f"{name}: {file}")
            for name, package in self._packages.items()
            for file in package.licences
        ]

    def reply(self, path: str) -> Page | None:
        """A licence."""
        name, _, file = path.strip("/").removesuffix(".html").partition("/")
        text = self._packages[name].licences.get(file) if name in self._packages else None
        return Page(path, f"Licence of {name}", paragraphs_html(text)) if text else None


class SourceFiles:
    """Source files as they are, in a page and as plain text."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {source.module: source for source in sources}

    def entrances(self) -> Sequence[Link]:
        """The files."""
        return [Link(f"/blob/{module}.py.html", f"{module}.py") for module in self._sources]

    def reply(self, path: str) -> Page | Reply | None:
        """A file with its furniture, or bare."""
        kind, _, rest = path.strip("/").partition("/")
        source = self._sources.get(rest.removesuffix(".html").removesuffix(".py"))
        if source is None or kind not in ("blob", "raw"):
            return None
        data = source.path.read_bytes()
        if kind == "raw":
            return Reply(data, "text/plain; charset=utf-8")
        main = f"<pre><code class='python'>{escape(data.decode('utf-8', 'replace'))}</code></pre>"
        return Page(path, f"{source.module}.py", main, related=(Link(f"/raw/{source.module}.py", "Raw"),))
