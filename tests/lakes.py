"""Small lakes, written as the flows write them, for tests of what reads a lake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from storage import schema
from storage.lake import Lake
from storage.shards import Output, write_table
from storage.sources import Source

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
STAGES = ("extract", "language", "gopher")
RULES = (
    {
        "name": "gopher.word_count",
        "signal": "word_count",
        "low": 50.0,
        "high": 1000.0,
        "knob": "gopher.min_words",
    },
    {
        "name": "language.language_prob",
        "signal": "language_prob",
        "low": 0.65,
        "high": None,
        "knob": "language.min_prob",
    },
)
SIGNALS = (
    pa.field("word_count", pa.float64()),
    pa.field("language", pa.string()),
    pa.field("language_prob", pa.float64()),
)


@dataclass(frozen=True)
class PageSpec:
    """One row of an archive: kept unless a rule or a cause is given."""

    name: str
    rules: tuple[str, ...] = ()
    unreadable: str | None = None
    length: int = 100
    signals: Mapping[str, Any] = field(
        default_factory=lambda: {"word_count": 80.0, "language": "en", "language_prob": 0.9}
    )

    @property
    def fate(self) -> str:
        return "unreadable" if self.unreadable else "dropped" if self.rules else "kept"


def pages_of(crawl: str, archive: str, specs: Sequence[PageSpec], signals: Sequence[pa.Field] = SIGNALS) -> pa.Table:
    """The ledger rows of one archive; records lie one after another."""
    rows, offset = [], 0
    for spec in specs:
        rows.append(
            {
                "doc_id": spec.name, "crawl": crawl, "archive": archive, "offset": offset,
                "length": spec.length, "url": f"https://example.org/{spec.name}", "host": "example.org",
                "domain": "web", "fetched_at": NOON,
                "fate": spec.fate, "dropped_by": spec.rules[0].split(".")[0] if spec.rules else None,
                "dropped_by_rule": spec.rules[0] if spec.rules else None, "failed_rules": list(spec.rules),
                "detail": spec.unreadable, **spec.signals,
            }
        )  # fmt: skip
        offset += spec.length
    return pa.Table.from_pylist(rows, pa.schema([*schema.PAGES, *signals]))


def add_archive(
    lake: Lake,
    archive: str,
    specs: Sequence[PageSpec],
    crawl: str = "c1",
    fingerprint: str = "a" * 16,
    skipped: int = 1,
    signals: Sequence[pa.Field] = SIGNALS,
    **changes: Any,
) -> dict[str, Any]:
    """Write an archive's pages, costs and committed row; `changes` falsify the row."""
    pages = pages_of(crawl, archive, specs, signals)
    costs = [
        {"step": "annotate", "crawl": crawl, "archive": archive, "fingerprint": fingerprint, "stage": stage,
         "rows": len(specs), "bytes": None, "cpu_seconds": seconds, "wall_seconds": None}
        for stage, seconds in (("extract", 1.5), ("gopher", 0.5), ("all", 2.0))
    ]  # fmt: skip
    outputs = [
        write_table(lake.root, lake.pages_path(crawl, archive, fingerprint), "pages", pages),
        write_table(lake.root, lake.costs_path("annotate", f"{crawl}/{archive}", fingerprint), "costs",
                    pa.Table.from_pylist(costs, schema.COSTS)),
    ]  # fmt: skip
    counted = {fate: [s.length for s in specs if s.fate == fate] for fate in schema.FATES} | {"skipped": [10] * skipped}
    row = {
        "crawl": crawl, "archive": archive, "fingerprint": fingerprint, "uri": archive, "sha256": None,
        "format": "warc", "offsets_in": "file", "file_bytes": 1,
        "source": Source(archive, archive, crawl, "web", 1, None).to_json(),
        "stream_bytes": sum(map(sum, counted.values())), "records": sum(map(len, counted.values())),
        **{f"{fate}_records": len(lengths) for fate, lengths in counted.items()},
        **{f"{fate}_bytes": sum(lengths) for fate, lengths in counted.items()},
        "skipped_by_kind": [("warcinfo", skipped)], "stages": list(STAGES),
        "outputs": [output.to_dict() for output in outputs], "finished_at": NOON, **changes,
    }  # fmt: skip
    path = lake.archive_row_path(crawl, archive, fingerprint)
    write_table(lake.root, path, "archives", pa.Table.from_pylist([row], schema.ARCHIVES))
    return row


def add_step(lake: Lake, step: str, key: str, fingerprint: str, outputs: Sequence[Output]) -> None:
    """Write the row that commits a whole-corpus step."""
    row = {
        "step": step, "key": key, "fingerprint": fingerprint, "summary": "{}",
        "outputs": [output.to_dict() for output in outputs], "finished_at": NOON,
    }  # fmt: skip
    table = pa.Table.from_pylist([row], schema.STEPS)
    write_table(lake.root, lake.step_path(step, key, fingerprint), "steps", table)


def add_duplicates(
    lake: Lake, pairs: Sequence[tuple[str, int, str, int]], crawl: str = "c1", fingerprint: str = "d" * 16,
    kind: str = "near", jaccard: float = 0.9, kept_crawl: str | None = None,
) -> None:  # fmt: skip
    """Write a search for duplicates: (archive, offset) of the page removed, then of its survivor."""
    rows = [
        {"crawl": crawl, "archive": archive, "offset": offset, "doc_id": "copy", "survivor_id": "kept",
         "survivor_crawl": kept_crawl or crawl, "survivor_archive": kept_in, "survivor_offset": kept_at, "kind": kind,
         "jaccard": jaccard}
        for archive, offset, kept_in, kept_at in pairs
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema.DUPLICATES)
    path = lake.duplicates_path(crawl, fingerprint)
    add_step(lake, "dedup", crawl, fingerprint, [write_table(lake.root, path, "duplicates", table)])


def add_mixture(lake: Lake, name: str, documents: int, fingerprint: str = "f" * 16) -> None:
    """Write a corpus of one domain: its mixture, no shards."""
    row = {
        "domain": "web", "asked_frac": 1.0, "given_frac": 1.0, "available_tokens": 10, "given_tokens": 10,
        "unique_documents": documents, "documents": documents, "cut_documents": 0, "epochs": 1.0, "max_epochs": 1.0,
        "reason": None, "held_out_documents": 0, "held_out_tokens": 0,
    }  # fmt: skip
    table = pa.Table.from_pylist([row], schema.MIXTURE)
    path = f"{lake.corpus_dir(name, fingerprint)}/mixture.parquet"
    add_step(lake, "mix", name, fingerprint, [write_table(lake.root, path, "mixture", table)])


def add_run(
    lake: Lake, run_id: str, steps: Sequence[tuple[str, str, str]], age_hours: float = 0,
    rules: Sequence[Mapping[str, Any]] = RULES, judged: Sequence[Mapping[str, Any]] | None = None,
) -> None:  # fmt: skip
    """Write a finished run of the given (step, key, fingerprint)."""
    started = NOON - timedelta(hours=age_hours)
    row = {
        "run_id": run_id, "flow": "corpus", "name": "test",
        "recipe": json.dumps({"name": "test", "stages": STAGES, "rules": rules}), "state": "finished",
        "started_at": started, "finished_at": started + timedelta(minutes=1), "failed": [],
        "steps": [{"step": step, "key": key, "fingerprint": fingerprint} for step, key, fingerprint in steps],
        "judged": judged,
    }  # fmt: skip
    write_table(lake.root, lake.run_path(run_id), "runs", pa.Table.from_pylist([row], schema.RUNS))


def add_example(lake: Lake) -> None:
    """Two archives of one crawl: four pages kept, one of them a copy, and some of every other fate."""
    short = {"word_count": 20.0, "language": "en", "language_prob": 0.9}
    foreign = {"word_count": 20.0, "language": "de", "language_prob": 0.1}
    unread = {"word_count": None, "language": None, "language_prob": None}
    first = [
        PageSpec("one"),
        PageSpec("two", ("gopher.word_count",), signals=short),
        PageSpec("three", ("language.language_prob", "gopher.word_count"), signals=foreign),
        PageSpec("four", ("archive.http_status",), signals=unread),
        PageSpec("five", unreadable="truncated", length=37, signals=unread),
    ]
    add_archive(lake, "a.warc.gz", first)
    add_archive(lake, "deep/b.warc.gz", [PageSpec("six"), PageSpec("seven"), PageSpec("eight", length=250)])
    add_duplicates(lake, [("deep/b.warc.gz", 0, "a.warc.gz", 0)])
    add_mixture(lake, "test", 2)
    steps = [("annotate", "c1/a.warc.gz", "a" * 16), ("annotate", "c1/deep/b.warc.gz", "a" * 16)]
    add_run(lake, "r1", [*steps, ("dedup", "c1", "d" * 16), ("mix", "test", "f" * 16)])
