"""Lines and paragraphs that many pages of one host have: navigation, banners, licences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from flows.dedup_job import DedupJob
from flows.spans_job import BLOCKS, FOUND, survivors
from pipeline.batch import DocumentBatch
from pipeline.dedup.spans import Blocks, list_lines, list_paragraphs
from pipeline.kernels.lines import Lines
from storage import files
from storage.shards import ShardWriter

LISTERS: dict[str, Callable[[Lines], Blocks]] = {"line": list_lines, "paragraph": list_paragraphs}


def wanted_kinds(job: DedupJob) -> list[str]:
    """Of lines and paragraphs, what the recipe wants to know."""
    return [kind for kind in LISTERS if job.config.spans[kind] != "off"]


def gather_blocks(job: DedupJob, removed: list[str], number: int) -> None:
    """Write the lines and paragraphs of one file's survivors: where they are, and a hash of each."""
    name = f"blocks-{number:06}"
    if files.exists(job.uri(name)):
        return
    with ShardWriter(job.folder, f"{name}.parquet", "blocks", BLOCKS) as writer:
        for page, rows in survivors(job, removed, number, ["host", "text"]):
            batch = DocumentBatch({"text": rows["text"]})
            for kind in wanted_kinds(job):
                writer.write(_block_table(kind, batch, page, rows["host"], job.config.line_min_chars))
        writer.finish()


def _block_table(
    kind: str, batch: DocumentBatch, page: np.ndarray, hosts: pa.Array[pa.StringScalar], least: int
) -> pa.Table:
    blocks = LISTERS[kind](batch.lines)
    blocks = Blocks(*(column[blocks.end - blocks.start >= least] for column in blocks))
    columns = {
        "kind": [kind] * len(blocks.document),
        "host": hosts.fill_null("").take(pa.array(blocks.document)),
        "hash": pa.array(blocks.hash, pa.uint64()),
        "page": page[blocks.document],
        "start": blocks.start - batch.characters.doc_offsets[blocks.document],
        "chars": blocks.end - blocks.start,
    }
    return pa.table(columns, schema=BLOCKS)


def write_block_spans(job: DedupJob) -> None:
    """Write where lines and paragraphs stand that enough pages of their host have, but for the first copy."""
    for kind in wanted_kinds(job):
        name = f"found-{kind}"
        if files.exists(job.uri(name)):
            continue
        with job.scratch() as scratch, ShardWriter(job.folder, f"{name}.parquet", "found", FOUND) as writer:
            wanted = {"blocks": job.working_files("blocks-"), "kind": kind, "least": job.config.line_min_pages}
            for batch in scratch.run("dedup/block_spans", **wanted) if wanted["blocks"] else ():
                writer.write(batch)
            writer.finish()
