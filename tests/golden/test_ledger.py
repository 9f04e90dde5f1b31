"""The commands that question the ledger print what is written down, for people and for programs."""

from __future__ import annotations

import pytest

from storage.lake import Lake
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


def test_no_file_is_left_of_a_command_that_is_gone() -> None:
    assert {path.name for path in FILES.iterdir()} == {f"{name}.{form}" for name in COMMANDS for form in FORMS}
