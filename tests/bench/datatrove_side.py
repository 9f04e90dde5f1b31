"""datatrove's half of `vs_datatrove`: its FineWeb filters over one WARC file. Runs in datatrove's own
environment.

    python datatrove_side.py FILE MODEL

Prints one JSON object. One process and no executor: the steps are chained generators, as an executor's worker
chains them. CPU time throughout: datatrove's own clocks, which measure elapsed time, are made to read it, and
extraction, which happens in a child process, counts that process's.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datatrove.utils.stats
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.readers import WarcReader
from fasttext.FastText import _FastText


def steps(path: Path, model: str) -> list[tuple[str, Any]]:
    """The filters of datatrove's examples/fineweb.py without its URL lists, under the names of Winnow's stages."""
    language = LanguageFilter(languages=["en"])
    language.model._model = _FastText(model)  # the same model for both, and no download
    return [
        ("read", WarcReader(str(path.parent), glob_pattern=path.name, default_metadata={"dump": "bench"})),
        ("extract", Trafilatura(favour_precision=True)),
        ("language", language),
        ("gopher_repetition", GopherRepetitionFilter()),
        ("gopher_quality", GopherQualityFilter()),
        ("c4", C4QualityFilter(filter_no_terminal_punct=False)),
        ("fineweb", FineWebQualityFilter()),
    ]


def run(path: Path, model: str) -> dict[str, Any]:
    """Stages with the pages that reached them and their CPU seconds; pages kept; totals."""
    datatrove.utils.stats.time = SimpleNamespace(perf_counter=time.process_time)
    started = time.process_time(), time.perf_counter(), children()
    pipeline = steps(path, model)
    documents: Any = None
    for _, step in pipeline:
        documents = step(documents, 0, 1)
    kept = sum(1 for _ in documents)
    extraction = children() - started[2]
    stages = [measured(name, step, extraction) for name, step in pipeline]
    return {
        "stages": stages,
        "kept": kept,
        "timeouts": count(dict(pipeline)["extract"], "timeout"),
        "cpu_seconds": time.process_time() - started[0] + extraction,
        "wall_seconds": time.perf_counter() - started[1],
    }


def children() -> float:
    """CPU seconds of the child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measured(name: str, step: Any, extraction: float) -> dict[str, Any]:
    """One stage; the reader counts the documents it gave, the others those they were given."""
    rows = count(step, "documents" if name == "read" else "total")
    seconds = step.stats.time_stats.total + (extraction if name == "extract" else 0)
    return {"stage": name, "rows": rows, "cpu_seconds": seconds}


def count(step: Any, name: str) -> int:
    """What the step counted under that name."""
    counted = step.stats.to_dict()["stats"].get(name, 0)
    return int(counted["total"] if isinstance(counted, dict) else counted)


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]).resolve(), sys.argv[2])))
