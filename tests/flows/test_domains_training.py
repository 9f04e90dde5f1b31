"""A classifier of domains from labelled text: measured on what it has not seen, and the same for the same text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from pipeline.batch import DocumentBatch
from pipeline.domains.config import DomainsConfig
from pipeline.judging import run_stages

SUBJECTS = {
    "cooking": "Stir the {} flour and butter over a low flame until the sauce thickens, then season the soup.",
    "sailing": "Reef the {} mainsail before the wind rises, and keep the helm steady while the crew trims the jib.",
    "chess": "After the {} bishop takes the knight, black castles and the rook controls the open file.",
}


def texts(subject: str, count: int) -> list[str]:
    return [" ".join(SUBJECTS[subject].format(f"w{number}x{part}") for part in range(4)) for number in range(count)]


@pytest.fixture
def labelled(tmp_path: Path) -> list[str]:
    """Two domains in files of their own, the third in a file that labels its records."""
    inputs = []
    for subject in ("cooking", "sailing"):
        path = tmp_path / f"{subject}.jsonl"
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts(subject, 120)))
        inputs.append(f"{subject}={path}")
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps({"text": text, "domain": "chess"}) + "\n" for text in texts("chess", 120)))
    return [*inputs, str(path)]


def train(inputs: list[str], output: Path) -> Any:
    return CliRunner().invoke(app, ["domains", "train", *inputs, "--output", str(output), "--json"])


def test_it_tells_domains_apart_and_a_recipe_uses_it(labelled, tmp_path) -> None:
    done = train(labelled, tmp_path / "d.bin")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout[done.stdout.index("{") :])
    assert {row["domain"]: row["recall"] for row in report["domains"]} == dict.fromkeys(sorted(SUBJECTS), 1.0)
    assert sum(sum(row.values()) for row in report["confusion"].values()) > 40
    assert json.loads((tmp_path / "d.bin.json").read_text())["sha256"] == report["sha256"]
    batch = DocumentBatch.of_texts([texts("chess", 500)[-1], "Zwölf Boxkämpfer jagen Viktor.", ""])
    table = run_stages(batch, DomainsConfig(model=str(tmp_path / "d.bin"), min_prob=0.9).stages()).table
    domains, evidence = (table[name].to_pylist() for name in ("domain", "domain_evidence"))
    assert domains[0] == "chess" and evidence[0].startswith("classifier:chess=")
    assert domains[2] == "web" and evidence[2] == "default"
    assert table["topic_prob"][2].as_py() is None


def test_the_same_texts_give_the_same_bytes(labelled, tmp_path) -> None:
    for name in ("a.bin", "b.bin"):
        assert train(labelled, tmp_path / name).exit_code == 0
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["books"], "is not DOMAIN=INPUT"),
        (["cooking=cooking.jsonl"], "at least two"),
        (["cooking=cooking.jsonl", "few=few.jsonl"], "3 texts of few are too few"),
        (["bad.jsonl"], "line 1, is no record with a domain and a text"),
    ],
)
def test_mistakes_are_one_sentence(labelled, tmp_path, monkeypatch, inputs, said) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.jsonl").write_text('{"text": "a b c"}\n' * 3)
    (tmp_path / "bad.jsonl").write_text('{"text": "a b c"}\n')
    done = train(inputs, tmp_path / "d.bin")
    assert done.exit_code != 0 and said in str(done.exception or done.output)
