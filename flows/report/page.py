"""The report: one HTML file that opens from disk, without network; its figures answer to the reader."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from flows.report import (
    architecture,
    benchmarks,
    composition,
    corpus,
    duplicates,
    embeddings,
    finetuning,
    funnel,
    learning,
    looking,
    personal,
    scaling,
    timeline,
)
from flows.report.figures import Section
from flows.report.headlines import headlines
from flows.report.interactive import script, script_digest
from flows.report.source import Source
from flows.report.words import harmless
from storage import files
from storage.errors import UserError
from storage.lake import Lake
from storage.uris import is_local, local_path

SECTIONS = (
    funnel.funnel_section,
    corpus.books_section,
    corpus.cost_section,
    composition.composition_section,
    duplicates.duplicates_section,
    personal.personal_section,
    learning.tokens_section,
    architecture.architecture_section,
    learning.training_section,
    looking.objectives_section,
    finetuning.finetuning_section,
    embeddings.embeddings_section,
    benchmarks.benchmarks_section,
    scaling.scaling_section,
    timeline.timeline_section,
)
"""The chapters, in reading order."""


def write_report(lake: Lake, path: str = "") -> str:
    """Write the report of a lake; its path or URL: `report.html` in the lake unless a path is given.

    Raises:
        UserError: There is no lake there, or the file cannot be written.
    """
    lake.check_exists()
    target, page = path or lake.absolute(lake.report_path()), render(lake).encode()
    try:
        files.write_bytes(target, page)
    except UserError as error:
        raise UserError(error.message, "--output FILE writes it elsewhere.") from error
    return str(local_path(target)) if is_local(target) else target


def render(lake: Lake, now: datetime | None = None) -> str:
    """The page's HTML, as of `now`."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_clean
    )
    environment.filters["prose"] = prose
    with Source(lake) as source:
        sections: list[Section] = [section(source) for section in SECTIONS]
        return environment.from_string(_shipped("page.html")).render(
            style=Markup(_shipped("page.css")),
            name=source.recipe.get("name", lake.root.rstrip("/").rpartition("/")[2]),
            lake=lake.root,
            made_at=(now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC"),
            headlines=headlines(source),
            script=script(),
            script_digest=script_digest(),
            sections=sections,
        )


def _clean(value: object) -> object:
    """What is printed, without control characters; what is markup already stays."""
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def prose(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    parts = [escape(part) for part in harmless(text).split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)
    )


def _shipped(name: str) -> str:
    return (resources.files("flows.report") / name).read_text(encoding="utf-8")
