"""Does lm-evaluation-harness, run on an export, say what `winnow evaluate` says? Item by item.

    python -m tests.bench.harness --lake LAKE [--training NAME] [--limit 50] [--documents 20] [--venv DIR]

Questions: `../shared/data/zeroshot`. Documents: those held out of the training's tokens, by the rolling
log-likelihood (a stride of the whole window). The harness has an environment of its own, named by --venv or
WINNOW_HARNESS_VENV: `pip install 'lm_eval[hf]' torch`. Exit code 1 where a number differs by more than 1e-4 of itself,
or a greedy answer does.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.evaluation import encode, metrics, read_benchmark, score_options
from flows.exporting import export
from flows.generation import find_training, load_language
from flows.held_out import Scorer, held_out_documents
from pipeline.questions import read_questions
from pipeline.tokens import Tokenizer
from storage.lake import Lake
from tests.bench.vs_datatrove import ROOT

DATA = ROOT.parent / "shared" / "data" / "zeroshot"
CLOSE = 1e-4
DOCUMENTS = "held_out_documents"


def main() -> None:
    """Evaluate on both sides, print the table, fail where they differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lake", required=True)
    parser.add_argument("--training", default="latest")
    parser.add_argument("--limit", type=int, default=50, help="questions of each file")
    parser.add_argument("--documents", type=int, default=20, help="held-out documents")
    parser.add_argument("--venv", type=Path, default=Path(os.environ.get("WINNOW_HARNESS_VENV", "harness-venv")))
    options = parser.parse_args()
    python = options.venv / "bin" / "python"
    if not python.is_file():
        sys.exit(f"there is no {python}; make it: python -m venv {options.venv}; pip install 'lm_eval[hf]' torch")
    if not DATA.is_dir():
        sys.exit("this benchmark reads ../shared/data/zeroshot, which is not there")
    lake = Lake(options.lake)
    row = find_training(lake, options.training)
    files = {path.stem: path for path in sorted([*DATA.glob("*.jsonl"), *DATA.glob("blimp/*.jsonl")])}
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = both(lake, row, files, options, Path(folder), python)
    sys.exit(0 if report(theirs, ours) else 1)


def both(
    lake: Lake, row: dict[str, Any], files: dict[str, Path], options: argparse.Namespace, folder: Path, python: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What each side found: by name, `metrics` and `items`."""
    tokenizer, tokens = load_language(lake, row["checkpoint"].rpartition("/")[0])
    export(lake, row["training_id"], str(folder / "model"))
    chosen = held_out_documents(lake, tokens, None)[: options.documents]
    texts = folder / f"{DOCUMENTS}.jsonl"
    texts.write_text("".join(json.dumps({"text": document.text}) + "\n" for document in chosen))
    kept = {
        name: fitting(path, folder, tokenizer, tokens.sequence_length, options.limit) for name, path in files.items()
    }
    tasks = {name: str(path) for name, path in (kept | {DOCUMENTS: texts}).items()}
    (folder / "tasks.json").write_text(json.dumps(tasks))
    script = Path(__file__).with_name("harness_side.py")
    arguments = [folder / "model", tokens.sequence_length, options.limit, folder / "tasks.json", folder / "out.json"]
    subprocess.run([python, script, *map(str, arguments)], check=True)
    ours: dict[str, Any] = {}
    for name, path in kept.items():
        benchmark = read_benchmark(str(path))
        scored = score_options(lake, row, benchmark, start_token=False, threads=1, device="cpu")
        answers, left = [], list(scored)
        for question in benchmark.questions:
            answers.append([[-nats, greedy] for nats, greedy in left[: len(question.options)]])
            left = left[len(question.options) :]
        found = {one["metric"]: one["value"] for one in metrics(benchmark.questions, scored)}
        ours[name] = {"metrics": found, "items": answers}
    _, documents = Scorer(lake, row, tokenizer, tokens, tokens.sequence_length, 1, "cpu").score(chosen)
    limited = documents[: options.limit]
    bits = sum(one.nats for one in limited) / math.log(2) / sum(one.bytes for one in limited)
    ours[DOCUMENTS] = {"metrics": {"bits_per_byte": bits}, "items": [-one.nats for one in limited]}
    return json.loads((folder / "out.json").read_text()), ours


def fitting(path: Path, folder: Path, tokenizer: Tokenizer, seen: int, limit: int) -> Path:
    """A file of the first questions whose endings all fit into the model: others the harness refuses."""
    lines = []
    for line in path.read_text().splitlines():
        [question] = read_questions([line], path.stem)
        if all(len(encode(tokenizer, *option, False)[1]) <= seen for option in question.options):
            lines.append(line)
        else:
            print(f"{path.stem}: a question with an ending of more than {seen} tokens is left out", file=sys.stderr)
        if len(lines) == limit:
            break
    (folder / path.name).write_text("\n".join(lines))
    return folder / path.name


def report(theirs: dict[str, Any], ours: dict[str, Any]) -> bool:
    """Print a row a benchmark; whether nothing differs."""
    shown = Table("benchmark", "items", "metric", "winnow", "harness", "largest difference", "greedy differs")
    good = True
    for name, found in ours.items():
        pairs = list(zip(map(flat, found["items"]), map(flat, theirs[name]["items"]), strict=True))
        numbers = [(a, b) for one, other in pairs for a, b in zip(one[0], other[0], strict=True)]
        worst = max(abs(a - b) / max(abs(b), 1.0) for a, b in numbers)
        greedy = sum(one[1] != other[1] for one, other in pairs)
        for metric, value in found["metrics"].items():
            other = theirs[name]["metrics"].get(metric)
            alike = other is not None and math.isclose(value, other, rel_tol=1e-3)
            good &= alike
            told = "" if other is None else f"{other:.4f}"
            shown.add_row(name, str(len(pairs)), metric, f"{value:.4f}", told, f"{worst:.1e}", str(greedy))
        good &= worst <= CLOSE and not greedy
    Console().print(shown)
    return bool(good)


def flat(item: Any) -> tuple[list[float], list[bool]]:
    """Log-likelihoods of an item's options, and whether each is greedy."""
    if isinstance(item, float):
        return [item], []
    pairs = [one for one in item if isinstance(one, list)] or [item]
    if len(pairs) == 1 and len(pairs[0]) == 1:
        return [float(pairs[0][0])], []
    return [float(one[0]) for one in pairs], [str(one[1]) == "True" for one in pairs]


if __name__ == "__main__":
    main()
