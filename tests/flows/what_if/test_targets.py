"""Other target languages, asked of a lake whose model labels them as GlotLID does: answered, and made."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import fasttext
import pyarrow as pa
import pytest

from flows.annotate_task import AnnotateJob, annotate
from flows.recipe import load_recipe
from flows.recorded import recipe_record
from flows.what_if.derive import DeriveJob, derive
from flows.what_if.question import ask, funnel, summary
from storage import schema
from storage.catalog import Catalog
from storage.files import list_files, sha256_of
from storage.lake import Lake
from storage.shards import write_table
from storage.sources import Source

ENGLISH = (
    "The old mill by the river has two wheels, and one of them still turns when the water is high.",
    "On Sundays the people of the town bring bread and cheese and sit with their children in the grass.",
    "Nobody knows who built the mill, but the stones of its walls are those of the castle on the hill.",
    "In winter the wheels stand still, for the river is frozen and there is no grain to be ground.",
)
GERMAN = (
    "Die alte Mühle am Fluss hat zwei Räder, und eines davon dreht sich noch, wenn das Wasser hoch steht.",
    "Am Sonntag bringen die Leute aus der Stadt Brot und Käse und sitzen mit ihren Kindern im Gras.",
    "Niemand weiß, wer die Mühle gebaut hat, aber die Steine der Mauern stammen von der Burg auf dem Berg.",
    "Im Winter stehen die Räder still, denn der Fluss ist gefroren und es gibt kein Korn zu mahlen.",
)
FRENCH = (
    "Le vieux moulin près de la rivière a deux roues, et l'une d'elles tourne encore quand l'eau est haute.",
    "Le dimanche, les gens de la ville apportent du pain et du fromage et s'assoient dans l'herbe.",
    "Personne ne sait qui a construit le moulin, mais les pierres des murs sont celles du château.",
    "En hiver les roues ne bougent pas, car la rivière est gelée et il n'y a pas de grain à moudre.",
)
PAGES = {
    "english": [*ENGLISH], "english short": [*ENGLISH[:2]], "german": [*GERMAN], "german short": [*GERMAN[:3]],
    "french": [*FRENCH], "english, then german": [*ENGLISH, *GERMAN], "german, then english": [*GERMAN, *ENGLISH],
    "english, a mail": [*ENGLISH, "Write to miller@mill-museum.org if you want to see it."], "blank": [" "],
}  # fmt: skip
BASE = (
    "gopher.min_words=50", "gopher.stop_words=['the','and','of','die','und','der','la','le','et']",
    "gopher.per_language.deu_Latn.min_words=60", "language.min_prob=0.4", "c4.min_sentences=2",
    "language.min_probs.deu_Latn=0.3", "language.max_other_language_frac=0.4", "language.part_chars=90",
)  # fmt: skip
TABLES = ("pages/", "documents/", "bands/", "pii/")
TARGETS = ("['eng_Latn','deu_Latn']", "['deu_Latn']", "[]", "['fra_Latn','eng_Latn']")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small fastText model of three languages, labelled as GlotLID labels them."""
    folder = tmp_path_factory.mktemp("model")
    labelled = {"eng_Latn": ENGLISH, "deu_Latn": GERMAN, "fra_Latn": FRENCH}
    lines = [f"__label__{label} {text}" for label, texts in labelled.items() for text in texts]
    (folder / "train.txt").write_text("\n".join(lines * 20), encoding="utf-8")
    trained = fasttext.train_supervised(
        str(folder / "train.txt"), dim=16, epoch=10, lr=0.5, minn=2, maxn=4, bucket=5000, thread=1, verbose=0
    )
    trained.save_model(str(folder / "model.bin"))
    return folder / "model.bin"


def job_for(lake: Path, model: Path, targets: str) -> AnnotateJob:
    """The pages as one archive, under those targets."""
    rows = [{"url": f"https://mill.test/{name}", "text": "\n".join(lines)} for name, lines in PAGES.items()]
    data = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0)
    path = model.parent / "pages.jsonl.gz"
    path.write_bytes(data)
    recipe = load_recipe("fineweb", [*BASE, f"language.model='{model}'", f"language.targets={targets}"])
    source = Source(str(path), path.name, "c1", "web", len(data), hashlib.sha256(data).hexdigest())
    return AnnotateJob(str(lake), source, recipe)


@pytest.fixture(scope="module")
def english(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, AnnotateJob]:
    """A lake in which English alone was asked for, with its run."""
    job = job_for(tmp_path_factory.mktemp("english") / "lake", model, "['eng_Latn']")
    annotate(job)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    run = {
        "run_id": "r1", "flow": "corpus", "name": "fineweb", "recipe": json.dumps(recipe_record(job.recipe)),
        "state": "finished", "started_at": now, "finished_at": now, "failed": [],
        "steps": [{"step": "annotate", "key": job.label, "fingerprint": job.fingerprint}],
    }  # fmt: skip
    lake = Lake(job.lake)
    write_table(lake.root, lake.run_path("r1"), "runs", pa.Table.from_pylist([run], schema.RUNS))
    return lake, job


def test_a_model_with_scripts_in_its_labels_works_from_end_to_end(english: tuple[Lake, AnnotateJob]) -> None:
    rows = Catalog(english[0]).query("SELECT url, language, fate, failed_rules FROM pages").to_pylist()
    found = {row["url"].rpartition("/")[2]: row for row in rows}
    assert {name for name, row in found.items() if row["fate"] == "kept"} == {"english", "english, a mail"}
    assert found["german"]["language"] == "deu_Latn"
    assert found["german"]["failed_rules"][0] == "language.language_is_target"
    assert found["english, then german"]["failed_rules"][0] == "language.other_language_frac"  # mixed, and flagged
    assert found["english short"]["failed_rules"] == ["gopher.word_count"]
    told = {row["language"]: row["kept"] for row in Catalog(english[0]).query("FROM funnel_by_language").to_pylist()}
    assert told == {"eng_Latn": 2, "deu_Latn": 0, "fra_Latn": 0, None: 0}


@pytest.mark.parametrize("targets", TARGETS)
def test_applying_other_targets_gives_the_bytes_of_a_full_run(
    targets: str, model: Path, english: tuple[Lake, AnnotateJob], tmp_path: Path
) -> None:
    lake, old = english
    new, full = job_for(Path(lake.root), model, targets), job_for(tmp_path / "lake", model, targets)
    archive = lake.archive_row("c1", old.source.archive, old.fingerprint)
    assert archive is not None
    row, wanted = derive(DeriveJob(old, new, archive)), annotate(full)
    assert row["fingerprint"] == wanted["fingerprint"]
    for name in (name for name in wanted if name.endswith(("_records", "_bytes"))):
        assert row[name] == wanted[name], name
    assert {path: digest for path, digest in digests(lake).items() if new.fingerprint in path} == digests(
        Lake(full.lake)
    )


def digests(lake: Lake) -> dict[str, str]:
    names = {path.removeprefix(f"{lake.root}/"): path for path in list_files(lake.root)}
    return {name: sha256_of(path) for name, path in names.items() if name.startswith(TABLES)}


def test_the_question_says_who_goes_and_who_must_be_looked_at(english: tuple[Lake, AnnotateJob]) -> None:
    lake, job = english
    changes = [*BASE, f"language.model='{job.recipe.language.model}'", "language.targets=['deu_Latn']"]
    asked = ask(lake, load_recipe("fineweb", changes))
    assert [change.key for change in asked.difference.limits] == ["language.targets"]
    found = summary(asked)
    assert (found["kept_pages"], found["put_out_pages"], found["new_kept_pages"]) == (2, 2, 0)
    assert found["unmeasured_pages"] == found["read_again_pages"] == 2  # every German page is read again, no other
    language = next(row for row in funnel(asked) if row["stage"] == "language")
    assert (language["old_dropped"], language["new_dropped"]) == (6, 7)
