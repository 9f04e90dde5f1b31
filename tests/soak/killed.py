"""kill -9 in every flow at random moments, ten times: what is resumed has the same bytes as what never stopped.

    python -m tests.soak.killed [--kills 10] [--seed 0] [FLOW...]

Each flow runs as its command does, in a process of its own, without Prefect: tasks are done where they are submitted,
so that a run takes seconds. (Pools under Prefect are killed in tests/flows/test_corpus_workers.py.) Trainings are
processes beside it, as always, and are left to themselves when it is killed. How long a flow takes is measured first;
then it is killed at moments drawn from that time, started again where it was left, until that many kills have landed.
A run that ends before its kill is compared, and the next begins anew.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from prefect import Flow, Task

from flows.cli import app
from flows.corpus_plan import CorpusRequest
from flows.watch_flow import watch_flow
from storage.database import load_extension
from storage.errors import UserError
from storage.files import sha256_of
from tests.flows import plain

PRELOADED = ["flows.cli", "flows.commands", "flows.watch_flow", "tests.flows.plain"]
"""What processes begin with: importing it takes longer than a flow."""

CLOCKS = re.compile(
    r"_at$|seconds|per_second|per_hour|wall|wait|cpu|device|process|flops_rate|mfu|^bytes$|^sha256$|_bytes$"
)
"""Names of what no two runs have in common: times and rates, and sizes and digests of files that hold them."""

UNSETTLED = ("leases/", "runs/", "costs/", "manifest")
"""Who ran when, what it took, and what is made of the rest."""

FOLDERS = (
    *("pages", "documents", "bands", "pii", "duplicates", "spans", "corpus", "tokens", "checkpoints", "exported"),
    "models",
)
"""Of files that are the same to the bit."""

SIZES = (
    *("--set", "model.d_model=32", "--set", "model.n_layers=1", "--set", "model.n_heads=2"),
    *("--set", "model.n_kv_heads=1", "--set", "training.train_tokens=20000", "--set", "training.batch_tokens=512"),
)
_SHAPES = [f"{{d_model={width},n_layers=1,n_heads=2,n_kv_heads=2}}" for width in (32, 48, 64)]
SEQUENCES = ("--set", "tokens.vocab_size=512", "--set", "tokens.sequence_length=64")
LADDER = ("--set", "scaling.train_tokens=[8000, 16000, 32000]", "--set", f"scaling.sizes=[{','.join(_SHAPES)}]")
PAIRS = ("--set", "scaling.train_tokens=[8000, 16000]", "--set", f"scaling.sizes=[{','.join(_SHAPES[:2])}]")
FINETUNE = ("--set", "min_steps=40", "--set", "batch_examples=8", "--threads", "1")
SIDES = ("--positive", "films.jsonl", "--negative", "lake")
COMMANDS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "corpus": (None, ("corpus", "fineweb", "inbox", "--workers", "2")),
    "watch": ("corpus", ("watch",)),
    "what-if": ("corpus", ("what-if", "fineweb", "--set", "gopher.min_words=100", "--apply")),
    "mix": ("corpus", ("corpus", "fineweb", "inbox", "--workers", "2", "--set", "mix.budget_tokens=3000")),
    "catalog": ("corpus", ("catalog", "export", "--ducklake", "meta.ducklake")),
    "compare": ("corpus", ("scaling", "compare", "fineweb", "short.toml", "inbox", *SEQUENCES, *PAIRS)),
    "forget": ("corpus", ("forget", "--host", "h1.test", "--copies")),
    "tokens": ("corpus", ("tokens", *SEQUENCES)),
    "pretrain": ("tokens", ("pretrain", *SIZES)),
    "scaling": ("tokens", ("scaling", "run", "fineweb", *LADDER)),
    "evaluate": ("pretrain", ("evaluate",)),
    "embeddings": ("pretrain", ("embeddings", "--set", "embeddings.epochs=1", "--set", "embeddings.buckets=2000")),
    "finetune": ("pretrain", ("finetune", "classification", "films.txt", *FINETUNE)),
    "export": ("pretrain", ("export", "exported")),
    "report": ("pretrain", ("report",)),
    "perplexity": ("corpus", ("quality", "train-perplexity", "lake", "--output", "models/words.bin")),
    "classifier": ("corpus", ("quality", "train-classifier", *SIDES, "--output", "models/quality.bin")),
    "domains": ("corpus", ("domains", "train", "web=lake", "reviews=films.jsonl", "--output", "models/domains.bin")),
}
"""By flow: the one whose lake it begins with, and its command."""


ALREADY = {"export": "holds a model already"}
"""What a flow ends with that was killed after its last file: all is there."""


@dataclass
class Told:
    """What became of a flow."""

    seconds: float
    kills: int = 0
    ended: int = 0
    problems: list[str] = field(default_factory=list)


def soak(name: str, base: Path, work: Path, kills: int, seed: int) -> Told:
    """Kill a flow that many times; what it came to.

    Args:
        base: Folder it begins with.
        work: Empty folder; the uninterrupted run is left in `work/whole`.
    """
    draw, whole = random.Random(f"{name} {seed}"), work / "whole"
    shutil.copytree(base, whole)
    started = time.monotonic()
    if code := run(name, whole, None):
        return Told(0, problems=[f"uninterrupted, it ended with code {code}: {last_words(whole)}"])
    told = Told(time.monotonic() - started)
    expected, cut = contents(whole), work / "cut"
    shutil.copytree(base, cut)
    while told.kills < kills or cut.exists():
        moment = draw.uniform(0, told.seconds) if told.kills < kills else None
        code = run(name, cut, moment)
        if code == -signal.SIGKILL:
            told.kills += 1
            continue
        told.ended += 1
        code = 0 if code and ALREADY.get(name, "\n") in last_words(cut) else code
        differs = [] if code else sorted(different(expected, contents(cut)))
        if code or differs:
            told.problems.append(f"code {code}, {last_words(cut) if code else differs[:5]}")
        shutil.rmtree(cut)
        if told.kills < kills:
            shutil.copytree(base, cut)
    return told


def run(name: str, folder: Path, kill_after: float | None) -> int | None:
    """Run a flow in a folder; its exit code, -9 where it was killed."""
    process = multiprocessing.get_context("forkserver").Process(target=work_at, args=(name, str(folder)))
    process.start()
    process.join(kill_after if kill_after is not None else 600)
    if process.is_alive():
        assert process.pid is not None
        with suppress(ProcessLookupError):  # it had no session yet
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
    return process.exitcode


def work_at(name: str, folder: str) -> None:
    """In a process and a session of its own: the flow's command."""
    os.setsid()
    os.chdir(folder)
    with open("log.txt", "w") as log:  # noqa: PTH123
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    Flow.__call__ = lambda flow, *given, **named: flow.fn(*given, **named)  # type: ignore[method-assign, assignment]
    Task.__call__ = lambda task, *given, **named: task.fn(*given, **named)  # type: ignore[method-assign, assignment]
    Task.submit = lambda task, *given: plain.Done(task, given)  # type: ignore[method-assign, assignment]
    if name == "watch":
        watch_flow(CorpusRequest(recipe="fineweb", inputs=("inbox", "more"), lake="lake", workers=2, in_parts=True))
        return
    command = COMMANDS[name][1]
    lake = () if "--output" in command else ("--lake", "lake")  # those write a file, and name what they read
    app([*command, *lake], standalone_mode=False)


def contents(folder: Path) -> dict[str, Any]:
    """What must be the same, by path: a digest, or rows without their times."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder)).removeprefix("lake/")
        if (
            not path.is_file()
            or name.startswith(UNSETTLED)
            or "tensorboard" in name
            or path.suffix in (".txt", ".duckdb", ".html")
        ):
            continue
        if path.suffix == ".ducklake":
            found[name] = registered(path, folder)
        elif name.startswith(FOLDERS) and path.suffix != ".json":
            found[name] = sha256_of(str(path))
        elif path.suffix == ".parquet":
            found[name] = timeless(pq.ParquetFile(path).read().to_pylist())
        else:
            found[name] = "there"
    return found


def registered(catalogue: Path, folder: Path) -> dict[str, list[str]]:
    """A DuckLake catalogue's files below a folder, by table."""
    with closing(duckdb.connect()) as connection:
        load_extension(connection, "ducklake")
        connection.execute(f"ATTACH 'ducklake:{catalogue}' AS lake (READ_ONLY)")
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'").fetchall()
        listed = "SELECT data_file FROM ducklake_list_files('lake', $1)"
        return {
            table: sorted(path.removeprefix(str(folder)) for (path,) in connection.execute(listed, [table]).fetchall())
            for (table,) in sorted(tables)
        }


def timeless(value: Any) -> Any:
    """A value without what tells of times and machines; JSON is looked into."""
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return timeless(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: timeless(one) for key, one in value.items() if not CLOCKS.search(key)}
    return [timeless(one) for one in value] if isinstance(value, list) else value


def different(expected: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    """Paths that are missing, unasked for, or not the same."""
    for name in expected.keys() | found.keys():
        if name not in found or name not in expected:
            yield f"{name} is only in {'the whole' if name in expected else 'the resumed'}"
        elif expected[name] != found[name]:
            yield f"{name} differs{_where(expected[name], found[name])}"


def _where(expected: Any, found: Any) -> str:
    """The columns in which two tables of as many rows differ."""
    if not (isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found)):
        return ""
    pairs = list(zip(expected, found, strict=True))
    columns = {key for one, other in pairs for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return f" in {', '.join(sorted(columns))}"


def last_words(folder: Path) -> str:
    """The end of what a run said."""
    return " / ".join((folder / "log.txt").read_text(errors="replace").strip().splitlines()[-4:])


def prepare(folder: Path) -> None:
    """The inputs that flows begin with."""
    for name, numbers in (("inbox", range(4)), ("more", range(4, 7))):
        (folder / name).mkdir(parents=True)
        for number in numbers:
            plain.arrive(folder / name, number, pages=12)
    words = {"good": ("good", "fine", "bright"), "bad": ("bad", "dull", "grey")}
    lines = [f"{label} a {words[label][n % 3]} film no {n}" for n in range(24) for label in words]
    (folder / "films.txt").write_text("\n".join(lines))
    (folder / "short.toml").write_text("[gopher]\nmin_words = 30\n")
    texts = [{"text": line, "domain": "reviews"} for line in lines]
    (folder / "films.jsonl").write_text("\n".join(map(json.dumps, texts)))


def soak_all(names: list[str], kills: int, seed: int, root: Path) -> dict[str, Told]:
    """Those flows, and those they begin with; what became of each, told as it comes."""
    prepare(root / "inputs")
    first = multiprocessing.get_context("forkserver").Process(target=int)
    first.start()
    first.join()  # what processes begin with is there now, so that none waits for it
    told: dict[str, Told] = {}
    for name, (before, _) in COMMANDS.items():
        needed = name in names or any(name in ancestors(other) for other in names)
        if not needed:
            continue
        if lacks := name == "catalog" and missing("ducklake"):
            print(f"{name}: left out: {lacks}", flush=True)
            continue
        base = root / before / "whole" if before else root / "inputs"
        told[name] = soak(name, base, root / name, kills if name in names else 0, seed)
        one = told[name]
        said = f"{name}: {one.seconds:.1f} s, killed {one.kills} times, ended {one.ended} times, "
        print(said + (" / ".join(one.problems) or "the same each time"), flush=True)
        if one.problems and not (root / name / "whole").exists():
            break
    return told


def missing(extension: str) -> str:
    """What is said of a DuckDB extension that is not to be had; empty where it is."""
    with closing(duckdb.connect()) as connection:
        try:
            load_extension(connection, extension)
        except UserError as error:
            return error.message
    return ""


def ancestors(name: str) -> Iterator[str]:
    """What a flow begins with, and that with."""
    before = COMMANDS[name][0]
    if before:
        yield before
        yield from ancestors(before)


def main() -> int:
    """Soak the flows named, or all; 1 where anything differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("flows", nargs="*", default=[], metavar="FLOW", help=", ".join(COMMANDS))
    options = parser.parse_args()
    os.environ |= {"PREFECT_API_URL": "http://127.0.0.1:9/api", "OMP_NUM_THREADS": "1"}  # nobody is asked there
    multiprocessing.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory() as folder:
        told = soak_all(options.flows or list(COMMANDS), options.kills, options.seed, Path(folder))
    return 1 if any(one.problems for one in told.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
