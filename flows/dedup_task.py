"""Duplicates of a crawl (or several), in units a task can do: rank, buckets, clusters, texts, survivors.

Pages are numbered by rank (quality, then length, then doc_id, then place, unless the recipe prefers otherwise), the
best first. Each function writes one file of the step's working folder and does nothing where that file is already
there, so a run that was killed goes on where it stood; only `write_duplicates` adds to the lake.

    job = DedupJob(lake.root, (crawl,), fingerprint, documents, bands, config)
    rank_pages(job)
    for bands in plan_bands(job, units): link_bands(job, bands)           # any order, any process
    parts = plan_parts(job, plan_bands(job, units))
    for number in plan_texts(job): gather_texts(job, number)              # the same
    for part in range(parts): judge_part(job, part)                       # the same
    outputs, summary = write_duplicates(job)

How many units the bands are cut into changes nothing of what comes out. Memory: what the recipe allows, and 8 to 24
bytes a page for ranks and the forest of clusters.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.dedup_job import LINKS, MEMBERS, MET, RANKED, REMOVED, TEXTS, BandRange, DedupJob
from pipeline.batch import DocumentBatch
from pipeline.dedup.clusters import MEMORY_BYTES_A_KEY, Buckets, Forest, Links, list_members
from pipeline.dedup.distinct import DistinctCounter
from pipeline.dedup.signatures import shingle_sets
from pipeline.dedup.survivors import Counts, Pages, SurvivorSearch
from storage import files
from storage.lake import Lake
from storage.schema import DUPLICATES
from storage.shards import Output, ShardWriter, count_rows, iter_batches, read_table, write_table
from storage.views import sql_text

VERSION = 2
"""Raised when this file or the signatures change what they write; part of every dedup fingerprint."""

TEXT_ROWS = 1024
"""Pages whose texts are in memory at a time."""

PART_ROWS = 1_000_000
"""Pages of a part at most, however short their texts."""


def find_duplicates(job: DedupJob, units: int = 1) -> tuple[list[Output], dict[str, Any]]:
    """Every unit one after another, in this process; what `write_duplicates` gives."""
    rank_pages(job)
    ranges = plan_bands(job, units)
    for bands in ranges:
        link_bands(job, bands)
    parts = plan_parts(job, ranges)
    for number in plan_texts(job):
        gather_texts(job, number)
    for part in range(parts):
        judge_part(job, part)
    return write_duplicates(job)


def rank_pages(job: DedupJob) -> None:
    """Number the pages, the best first, and find those whose normalised text a better page has."""
    if files.exists(job.uri("pages")):
        return
    if not job.all_documents():
        write_table(job.folder, "pages.parquet", "pages", RANKED.empty_table())
        return
    config = job.config
    pa.default_memory_pool().release_unused()  # of archives read before in this process
    with job.scratch() as scratch:
        if job.settled_duplicates:
            scratch.execute(sql_text("dedup/gone"), {"duplicates": job.uris(job.settled_duplicates)})
        else:
            scratch.execute('CREATE TABLE gone (crawl VARCHAR, archive VARCHAR, "offset" BIGINT)')
        wanted = {
            "documents": job.uris(job.all_documents()),
            "settled": len(job.settled_documents),
            "exact": config.exact,
            "payload": config.payload,
            "prefer": list(config.prefer),
        }
        _write(job, "pages", RANKED, scratch.run("dedup/rank_pages", **wanted))


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


def plan_parts(job: DedupJob, ranges: list[BandRange]) -> int:
    """Join the links to clusters and share these out to parts; how many parts there are."""
    if not files.exists(job.uri("members")):
        forest = Forest(count_rows(job.uri("pages")))
        for low, high in ranges:
            for batch in iter_batches(job.uri(f"links-{low:04}-{high:04}")):
                forest.add_links(Links(batch["page"].to_numpy(), batch["root"].to_numpy()))
        links = forest.links()
        del forest
        text_bytes = read_table(job.uri("pages"), ["text_bytes"])["text_bytes"].to_numpy()
        least = job.config.part_bytes // PART_ROWS
        members = list_members(links, np.maximum(text_bytes, least), job.config.part_bytes)
        write_table(job.folder, "members.parquet", "members", pa.table(members._asdict(), MEMBERS))
    parts = read_table(job.uri("members"), ["part"])["part"]
    return int(pc.max(parts).as_py() or 0) + 1 if len(parts) else 0


def plan_texts(job: DedupJob) -> list[int]:
    """Numbers of the documents files, each a unit of `gather_texts`."""
    return [number for number, _, _ in job.signed()] if count_rows(job.uri("members")) else []


def gather_texts(job: DedupJob, number: int) -> None:
    """Write the texts of one file's pages that are in a cluster, part by part: each text is read once."""
    name = f"texts-{number:06}"
    if files.exists(job.uri(name)):
        return
    with job.scratch() as scratch:
        wanted = {"pages": job.uri("pages"), "members": job.uri("members"), "file": number}
        members = scratch.run("dedup/file_members", **wanted).read_all()
    output, keys = next((output, keys) for found, output, keys in job.signed() if found == number)
    if not len(members):
        write_table(job.folder, f"{name}.parquet", "texts", TEXTS.empty_table())
        return
    rows = members["file_row"]
    texts = _take(job.absolute(output), "text", rows)
    empty = pa.nulls(len(members), TEXTS.field("keys").type).fill_null(pa.scalar([], TEXTS.field("keys").type))
    taken = _take(job.absolute(keys), "keys", rows) if keys else pa.chunked_array([empty])
    columns: dict[str, Any] = {name: members[name] for name in ("part", "cluster", "rank", "body")}
    columns |= {"text": texts, "keys": taken}
    table = pa.table(columns)
    order = pc.sort_indices(members, [("part", "ascending"), ("rank", "ascending")])
    with ShardWriter(job.folder, f"{name}.parquet", "texts", TEXTS) as writer:
        for start in range(0, len(order), TEXT_ROWS):
            writer.write(table.take(order[start : start + TEXT_ROWS]))
        writer.finish()


def _take(uri: str, column: str, rows: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Values of some rows of a file, in order of row."""
    wanted, first, pieces = rows.to_numpy(), 0, []
    for batch in iter_batches(uri, [column], TEXT_ROWS):
        low, high = np.searchsorted(wanted, (first, first + batch.num_rows))
        if high > low:
            pieces.append(batch[column].take(pa.array(wanted[low:high] - first)))
        first += batch.num_rows
    return pa.chunked_array(pieces)


def judge_part(job: DedupJob, part: int) -> None:
    """Measure the pages of one part against the better ones of their buckets; write those that are removed."""
    name = f"removed-{part:06}"
    if files.exists(job.uri(name)):
        return
    config = job.config
    settled = _count_settled(job)
    search = SurvivorSearch(config.min_jaccard, settled, config.max_bucket, config.memory_limit_bytes // 4)
    with job.scratch() as scratch, ShardWriter(job.folder, f"{name}.parquet", "removed", REMOVED) as writer:
        for batch in scratch.run("dedup/members", texts=job.working_files("texts-"), part=part):
            removed = search.judge(_to_pages(job, batch))
            writer.write(pa.table(removed._asdict(), REMOVED))
        counts = json.dumps(search.counts().__dict__).encode()
        files.write_bytes(f"{job.folder}/counts-{part:06}.json", counts)
        writer.finish()


def _to_pages(job: DedupJob, batch: pa.RecordBatch) -> Pages:
    sets = shingle_sets(DocumentBatch({"text": batch["text"]}).utf8, job.config.shingling)
    lists: Any = batch["keys"]
    lengths = lists.value_lengths().to_numpy()
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    keys = lists.flatten().to_numpy()
    cluster, rank, body = (batch[name].to_numpy() for name in ("cluster", "rank", "body"))
    return Pages(cluster, rank, body, sets, keys, bounds)


def _count_settled(job: DedupJob) -> int:
    """Settled pages come first, so their number is the rank of the first that is not."""
    if not job.settled_documents:
        return 0
    return int(pc.sum(read_table(job.uri("pages"), ["settled"])["settled"]).as_py() or 0)


def write_duplicates(job: DedupJob) -> tuple[list[Output], dict[str, Any]]:
    """Write each crawl's duplicates, ordered by page; then clear the working folder.

    Returns:
        A file of table duplicates for every crawl, and counts for a reader: pages, duplicates of each kind, pages
        settled before; what the buckets held, clusters, pairs measured, buckets cut and pages not wholly compared.
    """
    kinds: Counter[str] = Counter()
    outputs = [_write_rows(job, crawl, kinds) for crawl in job.crawls]
    texts, hosts = _count_distinct(job)
    settled = _count_settled(job)
    summary = {
        "pages": count_rows(job.uri("pages")) - settled,
        "settled_pages": settled,
        **{kind: kinds[kind] for kind in ("exact", "payload", "near")},
        **_summarise_buckets(job),
        **_summarise_clusters(job),
        **_summarise_counts(job),
        **{"sketch_texts": texts.packed(), "sketch_hosts": hosts.packed()},
    }
    clear(job)
    return outputs, summary


def _write_rows(job: DedupJob, crawl: str, kinds: Counter[str]) -> Output:
    path = Lake(job.lake).duplicates_path(crawl, job.fingerprint)
    removed = job.working_files("removed-") or [_no_removed(job)]
    with job.scratch() as scratch, ShardWriter(job.lake, path, "duplicates", DUPLICATES) as writer:
        for batch in scratch.run("dedup/duplicates", pages=job.uri("pages"), removed=removed, crawl=crawl):
            kinds.update(str(kind) for kind in batch["kind"].to_pylist())
            writer.write(batch)
        return writer.finish()


def _count_distinct(job: DedupJob) -> tuple[DistinctCounter, DistinctCounter]:
    """Different texts and hosts among the documents of the job's own crawls."""
    texts, hosts = DistinctCounter(), DistinctCounter()
    for output in job.documents:
        for batch in iter_batches(job.absolute(output), ["text_digest", "host"]):
            texts.add(DocumentBatch({"text": batch["text_digest"]}).utf8)
            hosts.add(DocumentBatch({"text": batch["host"]}).utf8)
    return texts, hosts


def _no_removed(job: DedupJob) -> str:
    write_table(job.folder, "removed-none.parquet", "removed", REMOVED.empty_table())
    return job.uri("removed-none")


def _summarise_buckets(job: DedupJob) -> dict[str, int]:
    """What the buckets held; a band counts once, however often the bands were divided anew."""
    rows = [row for uri in job.working_files("met-") for row in read_table(uri).to_pylist()]
    bands = {row["band"]: row for row in rows}.values()
    return {
        "buckets": sum(row["buckets"] for row in bands),
        "largest_bucket": max((row["largest"] for row in bands), default=0),
    }


def _summarise_clusters(job: DedupJob) -> dict[str, int]:
    """Pages linked by buckets, whether they are alike or not."""
    clusters = read_table(job.uri("members"), ["cluster"])["cluster"].to_numpy()
    sizes = np.diff(np.flatnonzero(np.diff(clusters, prepend=-1, append=-1))) if len(clusters) else np.zeros(0, int)
    return {"clusters": len(sizes), "clustered_pages": len(clusters), "largest_cluster": int(max(sizes, default=0))}


def _summarise_counts(job: DedupJob) -> dict[str, int]:
    total: Counter[str] = Counter()
    for uri in files.list_files(job.folder, ".json"):
        with files.open_read(uri) as stream:
            total.update(json.loads(stream.read()))
    return {name: total[name] for name in Counts.__dataclass_fields__}


def clear(job: DedupJob) -> None:
    """Remove the working folder, with what a killed run left unfinished in it."""
    for uri in files.list_files(job.folder):
        files.remove(uri)
    if files.is_local(job.folder):
        shutil.rmtree(files.local_path(job.folder))


def _write(job: DedupJob, name: str, schema: pa.Schema, rows: Iterator[pa.RecordBatch]) -> Output:
    with ShardWriter(job.folder, f"{name}.parquet", name, schema) as writer:
        for batch in rows:
            writer.write(batch)
        return writer.finish()
