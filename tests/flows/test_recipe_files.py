"""A recipe's files: found where the command is given or beside the recipe, and known to a lake by their whole paths."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from flows.annotate_task import AnnotateJob
from flows.recipe import Recipe, known_keys, load_recipe
from flows.recipe_files import FILES
from flows.recorded import recipe_record, recorded_recipe
from storage.errors import UserError
from storage.inputs import expand_inputs
from storage.sources import Source

RECIPE = """
[url]
host_files = ["hosts.txt"]

[toxicity]
word_lists = ["words.txt"]

[mix]
tokenizer = "s3://bucket/tokenizer.json"

[[decontaminate.benchmarks]]
name = "b"
path = "bench.jsonl"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the command: a recipe, an archive, and the files the recipe names."""
    (tmp_path / "mine.toml").write_text(RECIPE)
    (tmp_path / "hosts.txt").write_text("bad.example\n")
    (tmp_path / "words.txt").write_text("casino\n")
    (tmp_path / "bench.jsonl").write_text(json.dumps({"query": " ".join(f"word{i}" for i in range(20))}))
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paths_of(recipe: Recipe) -> tuple[str, str, str]:
    return recipe.url.host_files[0], recipe.toxicity.word_lists[0], recipe.decontaminate.benchmarks[0].path


def test_every_key_that_names_a_file_is_known() -> None:
    named = re.compile(r".*(\.(model|models|spam_model|pieces|calibration|tokenizer)|_files|_lists)")
    keys = {key for key in known_keys() if named.fullmatch(key) and key not in Recipe.model_fields}
    assert set(FILES) == {*keys, "decontaminate.benchmarks.path"}


def test_a_run_is_asked_about_from_another_directory(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = load_recipe("mine.toml")
    assert paths_of(given) == ("hosts.txt", "words.txt", "bench.jsonl"), "what a run is told apart by stays as given"
    [source] = expand_inputs(["a.jsonl"])
    fingerprint = AnnotateJob("lake", source, given).fingerprint
    record, kept = json.dumps(recipe_record(given)), source.to_json()
    monkeypatch.chdir("/")
    recipe = recorded_recipe(record)
    assert paths_of(recipe) == tuple(str(project / name) for name in ("hosts.txt", "words.txt", "bench.jsonl"))
    assert recipe.mix.tokenizer == "s3://bucket/tokenizer.json"
    assert AnnotateJob("lake", Source.from_json(kept), recipe).fingerprint == fingerprint
    assert Source.from_json(kept).uri == str(project / "a.jsonl")
    assert str(project / "hosts.txt") in json.loads(record)["files"]


def test_what_a_lake_of_before_has_as_it_was_given_is_found_from_where_it_was_given(project: Path) -> None:
    old = load_recipe("mine.toml").model_dump_json()
    assert paths_of(recorded_recipe(old))[0] == str(project / "hosts.txt")


def test_files_beside_the_recipe_are_found_and_those_of_the_command_come_first(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "elsewhere").mkdir()
    monkeypatch.chdir(project / "elsewhere")
    Path("words.txt").write_text("poker\n")
    hosts, words, bench = paths_of(load_recipe("../mine.toml"))
    assert (words, Path(hosts).resolve(), Path(bench).is_file()) == ("words.txt", project / "hosts.txt", True)


def test_a_file_that_is_nowhere_is_told_with_where_it_was_looked_for(project: Path) -> None:
    recipe = load_recipe("mine.toml", ["language.model=none.bin"])
    [source] = expand_inputs(["a.jsonl"])
    with pytest.raises(UserError, match=re.escape(str(project / "none.bin"))):
        _ = AnnotateJob("lake", source, recipe).fingerprint
