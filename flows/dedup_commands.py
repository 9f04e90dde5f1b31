"""`winnow dedup plan` and `winnow dedup show`: what a choice of bands finds and costs; what the searches found."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import pyarrow as pa
import typer

from flows.options import DEFAULT_LAKE, JsonOption, LakeOption

SIMILARITIES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
SAMPLE_PAGES, SAMPLE_WORDS = 64, 500
BYTES_A_PAGE = 24
"""Memory of the largest step: ranks by place, a forest and its copy."""
SHOWN = (
    *("crawl", "pages", "exact", "payload", "near", "span", "settled_pages", "clusters", "largest_cluster"),
    *("largest_bucket", "compared_pairs", "cut_buckets", "uncompared_pages", "distinct_texts", "distinct_hosts"),
)

dedup_app = typer.Typer(no_args_is_help=True, help="Plan a search for duplicates, and see what the searches found.")


@dedup_app.command("plan")
def plan(
    threshold: Annotated[float, typer.Option(min=0.01, max=1.0, help="Jaccard similarity of a duplicate.")] = 0.8,
    permutations: Annotated[int, typer.Option(min=1, max=4096, help="Hash values a signature may have.")] = 112,
    bands: Annotated[int | None, typer.Option(min=1, help="Bands; by default the best for the threshold.")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Rows a band; by default the best for the threshold.")] = None,
    false_positive_weight: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="How much a pair compared in vain counts against one missed.")
    ] = 0.05,
    pages: Annotated[int, typer.Option(min=1, help="Pages to say the cost of.")] = 1_000_000,
    as_json: JsonOption = False,
) -> None:
    """The S-curve of a choice of bands and rows, what it misses and compares in vain, and what it costs."""
    from flows.tables import print_table, table_of
    from pipeline.dedup.banding import choose_bands, expect, s_curve
    from storage.errors import UserError

    if (bands is None) != (rows is None):
        raise UserError("--bands and --rows belong together;", "give both, or neither for the best of the threshold.")
    if bands is None or rows is None:
        bands, rows = choose_bands(threshold, permutations, false_positive_weight)
    expected = expect(bands, rows, threshold)
    cost = _cost(bands, rows, pages)
    curve = []
    for similarity in sorted({*SIMILARITIES, threshold}):
        found_prob = float(s_curve(bands, rows, similarity))
        curve.append({"jaccard": similarity, "candidate_prob": found_prob, "missed_prob": 1 - found_prob})
    if as_json:
        found = {"threshold": threshold, "bands": bands, "rows": rows, **expected._asdict(), **cost, "curve": curve}
        print(json.dumps(found))
        return
    print_table(table_of(curve, ("jaccard", "candidate_prob", "missed_prob")), title=f"{bands} bands of {rows} rows")
    print(
        f"Were similarities spread evenly: {expected.false_negative_frac:.2%} of the pairs at or above {threshold:g} "
        f"are missed;\n{expected.false_positive_frac:.2%} of those below are measured in vain (none is removed)."
    )
    print(
        f"A page of {SAMPLE_WORDS} words: {cost['signature_microseconds']:.0f} microseconds of this machine's CPU, "
        f"{cost['index_bytes_a_page']} bytes of band keys.\n"
        f"{pages:,} pages: {cost['signature_cpu_hours']:.2f} CPU hours to sign, "
        f"{cost['index_bytes'] / 2**30:.2f} GiB of band keys,\n{cost['memory_bytes'] / 2**30:.2f} GiB of memory for "
        "the forest of clusters, besides dedup.memory_limit_bytes."
    )
    print(f"In a recipe: dedup.bands={bands} dedup.rows={rows} dedup.min_jaccard={threshold:g}")


def _cost(bands: int, rows: int, pages: int) -> dict[str, float]:
    """CPU of signing, measured here and now on made-up words, and what the band keys take."""
    import numpy as np

    from pipeline.batch import DocumentBatch
    from pipeline.dedup.signatures import Shingling, band_keys, shingle, sign

    rng = np.random.default_rng(1)
    words = ["".join(map(chr, rng.integers(97, 123, size))) for size in rng.integers(2, 10, 2000)]
    texts = [" ".join(rng.choice(words, SAMPLE_WORDS)) for _ in range(SAMPLE_PAGES)]
    utf8 = DocumentBatch.of_texts(texts).utf8

    def work() -> None:
        shingles = shingle(utf8, Shingling())
        band_keys(sign(shingles, bands * rows, 1), bands, rows, shingles.sizes)

    times = []
    for _ in range(4):  # the first may compile
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    seconds = min(times) / SAMPLE_PAGES
    return {
        "signature_microseconds": seconds * 1e6,
        "index_bytes_a_page": 8 * bands,
        "signature_cpu_hours": seconds * pages / 3600,
        "index_bytes": 8 * bands * pages,
        "memory_bytes": BYTES_A_PAGE * pages,
    }


@dedup_app.command("show")
def show(lake: LakeOption = DEFAULT_LAKE, as_json: JsonOption = False) -> None:
    """What the search of every crawl found: duplicates of each kind, clusters, giant buckets, distinct texts."""
    from flows.tables import print_table, table_of
    from storage.lake import Lake

    rows = summaries(Lake(lake))
    if as_json:
        print(json.dumps(rows))
    else:
        print_table(table_of(rows, SHOWN), title="searches for duplicates")


def summaries(lake: Any) -> list[dict[str, Any]]:
    """A row a crawl, and one of all together: its distinct texts and hosts are merged, not added."""
    from pipeline.dedup.distinct import merged
    from storage.catalog import Catalog

    steps: pa.Table = Catalog(lake).query(
        "SELECT steps.key, steps.summary FROM steps SEMI JOIN state.archives AS current ON steps.key = current.crawl "
        "AND steps.fingerprint = current.dedup_fingerprint WHERE step = 'dedup' ORDER BY steps.key"
    )
    found = [(row["key"], json.loads(row["summary"])) for row in steps.to_pylist()]
    if len(found) > 1:
        found.append(("all", {}))
    rows = []
    for crawl, summary in found:
        counted = [summary] if summary else [one for _, one in found[:-1]]
        row: dict[str, Any] = {name: {"crawl": crawl, **summary}.get(name) for name in SHOWN}
        for what in ("texts", "hosts"):
            row[f"distinct_{what}"] = merged(one[f"sketch_{what}"] for one in counted).count()
        rows.append(row)
    return rows
