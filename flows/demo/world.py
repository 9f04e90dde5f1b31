"""Which virtual hosts the demo's site has, and what is on each of them."""

from __future__ import annotations

from collections.abc import Iterable

from flows.demo import styles
from flows.demo.config import DemoConfig
from flows.demo.exam import posted_questions
from flows.demo.hazards import Mirror, Traffic, listed_pages, rule_breakers
from flows.demo.installed import Package, Source, packages, sample, standard_library
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
    library = Shelf(sample(standard_library(), config.shelf_modules), styles.reference)
    docs = VirtualHost("docs.python.test", "Python documentation", (library,), _menu())
    mirror = VirtualHost("mirror.test", "Mirror of documentation", (Mirror(docs),))
    libraries = _library_hosts(installed, config)
    return Site([docs, mirror, *libraries, *_registry_hosts(list(installed.values())), *written_hosts()])


def _library_hosts(installed: dict[str, Package], config: DemoConfig) -> list[VirtualHost]:
    def sources(names: Iterable[str], most: int = config.shelf_modules) -> list[Source]:
        found = [source for name in names if name in installed for source in installed[name].sources]
        return sample(found, most)

    manuals = Shelf(sources(MANUALS), styles.reference)
    maths = Shelf(sources(MATHS), styles.reference)
    papers = Shelf(sources(PAPERS), styles.article)
    threads = Shelf(sources(FORUM), styles.thread)
    book = Handbook(sources(BOOKS, config.max_pages), styles.chapter)
    source = Handbook(sources(CODE, config.max_pages), styles.annotated_source)
    return [
        VirtualHost("manuals.test", "Library manuals", (manuals,), _menu(), compressed=True),
        VirtualHost("math.test", "Mathematics", (written_pages("math"), maths)),
        VirtualHost("papers.test", "Open papers", (papers,), compressed=True),
        VirtualHost("books.test", "Handbooks", (book,)),
        VirtualHost("forum.test", "The forum", (written_pages("forum"), Pages(posted_questions(config)), threads)),
        VirtualHost("code.test", "Source code", (source, SourceFiles(sources(CODE)))),
    ]


def _registry_hosts(installed: list[Package]) -> list[VirtualHost]:
    return [
        VirtualHost("pypi.test", "Package index", (Projects(installed),), compressed=True),
        VirtualHost("licences.test", "Licences", (Licences(installed),)),
    ]


def written_hosts() -> list[VirtualHost]:
    """The hosts whose pages were written for the demo, whatever is installed."""
    encyclopedia = (written_pages("encyclopedia"), language_reference())
    return [
        VirtualHost("encyclopedia.test", "The small encyclopaedia", encyclopedia),
        VirtualHost("intl.test", "Around the world", (written_pages("intl"), country_directory())),
        VirtualHost("people.test", "People", (written_pages("people"),)),
        VirtualHost("spam.test", "Best offers", (written_pages("spam"), Pages(rule_breakers()))),
        VirtualHost("listed.test", "A host on the blocklist", (Pages(listed_pages()),)),
        VirtualHost("legacy.test", "An old server", (Traffic(),)),
    ]


def _menu() -> tuple[Link, ...]:
    """Every documentation site's menu leads to the others', so that a crawl from one reaches all."""
    names = ("docs.python.test", "manuals.test", "pypi.test", "encyclopedia.test", "forum.test")
    return tuple(Link(f"http://{name}/", name.partition(".")[0]) for name in names)
