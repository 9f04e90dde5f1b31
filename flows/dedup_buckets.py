"""Buckets of a search for duplicates: which pages share band keys or a payload, as a forest of links."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from flows.dedup_job import LINKS, MET, BandRange, DedupJob
from pipeline.dedup.clusters import MEMORY_BYTES_A_KEY, Buckets, Forest
from storage import files
from storage.shards import count_rows, iter_batches, read_table, write_table


def plan_bands(job: DedupJob, units: int) -> list[BandRange]:
    """The bands, and after them the payloads, in at most `units` even ranges; none where neither is looked for."""
    low, high = 0 if job.config.near else job.config.bands, job.config.bands + job.config.payload
    if not job.documents or low == high:
        return []
    limits = np.linspace(low, high, min(units, high - low) + 1).round().astype(int).tolist()
    return list(pairwise(limits))


def link_bands(job: DedupJob, bands: BandRange) -> None:
    """Link the pages that share a bucket of these bands: a forest, however many pairs there are."""
    low, high = bands
    name = f"links-{low:04}-{high:04}"
    if files.exists(job.uri(name)):
        return
    forest = Forest(count_rows(job.uri("pages")))
    met = [{"band": band, **found._asdict()} for band, found in _add_buckets(job, bands, forest).items()]
    write_table(job.folder, f"met-{low:04}-{high:04}.parquet", "met", pa.Table.from_pylist(met, MET))
    write_table(job.folder, f"{name}.parquet", "links", pa.table(forest.links()._asdict(), LINKS))


def _add_buckets(job: DedupJob, bands: BandRange, forest: Forest) -> dict[int, Buckets]:
    """Band to what was met in it; keys are taken in as many passes as their memory asks for."""
    low, high = bands
    found: dict[int, Buckets] = {}
    ranks = _ranks_by_place(job)
    if high > job.config.bands:
        pages = read_table(job.uri("pages"), ["rank", "first", "body"])
        alone = (pages["rank"].to_numpy() == pages["first"].to_numpy()) & (pages["body"].to_numpy() != 0)
        chosen = pages.filter(pa.array(alone))
        found[job.config.bands] = forest.add_buckets(chosen["body"].to_numpy(), chosen["rank"].to_numpy())
    width = min(high, job.config.bands) - low
    passes = -(-len(ranks) * max(width, 0) * MEMORY_BYTES_A_KEY // (job.config.memory_limit_bytes // 2))
    for turn in range(passes):
        keys = _read_keys(job, low, low + width, ranks, (turn, passes))
        for band in range(low, low + width):
            met = forest.add_buckets(*keys.pop(0))
            before = found.get(band, Buckets(0, 0, 0))
            found[band] = Buckets(
                before.buckets + met.buckets, before.pages + met.pages, max(before.largest, met.largest)
            )
    return found


def _ranks_by_place(job: DedupJob) -> np.ndarray:
    """Ranks in the order of the documents' rows, int64; -1 for pages of which a better one has the text."""
    starts = np.concatenate([[0], np.cumsum([output.rows for output in job.all_documents()])]).astype(np.int64)
    ranks = np.full(starts[-1], -1, np.int64)
    for batch in iter_batches(job.uri("pages"), ["rank", "file", "file_row", "first"]):
        rank, place = batch["rank"].to_numpy(), starts[batch["file"].to_numpy()] + batch["file_row"].to_numpy()
        ranks[place] = np.where(batch["first"].to_numpy() == rank, rank, -1)
    return ranks


def _read_keys(
    job: DedupJob, low: int, high: int, ranks: np.ndarray, turn: tuple[int, int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Keys and ranks of every band's entries whose key falls to this turn of so many."""
    pieces: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(low, high)]
    starts = np.concatenate([[0], np.cumsum([output.rows for output in job.all_documents()])])
    for number, _, keys in job.signed():
        first = int(starts[number])
        for batch in iter_batches(job.absolute(keys), ["keys"]) if keys else ():
            here = ranks[first : first + batch.num_rows]
            lists: Any = batch["keys"]
            signed = lists.value_lengths().to_numpy() > 0
            table = lists.flatten().to_numpy().reshape(-1, job.config.bands)[here[signed] >= 0, low:high]
            owners = here[signed & (here >= 0)]
            for band in range(high - low):
                mine = table[:, band] % np.uint64(turn[1]) == turn[0] if turn[1] > 1 else slice(None)
                pieces[band].append((table[mine, band].copy(), owners[mine]))
            first += batch.num_rows
    none = (np.zeros(0, np.uint64), np.zeros(0, np.int64))
    joined = []
    for band in range(high - low):
        keys_of, owners_of = zip(none, *pieces[band], strict=True)
        pieces[band] = []
        joined.append((np.concatenate(keys_of), np.concatenate(owners_of)))
    return joined
