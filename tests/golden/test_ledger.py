"""The commands that question the ledger print what is written down, for people and for programs."""

from __future__ import annotations

import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.cli import app
from flows.demo.run import proposals
from flows.recipe import load_recipe
from storage.lake import Lake
from tests.flows.archives import article, write_jsonl
from tests.golden import guides
from tests.golden.cookbook import PAGE, output_of, recipes
from tests.golden.lake import make_lake
from tests.golden.ledger import COMMANDS, FILES, FORMS, printed


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return make_lake(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", COMMANDS)
def test_command(name: str, form: str, lake: Lake) -> None:
    written = (FILES / f"{name}.{form}").read_text(encoding="utf-8")
    assert printed(lake, (*COMMANDS[name], *FORMS[form])) == written, "meant? python -m tests.golden.ledger"


@pytest.mark.parametrize("number", range(20))
def test_question_of_the_cookbook(number: int, lake: Lake) -> None:
    query, output = recipes()[number]
    assert output_of(lake, query) == output, "meant? python -m tests.golden.cookbook"


def test_the_cookbook_has_twenty_questions_and_each_has_an_answer() -> None:
    assert len(recipes()) == 20 == PAGE.read_text(encoding="utf-8").count("\n## ")
    assert not any("(no rows)" in output for _, output in recipes())


@pytest.mark.parametrize("guide", guides.GUIDES)
def test_what_a_guide_shows_is_what_is_printed(guide: str, lake: Lake, tmp_path: Path) -> None:
    with guides.saved(guide, tmp_path):
        for found in guides.RUN.finditer(guides.page_of(guide)):
            shown = guides.printed(lake, found["command"])
            assert shown == found["output"], "meant? python -m tests.golden.guides"


@pytest.mark.parametrize("guide", guides.GUIDES)
def test_commands_of_a_guide_are_ones_that_there_are(guide: str) -> None:
    for block in guides.SHOWN.finditer(guides.page_of(guide)):
        for line in block["commands"].splitlines():
            name, *arguments = guides.words_of(line)
            command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
            if arguments and arguments[0] in getattr(command, "commands", ()):
                command, arguments = command.commands[arguments[0]], arguments[1:]
            command.make_context(name, arguments)
            changes = [value for key, value in pairwise(arguments) if key == "--set"]
            load_recipe("fineweb", changes)


def test_what_the_demo_proposes_to_ask_works_as_it_is_printed(lake: Lake, tmp_path: Path) -> None:
    elsewhere = Lake(str(shutil.copytree(lake.root, tmp_path / "the demo's lake")))
    for question, command in proposals(elsewhere).items():
        program, *words = shlex.split(command)
        result = CliRunner().invoke(app, words)
        assert program == "winnow" and result.exit_code == 0 and result.stdout, (question, result.output)


def test_the_classifier_of_the_guide_judges_as_it_says(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "good.jsonl.gz", [article(number) for number in range(200)])
    write_jsonl(tmp_path / "crawl.jsonl.gz", [spam(number) for number in range(200)])
    pages = {"page.txt": article(5000), "other.txt": spam(5000)}
    told = {}
    with guides.saved("classifier", tmp_path):
        train, judge = (guides.words_of(line) for block in guides.SHOWN.finditer(guides.page_of("classifier"))
                        for line in block["commands"].splitlines() if "corpus" not in line)  # fmt: skip
        assert CliRunner().invoke(app, [*train, "--dim", "8", "--epochs", "15"]).exit_code == 0
        for name, text in pages.items():
            Path(name).write_text(text)
            result = CliRunner().invoke(app, [name if word == "page.txt" else word for word in judge])
            assert result.exit_code == 0, result.output
            told[name] = "classifier." in result.output
    assert told == {"page.txt": False, "other.txt": True}  # only the other one fails the rule


def spam(number: int) -> str:
    return (
        f"buy cheap now click here best price {number} free shipping deal {number * 7} limited offer order today. " * 12
    )


def test_no_file_is_left_of_a_command_that_is_gone() -> None:
    assert {path.name for path in FILES.iterdir()} == {f"{name}.{form}" for name in COMMANDS for form in FORMS}
