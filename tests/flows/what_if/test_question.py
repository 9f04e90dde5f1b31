"""What `winnow what-if` asks where it is told little: it starts from the settings of the lake's newest run, or of
one that is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows import recorded
from flows.annotate_task import AnnotateJob, annotate
from flows.cli import app
from flows.corpus_flow import write_run
from flows.corpus_plan import CorpusPlan
from flows.recipe import Recipe, changed_recipe, load_recipe, shipped_recipes
from flows.recorded import find_run, settings_for
from flows.what_if.question import ask_for
from storage.errors import UserError
from storage.lake import Lake
from storage.sources import Source
from tests.flows.archives import article, write_jsonl

MADE = ("gopher.min_words=90", "extract.min_text_chars=40", "pii.min_confidence=0.3")
"""What the run was made with: a limit and two settings that the shipped recipe has not."""
LOOSER = ("--set", "gopher.min_words=20")


def add_run(lake: Lake, archive: Path, recipe: str, changes: tuple[str, ...]) -> str:
    """A finished run, its pages and its row as a corpus run writes them; its id."""
    source = Source(str(archive), archive.name, "local", "web", archive.stat().st_size, None)
    loaded = load_recipe(recipe, changes)
    job = AnnotateJob(lake.root, source, loaded)
    plan = CorpusPlan(lake, loaded, 1, (job,))
    annotate(job)
    write_run(plan, "finished", plan.fingerprints, [])
    return plan.run_id


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Articles of one line to ten."""
    path = tmp_path_factory.mktemp("texts") / "articles.jsonl.gz"
    write_jsonl(path, ["\n".join(article(n).split("\n")[: n + 1]) for n in range(10)])
    return path


@pytest.fixture(scope="module")
def one_run(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("one") / "lake"))
    add_run(lake, archive, "fineweb", MADE)
    return lake


@pytest.fixture
def two_runs(one_run: Lake, archive: Path, tmp_path: Path) -> tuple[Lake, str, str]:
    """A lake with an older run and a newer one of another recipe, and their ids."""
    shutil.copytree(one_run.root, tmp_path / "lake")
    lake = Lake(str(tmp_path / "lake"))
    return lake, find_run(lake).run_id, add_run(lake, archive, "raw", ())


def what_if(lake: Lake, *words: str) -> Result:
    return CliRunner().invoke(app, ["what-if", *words, "--lake", lake.root])


def test_without_a_recipe_the_answer_is_that_of_every_setting_spelled_out(one_run: Lake) -> None:
    spelled = [word for change in MADE[1:] for word in ("--set", change)]
    short, long = what_if(one_run, *LOOSER), what_if(one_run, "fineweb", *spelled, *LOOSER)
    assert short.exit_code == long.exit_code == 0, (short.output, long.output)
    assert short.output == long.output and "gopher.min_words: 90 -> 20" in short.output
    asked, told = what_if(one_run, *LOOSER, "--json"), what_if(one_run, "fineweb", *spelled, *LOOSER, "--json")
    assert json.loads(asked.output) == json.loads(told.output)
    assert json.loads(asked.output)["summary"]["let_in_pages"] > 0


def test_without_anything_nothing_moves(one_run: Lake) -> None:
    assert what_if(one_run).output.startswith("no limit differs from the run's\n")


def test_a_recipe_that_the_run_did_not_have_is_refused_with_the_way_out(one_run: Lake) -> None:
    with pytest.raises(UserError, match=r"extract.min_text_chars|pii.min_confidence") as refused:
        ask_for(one_run, "fineweb", ["gopher.min_words=20"])
    assert "Leave RECIPE out" in str(refused.value)
    for recipe, changes in (("fineweb", [*MADE, "pii.min_confidence=0.9"]), (None, ["pii.min_confidence=0.9"])):
        with pytest.raises(UserError, match=r"pii.min_confidence") as refused:
            ask_for(one_run, recipe, changes)
        assert "RECIPE" not in str(refused.value)  # leaving it out would not help


def test_of_two_recipes_the_newest_run_is_taken_and_said_and_another_can_be_named(
    two_runs: tuple[Lake, str, str],
) -> None:
    lake, older, newer = two_runs
    taken = what_if(lake, "--json")
    assert json.loads(taken.stdout)["run_id"] == newer
    assert f"{newer} (raw)" in taken.stderr and f"--run takes another: {older} (fineweb)" in taken.stderr
    assert f"{older} (fineweb)" in what_if(lake).stderr
    for named in ("fineweb", older, older[:6]):
        other = what_if(lake, "--run", named, *LOOSER, "--json")
        found = json.loads(other.stdout)
        assert found["run_id"] == older and other.stderr == ""
        assert found["changes"] == [{"key": "gopher.min_words", "old": 90, "new": 20}]
    assert json.loads(what_if(lake, "--run", "latest", "--json").stdout)["run_id"] == newer
    with pytest.raises(
        UserError, match=r"no finished run of a recipe named 'dclm'.*It has raw, fineweb; `--run` takes one of these"
    ):
        ask_for(lake, None, (), "dclm")


def test_many_other_recipes_are_counted(two_runs: tuple[Lake, str, str], archive: Path) -> None:
    lake = two_runs[0]
    for words in range(10, 13):
        add_run(lake, archive, "raw", (f"gopher.min_words={words}",))
    assert "and 1 more." in what_if(lake).stderr


def test_a_lake_without_a_finished_run_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    empty = Lake(str(tmp_path / "lake"))
    with pytest.raises(UserError, match=r"has no finished corpus run. Make one: `winnow corpus fineweb INPUT"):
        ask_for(empty, None, ())
    with pytest.raises(UserError, match="no lake"):
        ask_for(Lake(str(tmp_path / "nowhere")), None, ())


def test_the_settings_of_a_run_are_printed(one_run: Lake) -> None:
    printed = CliRunner().invoke(app, ["recipe", "--run", "latest", "--lake", one_run.root]).output
    spelled = CliRunner().invoke(app, ["recipe", "fineweb", *(w for c in MADE for w in ("--set", c))]).output
    assert printed == spelled and "gopher.min_words = 90\n" in printed


def test_training_goes_by_the_settings_of_the_run_that_made_the_corpus(
    two_runs: tuple[Lake, str, str], archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = two_runs[0]
    (tmp_path / "mine.toml").write_text("[tokens]\nvocab_size = 700\n[training]\ntrain_tokens = 9000\n")
    add_run(lake, archive, str(tmp_path / "mine.toml"), ())
    for corpus in (None, "mine", "tokens of mine"):
        taken = settings_for(lake, None, ["tokens.sequence_length=64"], corpus)
        assert (taken.tokens.vocab_size, taken.tokens.sequence_length) == (700, 64)
        assert taken.training.train_tokens == 9000
    shipped = load_recipe("fineweb")
    assert settings_for(lake, None, (), "fineweb").tokens == shipped.tokens
    assert settings_for(lake, "fineweb", ()) == shipped == settings_for(Lake(str(tmp_path / "none")), None, ())
    with pytest.raises(UserError, match=r"no recipe key tokens\.vocab\.") as mistyped:
        settings_for(lake, None, ["tokens.vocab=3"])
    assert "--recipe" not in str(mistyped.value), "another recipe has no such key either"
    monkeypatch.setattr(recorded, "recorded_recipe", unreadable)
    with pytest.raises(UserError, match=r"older version\. --recipe takes the settings of another"):
        settings_for(lake, None, ())


def unreadable(text: str) -> Recipe:
    raise UserError("recorded by an older version.")


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_change_to_a_recipe_is_what_it_is_beside_all_others(name: str) -> None:
    first, second = (
        ["gopher.per_language.de={min_words=7}", "language.min_prob=0.4"],
        ["gopher.per_language.de.max_words=9"],
    )
    assert changed_recipe(load_recipe(name, first), second) == load_recipe(name, [*first, *second])
