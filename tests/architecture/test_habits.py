"""Habits kept by tests: captions, documented commands and views, environment variables in one place."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from typer import Typer

from flows.cli import app
from flows.recipe import load_recipe, shipped_recipes

ROOMS = ("flows", "pipeline", "model", "storage")


def sources(root: Path) -> list[Path]:
    return [p for room in ROOMS for p in sorted((root / room).rglob("*.py")) if p.name != "__init__.py"]


def documents(root: Path) -> str:
    return "\n".join(p.read_text() for p in [root / "README.md", *sorted((root / "docs").glob("*.md"))])


def test_every_file_says_what_it_is(project_root: Path) -> None:
    bare = [str(p) for p in sources(project_root) if not ast.get_docstring(ast.parse(p.read_text()))]
    assert not bare, f"no caption: {bare}"


def test_every_file_has_its_caption_in_the_map(project_root: Path) -> None:
    page = (project_root / "docs" / "files.md").read_text()
    missing = [str(p.relative_to(project_root)) for p in sources(project_root) if p.name not in page]
    assert not missing, f"not in docs/files.md: {missing}"


def command_names(typer_app: Typer, prefix: str = "") -> list[str]:
    commands = [c for c in typer_app.registered_commands if c.callback]
    names = [prefix + (c.name or c.callback.__name__.replace("_", "-")) for c in commands if c.callback]
    groups = [group for group in typer_app.registered_groups if group.typer_instance]
    return names + [name for g in groups if g.typer_instance for name in command_names(g.typer_instance, f"{g.name} ")]


def test_every_command_is_documented(project_root: Path) -> None:
    text = documents(project_root)
    names = command_names(app)
    missing = [name for name in names if f"winnow {name}" not in text]
    assert names and not missing, f"commands nobody documented: {missing}"


def test_every_view_is_documented(project_root: Path) -> None:
    text = documents(project_root)
    views = [p.stem for p in sorted((project_root / "storage" / "sql").glob("*.sql"))]
    missing = [view for view in views if f"`{view}`" not in text]
    assert views and not missing, f"views nobody documented: {missing}"


def test_no_folder_name_becomes_a_column(project_root: Path) -> None:
    """DuckDB takes `crawl` from folders named crawl=... unless told not to: the rows' own is what counts."""
    files = [p for room in ROOMS for kind in ("*.py", "*.sql") for p in sorted((project_root / room).rglob(kind))]
    calls = [(p, call) for p in files for call in re.findall(r"read_parquet\([^\n]*", p.read_text())]
    options = [p.name for p, call in calls if "hive_partitioning = false" not in call and "{options}" not in call]
    assert len(calls) > 20 and not options, f"without hive_partitioning = false: {options}"


def test_every_stage_and_column_is_captioned() -> None:
    for name in shipped_recipes():
        for stage in load_recipe(name).stages():
            for column in stage.adds:
                meta = column.metadata or {}
                assert meta.get(b"doc"), f"{stage.name}.{column.name} says nothing of itself"
            for rule in stage.rules:
                assert rule.name.startswith(stage.name.split("_")[0] + "."), f"rule {rule.name} of stage {stage.name}"
                assert rule.knob, f"rule {rule.name} names no knob"


def test_environment_is_read_in_one_place(project_root: Path) -> None:
    readers = re.compile(r"os\.(environ\.get|getenv)|os\.environ\[")
    found = [
        str(p.relative_to(project_root))
        for p in sources(project_root)
        if p.name != "settings.py" and readers.search(p.read_text())
    ]
    assert not found, f"read the environment in flows/settings.py only: {found}"


def test_files_stay_small(project_root: Path) -> None:
    """A file over 400 lines is two files; 300 is where one looks again."""
    large = {p.name: n for p in sources(project_root) if (n := len(p.read_text().splitlines())) > 400}
    assert not large, large
