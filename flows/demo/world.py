"""Which virtual hosts the demo's site has, and what is on each of them."""

from __future__ import annotations

from collections.abc import Iterable

from flows.demo import styles
from flows.demo.config import DemoConfig
from flows.demo.hazards import Mirror, Traffic, rule_breakers
from flows.demo.installed import Package, Source, packages, shuffled, standard_library
from flows.demo.registry import Licences, Projects, SourceFiles
from flows.demo.shelves import Handbook, Shelf
from flows.demo.site import Link, Site, VirtualHost
from flows.demo.written import Pages, country_directory, language_reference, written_pages

MATHS = ("sympy", "mpmath", "networkx")
PAPERS = ("scipy",)
BOOKS = ("sqlalchemy", "alembic", "oauthlib", "websockets", "docker", "babel")
FORUM = ("numpy", "beartype", "numba", "fsspec", "click", "jinja2", "rich", "requests", "urllib3")
MANUALS = ("torch", "pydantic", "prefect", "huggingface-hub", "narwhals", "pyarrow", "duckdb")
CODE = (
    *("h11", "packaging", "warcio", "markdown", "filelock", "attrs", "sortedcontainers", "httpx", "docutils"),
    *(
        "anyio",
        "pathspec",
        "h2",
        "typer",
        "datasketch",
        "trafilatura",
        "jsonschema",
        "python-dateutil",
        "redis",
    ),
)


def build_site(config: DemoConfig) -> Site:
    """Every host of the demo, from what is installed here; a package that is missing leaves its pages out."""
    installed = {package.name: package for package in packages()}
    docs = VirtualHost(
        "docs.python.test",
        "Python documentation",
        (_shelf(standard_library(), styles.reference, config),),
        _menu(),
    )
    hosts = [docs, VirtualHost("mirror.test", "Mirror of documentation", (Mirror(docs),))]
    hosts += _library_hosts(installed, config)
    hosts += _registry_hosts(installed, config)
    hosts += _written_hosts()
    return Site(hosts)


def _library_hosts(installed: dict[str, Package], config: DemoConfig) -> list[VirtualHost]:
    def shelf(names: Iterable[str], style: styles.Style) -> Shelf:
        return _shelf(_sources(installed, names), style, config)

    book = Handbook(_sources(installed, BOOKS), styles.chapter)
    source = Handbook(_sources(installed, CODE), styles.annotated_source)
    files = SourceFiles(_sources(installed, CODE)[: config.shelf_modules])
    return [
        VirtualHost(
            "manuals.test", "Library manuals", (shelf(MANUALS, styles.reference),), _menu(), compressed=True
        ),
        VirtualHost("math.test", "Mathematics", (written_pages("math"), shelf(MATHS, styles.reference))),
        VirtualHost("papers.test", "Open papers", (shelf(PAPERS, styles.article),), compressed=True),
        VirtualHost("books.test", "Handbooks", (book,)),
        VirtualHost("forum.test", "The forum", (written_pages("forum"), shelf(FORUM, styles.thread))),
        VirtualHost("code.test", "Source code", (source, files)),
    ]


def _registry_hosts(installed: dict[str, Package], config: DemoConfig) -> list[VirtualHost]:
    return [
        VirtualHost("pypi.test", "Package index", (Projects(list(installed.values())),), compressed=True),
        VirtualHost("licences.test", "Licences", (Licences(list(installed.values())),)),
    ]


def _written_hosts() -> list[VirtualHost]:
    encyclopedia = (written_pages("encyclopedia"), language_reference())
    return [
        VirtualHost("encyclopedia.test", "The small encyclopaedia", encyclopedia),
        VirtualHost("intl.test", "Around the world", (written_pages("intl"), country_directory())),
        VirtualHost("people.test", "People", (written_pages("people"),)),
        VirtualHost("spam.test", "Best offers", (written_pages("spam"), Pages(rule_breakers()))),
        VirtualHost("legacy.test", "An old server", (Traffic(),)),
    ]


def _shelf(sources: list[Source], style: styles.Style, config: DemoConfig) -> Shelf:
    return Shelf(shuffled(sources)[: config.shelf_modules], style)


def _sources(installed: dict[str, Package], names: Iterable[str]) -> list[Source]:
    """The sources of those of the packages that are there, well mixed."""
    return shuffled(source for name in names if name in installed for source in installed[name].sources)


def _menu() -> tuple[Link, ...]:
    """Every documentation site's menu leads to the others', so that a crawl from one reaches all."""
    names = ("docs.python.test", "manuals.test", "pypi.test", "encyclopedia.test", "forum.test")
    return tuple(Link(f"http://{name}/", name.partition(".")[0]) for name in names)
