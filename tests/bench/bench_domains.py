"""How well the form of a page tells its domain, and what that costs: the shared texts by domain, and pages by type.

    python -m tests.bench.bench_domains

No model is trained: addresses and declarations are left out, so that only `pipeline.domains.structure` speaks.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import zstandard

from pipeline.archive.config import ArchiveConfig
from pipeline.archive.page import to_page
from pipeline.archive.reader import read_archive
from pipeline.archive.records import Page, Record
from pipeline.batch import DocumentBatch
from pipeline.domains.config import DomainsConfig, tell_domains

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
TEXTS_EACH = 400
CHARS = 20_000


def main() -> None:
    """Print a line a source: how many of its texts were told to be what."""
    if not DATA.is_dir():
        sys.exit("this benchmark reads the shared third-party data, which is not beside this checkout (../shared/data)")
    print("texts, nothing declared: domain told, by source; CPU MB/s")
    for path in sorted((DATA / "text").glob("*.zst")):
        texts = [str(record["text"])[:CHARS] for record, _ in zip(_records(path), range(TEXTS_EACH), strict=False)]
        _report(path.name.partition(".")[0], DocumentBatch.of_texts(texts), sum(map(len, texts)))
    print("\npages of seven types, by their HTML alone")
    pages = _pages()
    for kind in sorted(pages):
        bodies = pages[kind]
        batch = DocumentBatch({"text": pa.nulls(len(bodies), pa.string()), "body": pa.array(bodies, pa.binary())})
        _report(kind, batch, sum(map(len, bodies)))


def _report(name: str, batch: DocumentBatch, size: int) -> None:
    started = time.process_time()
    told = Counter(tell_domains(batch, DomainsConfig())["domain"].to_pylist())
    seconds = time.process_time() - started
    shares = ", ".join(f"{domain} {count / batch.num_rows:.1%}" for domain, count in told.most_common())
    print(f"{name:26} {batch.num_rows:>5}  {shares}  ({size / 1e6 / seconds:.0f} MB/s)")


def _records(path: Path) -> Iterator[dict[str, object]]:
    with path.open("rb") as stream:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stream), "utf-8"):
            yield json.loads(line)


def _pages() -> dict[str, list[bytes]]:
    """Bodies of the WCXB pages, by the type their annotators gave them."""
    labelled = [record for record in _records(DATA / "html" / "wcxb-dev-ground-truth.jsonl.zst") if "url" in record]
    kinds = {record["url"]: record["_internal"]["page_type"]["primary"] for record in labelled}  # type: ignore[index]
    found: dict[str, list[bytes]] = {}
    archive = DATA / "warc" / "wcxb-dev.warc.gz"
    with archive.open("rb") as stream:
        for record in read_archive(stream, archive.name, archive.stat().st_size, ArchiveConfig()):
            page = to_page(record, ArchiveConfig()) if isinstance(record, Record) else None
            if isinstance(page, Page) and page.url in kinds:
                found.setdefault(kinds[page.url], []).append(page.body)
    return found


if __name__ == "__main__":
    main()
