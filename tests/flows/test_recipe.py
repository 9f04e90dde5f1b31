"""What is wrong with a recipe is said in a sentence that names what there is instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.recipe import load_recipe
from flows.scaling_design import write_recipe
from storage.errors import UserError


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("gopher.min_word=3", r"no recipe key gopher\.min_word\. Did you mean gopher\.min_words\?"),
        ("min_words=3", r"Did you mean gopher\.min_words or nemo\.min_words or decontaminate\.min_words\?"),
        ("goopher.min_words=3", r"Did you mean gopher\?"),
        ("qqqq.zzzz=3", r"no recipe key qqqq\. `winnow recipe NAME` prints every key"),
        ("gopher.min_words=many", r"recipe key gopher\.min_words: input should be a valid integer.*got 'many'"),
        ("max_failed_share=2", r"recipe key max_failed_share: .*less than or equal to 1, got 2"),
        ("gopher=3", r"recipe key gopher is a section, got 3: give gopher\.KEY a value"),
        ("gopher.min_words", r"'gopher\.min_words' is not \[section\.\]key=value"),
        ("=3", r"is not \[section\.\]key=value"),
        ("name.of=3", r"name is no section"),
    ],
)
def test_a_change_that_cannot_be(change: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        load_recipe("fineweb", [change])


def test_a_recipe_that_is_not_there_or_no_toml(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no recipe 'finweb'; did you mean fineweb\? A file of your own must end in"):
        load_recipe("finweb")
    with pytest.raises(UserError, match=r"no recipe 'mine'; shipped ones: dclm, demo.* must end in \.toml"):
        load_recipe("mine")
    with pytest.raises(UserError, match=r"the recipe mine\.toml cannot be read: No such file"):
        load_recipe("mine.toml")
    (tmp_path / "broken.toml").write_text("[gopher\nmin_words = 3")
    with pytest.raises(UserError, match=r"broken\.toml is not valid TOML: .*line 1"):
        load_recipe(str(tmp_path / "broken.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(UserError, match=r"bytes\.toml is not valid TOML"):
        load_recipe(str(tmp_path / "bytes.toml"))


def test_a_designed_ladder_is_written_over_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "ladder.toml"
    write_recipe(path, "name = 'ladder'\n")
    write_recipe(path, "name = 'ladder'\n")
    path.write_bytes(b"\xff is no text")
    with pytest.raises(UserError, match="holds another ladder"):
        write_recipe(path, "name = 'ladder'\n")
