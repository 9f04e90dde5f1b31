"""Do Winnow and datatrove measure and judge alike? The same texts through both.

    python -m tests.bench.agreement [--pages 400] [--venv DIR]

Texts: pages of `docs-crawl` and `wcxb-dev`, extracted once with resiliparse, and the shared clean texts, so many of
each.
Numbers are compared where datatrove's own functions are given Winnow's words: they agree to 1e-9, or the difference
is named here and pinned by a test. Keep or drop is compared with each side's own words. Addresses are the
archives' own, half of them with listed words put in, and go through both sides' rules with the same lists. Exit code 1
where a number differs unexplained, or less than 99.5 % of the pages or addresses are judged alike.

datatrove has an environment of its own, as in `vs_datatrove`.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard
from rich.console import Console
from rich.table import Table

from flows.recipe import load_recipe
from pipeline.archive.page import host_of, to_page
from pipeline.archive.reader import read_archive
from pipeline.archive.records import Page, Record
from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from tests.bench.vs_datatrove import ROOT, default_environment, prepare_environment

DATA = ROOT.parent / "shared" / "data"
CLOSE, ALIKE = 1e-9, 0.995
STAGES = ("gopher_repetition", "gopher_quality", "c4", "fineweb")
EXPLAINED = {
    f"dup_{n}gram_chars_frac": 'joins the words of n-grams by nothing: "ab c" is "a bc" to it' for n in range(5, 11)
}
"""Signals that may differ, and why: tests/pipeline/kernels/test_repeats.py pins it."""


def main() -> None:
    """Compare, print the tables, fail where the two disagree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pages", type=int, default=400, help="at most so many of each source")
    parser.add_argument("--venv", type=Path, default=default_environment(), help="datatrove's virtual environment")
    options = parser.parse_args()
    sources = {name: list(itertools.islice(texts, options.pages)) for name, texts in all_texts().items()}
    texts = list(dict.fromkeys(text for found in sources.values() for text in found))
    urls = list(all_urls(4 * options.pages))
    theirs = datatrove(texts, urls, prepare_environment(options.venv))
    signals = compare_signals(measure(texts), theirs["signals"])
    verdicts = compare_verdicts(texts, theirs["verdicts"]) | compare_urls(urls, theirs["urls"])
    Console(width=110).print(", ".join(f"{len(found)} of {name}" for name, found in sources.items()))
    Console(width=110).print(signals_table(signals), verdicts_table(verdicts))
    unexplained = [name for name, row in signals.items() if row["differ"] and name not in EXPLAINED]
    sys.exit(bool(unexplained) or min(verdicts["all four"], verdicts["url"]) < ALIKE)


def all_texts() -> dict[str, Iterator[str]]:
    """Source to its texts."""
    clean = sorted((DATA / "text").glob("*.jsonl.zst"))
    return {
        "docs-crawl": itertools.chain(*map(extracted, sorted((DATA / "warc" / "docs-crawl").glob("*.warc.gz")))),
        "wcxb-dev": extracted(DATA / "warc" / "wcxb-dev.warc.gz"),
        "clean texts": (text for row in zip(*map(clean_texts, clean), strict=False) for text in row),
    }


def extracted(path: Path) -> Iterator[str]:
    """The text of each html page of an archive."""
    stages = load_recipe("raw").extract.stages()
    with path.open("rb") as stream:
        reader = read_archive(stream, path.name, path.stat().st_size)
        pages = (to_page(item, load_recipe("raw").archive) for item in reader if isinstance(item, Record))
        for page in pages:
            if isinstance(page, Page):
                columns = {
                    "mime": pa.array([page.mime]),
                    "charset_hint": pa.array([page.charset_hint], pa.string()),
                    "body": pa.array([page.body], pa.binary()),
                    "text": pa.array([page.text], pa.string()),
                }
                text = run_stages(DocumentBatch(columns), stages).table["text"][0].as_py()
                if text:
                    yield text


def clean_texts(path: Path) -> Iterator[str]:
    """The first 20,000 characters of each text of a file: novels take spaCy too long."""
    with path.open("rb") as stream:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stream), encoding="utf-8"):
            yield json.loads(line)["text"][:20_000]


def all_urls(count: int) -> Iterator[str]:
    """Addresses of the archives' pages, every second one with one or two listed words or strings put into it."""
    lists = url_lists()
    listed = [*lists["words"], *lists["soft_words"], *lists["strings"]]
    for number, url in enumerate(itertools.islice(page_urls(), count)):
        if number % 2:
            joint = ("/", "-", "")[number % 3]
            url += joint + listed[number % len(listed)] + joint + listed[(7 * number) % len(listed)]
        yield url


def page_urls() -> Iterator[str]:
    """Addresses of the archives' records, in order."""
    for path in (*sorted((DATA / "warc" / "docs-crawl").glob("*.warc.gz")), DATA / "warc" / "wcxb-dev.warc.gz"):
        with path.open("rb") as stream:
            for item in read_archive(stream, path.name, path.stat().st_size):
                if isinstance(item, Record) and item.url and item.url.startswith("http"):
                    yield item.url


def url_lists() -> dict[str, list[str]]:
    """The default lists of the `url` family, and a host of the archives with a domain that is none."""
    section = load_recipe("fineweb").url
    hosts = ["docs.python.org", "www.gnu.org", "example.com"]
    return {
        "hosts": hosts,
        **{name: list(getattr(section, name)) for name in ("words", "soft_words", "strings")},
    }


def compare_urls(urls: list[str], theirs: list[bool]) -> dict[str, float]:
    """Share of addresses that both sides keep, or both drop."""
    section = load_recipe("fineweb", [f"url.hosts={json.dumps(url_lists()['hosts'])}"]).url
    columns = {"url": pa.array(urls), "host": pa.array([host_of(url) for url in urls])}
    kept = run_stages(DocumentBatch(columns), section.stages()).kept
    return {"url": float(np.mean(kept == np.array(theirs))), "url: dropped by Winnow": float(np.mean(~kept))}


def datatrove(texts: list[str], urls: list[str], python: Path) -> dict[str, Any]:
    """datatrove's signals and verdicts of the texts, and which addresses it keeps."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "texts.json"), Path(folder, "results.json")
        words = [words_of(text) for text in texts]
        given.write_text(json.dumps({"texts": texts, "words": words, "urls": urls, "lists": url_lists()}))
        script = Path(__file__).with_name("agreement_side.py")
        done = subprocess.run([python, script, given, found], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{script.name} failed:\n{done.stderr[-2000:]}")
        results: dict[str, Any] = json.loads(found.read_text())
        return results


def words_of(text: str) -> list[str]:
    """Winnow's words: the text without white space, cut by their lengths."""
    letters, ends = "".join(text.split()), np.cumsum(DocumentBatch.of_texts([text]).words.chars)
    return [letters[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def measure(texts: list[str]) -> list[dict[str, Any]]:
    """Winnow's signals of each text, FineWeb's of the text as it is."""
    recipe = load_recipe("fineweb")
    stages = [stage for part in (recipe.gopher, recipe.fineweb) for stage in part.stages()]
    rows: list[dict[str, Any]] = run_stages(DocumentBatch.of_texts(texts), stages).table.to_pylist()
    return rows


def compare_signals(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """For each signal: values compared, how many differ by over `CLOSE`, by how much at most."""
    found: dict[str, dict[str, float]] = {}
    for mine, other in zip(ours, theirs, strict=True):
        for name, value in other.items():
            row = found.setdefault(name, {"values": 0, "differ": 0, "most": 0.0})
            if value is None and mine[name] is None:
                continue
            gap = abs(mine[name] - value) if None not in (mine[name], value) else np.inf
            row["values"] += 1
            row["differ"] += gap > CLOSE
            row["most"] = max(row["most"], gap)
    return found


def compare_verdicts(texts: list[str], theirs: list[dict[str, Any]]) -> dict[str, float]:
    """Share of pages each stage, and all four together, judge alike. FineWeb's rules, and whether the text is the
    same, of the pages that C4 keeps on both sides: datatrove rewrites no others."""
    recipe = load_recipe("fineweb")
    stages = [stage for part in (recipe.gopher, recipe.c4, recipe.fineweb) for stage in part.stages()]
    table = run_stages(DocumentBatch.of_texts(texts), stages).table
    names = {rule.name: stage.name for stage in stages for rule in stage.rules}
    alike: Counter[str] = Counter()
    both = 0
    for row, other in zip(table.select(["text", "failed_rules"]).to_pylist(), theirs, strict=True):
        failed = {names[rule] for rule in row["failed_rules"]}
        alike.update(stage for stage in STAGES[:-1] if (stage not in failed) == other[stage])
        alike["all four"] += (not failed) == all(other[stage] for stage in STAGES)
        if "c4" not in failed and other["c4"]:
            both += 1
            alike["fineweb"] += ("fineweb" not in failed) == other["fineweb"]
            alike["text after C4"] += row["text"] == other["c4_text"]
    shares = {name: alike[name] / len(texts) for name in (*STAGES, "all four")}
    return shares | {name: alike[name] / max(both, 1) for name in ("fineweb", "text after C4")}


def signals_table(signals: dict[str, dict[str, float]]) -> Table:
    table = Table(title="numbers, with the same words")
    for heading in ("signal", "values", "differ by over 1e-9", "at most by", "why"):
        table.add_column(heading, justify="left" if heading in ("signal", "why") else "right")
    for name, row in signals.items():
        why = EXPLAINED.get(name, "") if row["differ"] else ""
        table.add_row(name, f"{row['values']:,}", f"{row['differ']:,}", f"{row['most']:.2g}", why)
    return table


def verdicts_table(verdicts: dict[str, float]) -> Table:
    table = Table(title="pages judged alike, each side with its own words")
    for name in ("stage", "share"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for name, share in verdicts.items():
        table.add_row(name, f"{share:.2%}")
    return table


if __name__ == "__main__":
    main()
