"""`make bench`: every benchmark, one after another, each beside its peers in the same run.

    python -m tests.bench.run [--quick]

`--quick` leaves out what installs a peer's environment (datatrove). Figures are ratios: these are the lines that
docs/benchmarks.md quotes, with their date.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WARC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "warc"
PEERS = (
    ("reading archives, beside warcio and FastWARC", ["tests.bench.bench_reading"]),
    ("the way to an archive, beside fsspec and a plain loop", ["tests.bench.bench_sources"]),
    ("extraction, beside trafilatura, resiliparse, readability-lxml and jusText", ["tests.bench.bench_extraction"]),
    ("signatures, beside datasketch", ["tests.bench.bench_minhash"]),
    ("perplexity, beside KenLM", ["tests.bench.bench_perplexity"]),
    ("the ledger of ten million pages", ["tests.bench.bench_ledger"]),
    ("personal data (--peers PYTHON for presidio, scrubadub, datatrove)", ["tests.bench.bench_pii"]),
    ("benchmark items and toxicity", ["tests.bench.bench_safety"]),
    ("encoding, packing and stored tokens, beside HF tokenizers and Parquet lists", ["tests.bench.bench_tokens"]),
    ("the loader", ["tests.bench.bench_loader"]),
    ("domains told by a page's form", ["tests.bench.bench_domains"]),
    ("a training step, beside transformers", ["tests.bench.bench_train_step"]),
    ("packed documents apart, beside a dense mask", ["tests.bench.bench_documents"]),
    ("memory of a training step, beside its prediction", ["tests.bench.bench_memory"]),
    ("scaling fits, beside L-BFGS-B", ["tests.bench.bench_scaling"]),
)
DATATROVE = "the FineWeb filters, beside datatrove"
PIPELINE = (
    ("the heuristic families, a page of 5 kB, beside datatrove", ["tests.bench.bench_signals"]),
    ("do the two measure and judge alike", ["tests.bench.agreement"]),
    ("deduplication of 1,500 pages, beside datatrove, rensa and text-dedup", ["tests.bench.bench_dedup"]),
    (
        "deduplication of 200,000 and 2 million made-up pages",
        ["tests.bench.dedup_scale", "--documents", "200000", "2000000"],
    ),
    (
        DATATROVE,
        ["tests.bench.vs_datatrove", str(WARC / "docs-crawl" / "wget-06-small-mixed.warc.gz"), "--rounds", "2"],
    ),
    (DATATROVE, ["tests.bench.vs_datatrove", str(WARC / "wcxb-dev.warc.gz"), "--records", "500", "--rounds", "2"]),
)


def main() -> None:
    """Run them; the exit code is that of the first to fail."""
    if not WARC.is_dir():
        sys.exit("the benchmarks read the shared third-party data, which is not beside this checkout (../shared/data)")
    chosen = PEERS if "--quick" in sys.argv else (*PEERS, *PIPELINE)
    for title, module in chosen:
        print(f"\n{title}: python -m {' '.join(module)}", flush=True)
        if code := subprocess.run([sys.executable, "-m", *module]).returncode:
            sys.exit(code)


if __name__ == "__main__":
    main()
