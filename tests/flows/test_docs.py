"""What the documentation says is what the code says; what it points at exists."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import typer

from flows.cli import app
from flows.docs import files_page, tables_page
from flows.recipe import load_recipe, shipped_recipes
from flows.recipe_reference import recipes_page

RENEW = "run `python -m flows.docs`"


def test_the_page_of_files_is_of_these_files(project_root: Path) -> None:
    page = (project_root / "docs" / "files.md").read_text("utf-8")
    assert files_page(project_root) == page, RENEW


def test_the_readme_can_be_read_in_three_minutes(project_root: Path) -> None:
    """Details belong to the pages it leads to."""
    assert len((project_root / "README.md").read_text("utf-8").split()) < 1_250


def test_the_page_of_tables_is_of_these_tables(project_root: Path) -> None:
    page = (project_root / "docs" / "tables.md").read_text("utf-8")
    assert tables_page(project_root) == page, RENEW


def test_the_recipe_reference_is_of_these_models(project_root: Path) -> None:
    page = (project_root / "docs" / "recipes.md").read_text("utf-8")
    assert recipes_page() == page, RENEW
    for section, key in (("gopher", "min_words"), ("dedup", "min_jaccard"), ("training.objective", "kind")):
        assert re.search(rf"^##+ `\[*{section}\]*`$.*?^\| `{key}` \|", page, re.MULTILINE | re.DOTALL), key


def test_links_lead_somewhere(project_root: Path) -> None:
    pages = [project_root / "README.md", *sorted((project_root / "docs").glob("*.md"))]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))]
    broken = [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()]
    assert links and not broken, broken


def test_documented_commands_and_options_exist(project_root: Path) -> None:
    known = typer.main.get_command(app)
    text = (project_root / "docs" / "commands.md").read_text("utf-8")
    for name in re.findall(r"^\| `winnow ([a-z -]+)` \|", text, re.MULTILINE):
        command = known
        for word in name.split():
            command = command.commands[word]  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        for row in (line for line in text.splitlines() if line.startswith(f"| `winnow {name}` |")):
            assert set(re.findall(r"--[a-z-]+", row)) <= options | {"--help"}, row


def test_help_lists_commands_under_the_headings_of_the_page_that_documents_them(project_root: Path) -> None:
    text = (project_root / "docs" / "commands.md").read_text("utf-8")
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name, command in known.items():
        assert re.search(rf"^\| `winnow {name}[ `]", sections[command.rich_help_panel], re.MULTILINE), name
    assert list(known)[:3] == ["demo", "corpus", "recipe"]  # what a new user looks for


def test_keys_set_in_examples_exist(project_root: Path) -> None:
    text = "".join(
        (project_root / page).read_text("utf-8") for page in ("README.md", "docs/guide.md", "docs/commands.md")
    )
    found = re.findall(r"--set ([a-z0-9_]+\.[a-z0-9_]+=(?:'[^']+'|[^\s`]+))", text)
    changes = [change.replace("'", "") for change in found if change != "section.key=value"]
    assert changes
    load_recipe("fineweb", changes)


def test_every_shipped_recipe_is_named(project_root: Path) -> None:
    readme = (project_root / "README.md").read_text("utf-8")
    assert not [name for name in shipped_recipes() if f"`{name}`" not in readme]


def test_the_picture_is_well_formed_and_has_a_title(project_root: Path) -> None:
    root = ElementTree.parse(project_root / "docs" / "flow.svg").getroot()
    assert root.find("{http://www.w3.org/2000/svg}title") is not None
