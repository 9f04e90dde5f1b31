"""Collections of pages written for the demo, of the language reference, of a many-language directory."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pydoc_data.topics import topics
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.geodata.locale import LOCALE_DATA

from flows.demo.markup import docstring_html, paragraphs_html
from flows.demo.site import Link, Page


@dataclass(frozen=True)
class Pages:
    """A fixed set of pages by path."""

    pages: Mapping[str, Page]

    def entrances(self) -> Sequence[Link]:
        """All of them."""
        return [Link(page.path, page.title) for page in self.pages.values()]

    def reply(self, path: str) -> Page | None:
        """The page at that path."""
        return self.pages.get(path)


def written_pages(name: str) -> Pages:
    """The pages of `written/<name>.toml`."""
    pages = [
        Page(
            path=entry["path"],
            title=entry["title"],
            main=paragraphs_html(entry["text"]),
            language=entry.get("language", "en"),
            charset=entry.get("charset", "utf-8"),
        )
        for entry in _read_written(name)["page"]
    ]
    return Pages({page.path: page for page in pages})


def _read_written(name: str) -> dict[str, Any]:
    file = resources.files("flows.demo").joinpath("written", f"{name}.toml")
    return tomllib.loads(file.read_text("utf-8"))


def language_reference() -> Pages:
    """Python's language reference as encyclopaedia articles: `pydoc`'s topics, which every Python carries."""
    pages = [
        Page(f"/wiki/Python_{name}.html", _topic_title(text), docstring_html(text)) for name, text in topics.items()
    ]
    return Pages({page.path: page for page in pages})


def _topic_title(text: str) -> str:
    return text.strip().splitlines()[0].replace('"', "")


def country_directory() -> Pages:
    """Dialling codes: a page a country in each language of `written/directory.toml`."""
    texts = _read_written("directory")
    pages = [
        Page(
            f"/{language}/{region}.html",
            name,
            paragraphs_html(text.format(country=name, code=code)),
            language=language,
        )
        for code, regions in sorted(COUNTRY_CODE_TO_REGION_CODE.items())
        for region in sorted(regions)
        for language, text in texts.items()
        if (name := _country_name(region, language))
    ]
    return Pages({page.path: page for page in pages})


def _country_name(region: str, language: str) -> str:
    """A country's name in a language, empty where the data has none; a value "*xx" means: as in xx."""
    names = LOCALE_DATA.get(region, {})
    name = str(names.get(language, ""))
    return str(names.get(name[1:], "")) if name.startswith("*") else name
