"""Deduplication as a whole: files of documents in, one file of duplicates out, whatever the way there."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows import dedup_buckets, dedup_parts, dedup_task
from flows.dedup_job import DedupJob
from pipeline.batch import DocumentBatch
from pipeline.dedup.config import DedupConfig
from pipeline.dedup.signatures import band_table
from pipeline.judging import run_stages
from storage.lake import Lake
from storage.schema import DOCUMENTS, DUPLICATES
from storage.shards import Output, read_table, write_table
from tests.flows.duplicates import find_duplicates
from tests.pipeline.dedup import plain

LAX = DedupConfig(bands=40, rows=4, ngram=2)
"""Finds every pair at 0.8: it misses one in a thousand million."""


@dataclass(frozen=True)
class Page:
    text: str
    doc_id: str
    archive: str = "a.warc.gz"
    offset: int = 0
    quality: float | None = None
    crawl: str = "c"
    payload_digest: str | None = None
    fetched_at: datetime | None = None
    host: str | None = None


def pages_of(texts: Sequence[str]) -> list[Page]:
    return [Page(text, f"doc{i:05}", offset=i) for i, text in enumerate(texts)]


def write_documents(lake: Lake, pages: Sequence[Page], config: DedupConfig, name: str) -> tuple[Output, Output]:
    columns: dict[str, Any] = {field.name: [None] * len(pages) for field in DOCUMENTS}
    columns |= {name: [getattr(page, name) for page in pages] for name in Page.__dataclass_fields__}
    columns |= {"domain": ["web"] * len(pages), "length": [1] * len(pages)}
    columns["text_bytes"] = [len(page.text.encode()) for page in pages]
    arrays = {field.name: pa.array(columns[field.name], field.type) for field in DOCUMENTS}
    signed = run_stages(DocumentBatch(arrays), config.stages()).survivors
    documents = write_table(
        lake.root, f"documents/{name}.parquet", "documents", signed.select(DOCUMENTS.names).cast(DOCUMENTS)
    )
    return documents, write_table(lake.root, f"bands/{name}.parquet", "bands", band_table(signed))


def make_job(root: Path, files: Sequence[Sequence[Page]], config: DedupConfig) -> DedupJob:
    lake = Lake(str(root))
    written = [write_documents(lake, pages, config, f"f{i:03}") for i, pages in enumerate(files)]
    return DedupJob(lake.root, ("c",), "0" * 16, tuple(d for d, _ in written), tuple(b for _, b in written), config)


def removed(root: Path, pages: Sequence[Page], config: DedupConfig = LAX) -> dict[str, tuple[str, str, float]]:
    """Removed doc_id to (survivor, kind, similarity to three digits)."""
    outputs, _ = find_duplicates(make_job(root, [pages], config))
    rows = read_table(str(root / outputs[0].path)).to_pylist()
    return {row["doc_id"]: (row["survivor_id"], row["kind"], round(row["jaccard"], 3)) for row in rows}


def words(first: int, last: int) -> str:
    return " ".join("".join(chr(ord("a") + int(digit)) for digit in str(i)) for i in range(first, last))


def test_nothing_alike_nothing_removed(tmp_path: Path) -> None:
    assert removed(tmp_path, pages_of([words(0, 50), words(50, 99), "", "x"])) == {}


def test_copies_are_exact_but_for_white_space(tmp_path: Path) -> None:
    found = removed(tmp_path, pages_of(["a b  c", "a b c", "a\nb c"]))
    assert found == {"doc00001": ("doc00000", "exact", 1.0), "doc00002": ("doc00000", "exact", 1.0)}


def test_case_and_punctuation_make_a_near_duplicate(tmp_path: Path) -> None:
    assert removed(tmp_path, pages_of(["One, two; three.", "one two three"])) == {"doc00001": ("doc00000", "near", 1.0)}


def test_near_duplicates_carry_their_measured_similarity(tmp_path: Path) -> None:
    found = removed(tmp_path, pages_of([words(0, 101), words(0, 91)]))
    assert found == {"doc00001": ("doc00000", "near", 0.9)}


def test_best_quality_survives_then_length_then_doc_id(tmp_path: Path) -> None:
    text = words(0, 100)
    pages = [
        Page(text + " zz", "long", offset=1),
        Page(text, "good", offset=2, quality=0.1),
        Page(text + " yy", "alsolong", offset=3, quality=float("nan")),
    ]
    found = removed(tmp_path, pages)
    assert {survivor for survivor, _, _ in found.values()} == {"good"}
    found = removed(tmp_path / "without", [replace(page, quality=None) for page in pages])
    assert {survivor for survivor, _, _ in found.values()} == {"alsolong"}


def test_no_page_is_removed_through_a_chain(tmp_path: Path) -> None:
    """a ~ b ~ c, but a and c are not alike: c stays."""
    a, b, c = words(0, 101), words(8, 108), words(17, 116)
    pages = [
        Page(a, "a", quality=0.9),
        Page(b, "b", offset=1, quality=0.5),
        Page(c, "c", offset=2, quality=0.1),
    ]
    assert removed(tmp_path, pages) == {"b": ("a", "near", round(plain.jaccard(a, b, ngram=2), 3))}
    assert plain.jaccard(b, c, ngram=2) >= 0.8 > plain.jaccard(a, c, ngram=2)


def test_a_copy_of_a_removed_page_names_the_page_that_stays(tmp_path: Path) -> None:
    pages = [
        Page(words(0, 101), "t"),
        Page(words(0, 91), "s", offset=1),
        Page(words(0, 91), "zcopy", offset=2),
    ]
    assert removed(tmp_path, pages) == {"s": ("t", "near", 0.9), "zcopy": ("t", "near", 0.9)}


def test_one_page_in_two_containers(tmp_path: Path) -> None:
    job = make_job(tmp_path, [[Page("a b c", "same", "x.arc")], [Page("a b c", "same", "x.warc")]], LAX)
    outputs, _ = find_duplicates(job)
    [row] = read_table(str(tmp_path / outputs[0].path)).to_pylist()
    assert (row["archive"], row["survivor_archive"], row["doc_id"]) == ("x.warc", "x.arc", row["survivor_id"])


def test_band_collisions_alone_remove_nothing(tmp_path: Path) -> None:
    config = DedupConfig(bands=50, rows=1, ngram=1, min_jaccard=0.9)
    rng = random.Random(5)
    vocabulary = words(0, 60).split()
    pages = pages_of([" ".join(rng.sample(vocabulary, 40)) for _ in range(40)])
    outputs, summary = find_duplicates(make_job(tmp_path, [pages], config))
    assert summary["compared_pairs"] == 40 * 39 // 2, "one row a band: everything collides"
    assert outputs[0].rows == summary["near"] == summary["matching_pairs"] == 0


def test_giant_buckets_are_cut_and_counted(tmp_path: Path) -> None:
    pages = pages_of([words(0, 200) + f" only{chr(97 + i)}" for i in range(20)])
    config = DedupConfig(max_bucket=2)
    _, summary = find_duplicates(make_job(tmp_path, [pages], config))
    assert summary["near"] == 19
    assert summary["compared_pairs"] == 19, "each only with the page that stays"
    assert summary["cut_buckets"] == summary["uncompared_pages"] == 0
    assert summary["largest_bucket"] == summary["largest_cluster"] == 20


@pytest.mark.parametrize(
    ("config", "kinds"),
    [
        (DedupConfig(), {"exact", "near"}),
        (DedupConfig(near=False, payload=False), {"exact"}),
        (DedupConfig(exact=False), {"near"}),
    ],
)
def test_each_kind_can_be_switched_off(tmp_path: Path, config: DedupConfig, kinds: set[str]) -> None:
    found = removed(tmp_path, pages_of([words(0, 101), words(0, 100), words(200, 260), words(200, 260)]), config)
    assert {kind for _, kind, _ in found.values()} == kinds


@pytest.mark.parametrize("files", [[], [[]]])
def test_no_documents_no_duplicates(tmp_path: Path, files: list[list[Page]]) -> None:
    outputs, summary = find_duplicates(make_job(tmp_path, files, LAX))
    assert read_table(str(tmp_path / outputs[0].path)).schema.equals(DUPLICATES)
    assert summary["pages"] == outputs[0].rows == 0


def near_copies(count: int, seed: int = 0) -> list[Page]:
    """Pages of which about half are an earlier page with a few words changed."""
    rng, pages = random.Random(seed), list[Page]()
    for i in range(count):
        source = rng.choice(pages).text.split() if pages and rng.random() < 0.6 else None
        text = source or [f"{rng.choice('bcdfg')}{rng.choice('aeiou')}{rng.choice('klmnp')}" for _ in range(60)]
        text = [word if rng.random() > 0.02 else "new" for word in text]
        quality = rng.choice([None, 0.5, round(rng.random(), 2)])
        pages.append(Page(" ".join(text), f"doc{i % 20:03}", f"a{i % 3}", i, quality))
    return pages


def test_survivors_are_those_of_brute_force(tmp_path: Path) -> None:
    check_against_brute_force(tmp_path, near_copies(150))


def check_against_brute_force(root: Path, pages: Sequence[Page], ngram: int = 2) -> int:
    """Compare with every pair measured by the plain definition; how many were removed as near-duplicates."""
    config = LAX.model_copy(update={"ngram": ngram})
    outputs, _ = find_duplicates(make_job(root, [pages], config))
    ranked = sorted(
        pages,
        key=lambda p: (
            p.quality is None,
            -(p.quality or 0),
            -len(p.text.encode()),
            p.doc_id,
            p.archive,
            p.offset,
        ),
    )
    first: dict[str, Page] = {}
    for page in ranked:
        first.setdefault(" ".join(page.text.split()), page)
    unique = list(first.values())
    sets = [set(plain.shingles(page.text, ngram)) for page in unique]
    similar = {
        (a, b): len(sets[a] & sets[b]) / len(sets[a] | sets[b])
        for a, b in combinations(range(len(unique)), 2)
        if sets[a] & sets[b] and len(sets[a] & sets[b]) >= 0.8 * len(sets[a] | sets[b])
    }
    gone = plain.keep_greedily(len(unique), similar)
    near = {unique[page].offset: (unique[kept].offset, value) for page, (kept, value) in gone.items()}
    expected = {}
    for page in pages:
        same = first[" ".join(page.text.split())].offset
        survivor, value = near.get(same, (same, 1.0))
        if survivor != page.offset:
            expected[page.offset] = (survivor, value, "near" if same in near else "exact")
    rows = read_table(str(root / outputs[0].path)).to_pylist()
    assert {r["offset"]: (r["survivor_offset"], r["jaccard"], r["kind"]) for r in rows} == expected
    return len(near)


@settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(1, 14))
def test_order_files_and_units_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, rng: random.Random, files: int, units: int
) -> None:
    pages = near_copies(60, seed=1)
    expected = find_duplicates(make_job(tmp_path_factory.mktemp("one"), [pages], LAX))
    shuffled = rng.sample(pages, len(pages))
    pieces = [shuffled[i::files] for i in range(files)]
    found = find_duplicates(make_job(tmp_path_factory.mktemp("many"), pieces, LAX), units)
    assert found == expected, "outputs carry the digest of the file"


def grouped_pages(groups: int = 8) -> list[Page]:
    """Groups of pages that resemble only each other."""
    texts = [words(1000 * g, 1000 * g + 100 + extra) for g in range(groups) for extra in range(3)]
    return pages_of([*texts, *texts[::3]])


def test_parts_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = grouped_pages()
    expected = find_duplicates(make_job(tmp_path / "one", [pages], LAX))
    monkeypatch.setattr(DedupConfig, "part_bytes", property(lambda self: 2000))
    monkeypatch.setattr(dedup_parts, "PART_ROWS", 2000)
    job = make_job(tmp_path / "many", [pages], LAX)
    dedup_task.rank_pages(job)
    dedup_buckets.link_bands(job, (0, 41))
    assert dedup_parts.plan_parts(job, [(0, 41)]) > 3
    assert find_duplicates(job) == expected
    assert expected[1]["near"] == 24, "copies of a page removed as nearly the same go the same way"


def test_keys_in_several_passes_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = near_copies(60, seed=2)
    expected = find_duplicates(make_job(tmp_path / "one", [pages], LAX))
    monkeypatch.setattr(dedup_buckets, "MEMORY_BYTES_A_KEY", 1 << 23)
    assert find_duplicates(make_job(tmp_path / "many", [pages], LAX), 3) == expected


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    """Stopped after each unit in turn, and taken up again with the bands cut another way."""
    pages = [near_copies(40, seed=3), grouped_pages(3)]
    expected = find_duplicates(make_job(tmp_path / "whole", pages, LAX))
    for done in range(8):
        job = make_job(tmp_path / f"killed{done}", pages, LAX)
        ranges = dedup_buckets.plan_bands(job, 2)
        steps = [
            lambda job=job: dedup_task.rank_pages(job),
            lambda job=job, ranges=ranges: dedup_buckets.link_bands(job, ranges[1]),
            lambda job=job, ranges=ranges: dedup_buckets.link_bands(job, ranges[0]),
            lambda job=job, ranges=ranges: dedup_parts.plan_parts(job, ranges),
            lambda job=job: dedup_parts.gather_texts(job, 1),
            lambda job=job: dedup_parts.gather_texts(job, 0),
            lambda job=job: dedup_parts.judge_part(job, 0),
            lambda job=job: find_duplicates(job),
        ]
        for step in steps[: done + 1]:
            step()
        assert find_duplicates(job, 3) == expected
        assert not Path(job.folder).exists()


def test_one_payload_is_one_page_whatever_its_texts(tmp_path: Path) -> None:
    """Two readings of the same bytes, in a wrong character set one of them."""
    pages = [
        Page(words(0, 60), "a", "x.arc", quality=0.5, payload_digest="5" * 64),
        Page(words(300, 350), "b", "x.warc", payload_digest="5" * 64),
        Page(words(600, 650), "c", "y.warc", payload_digest="6" * 64),
        Page(words(300, 350), "d", "z.warc", payload_digest="7" * 64),
    ]
    assert removed(tmp_path, pages) == {"b": ("a", "payload", 0.0), "d": ("a", "payload", 0.0)}
    without = LAX.model_copy(update={"payload": False})
    assert removed(tmp_path / "without", pages, without) == {"d": ("b", "exact", 1.0)}


@pytest.mark.parametrize(
    ("prefer", "survivor"),
    [(("quality",), "good"), (("length",), "long"), (("newest", "quality"), "new"), (("oldest",), "old"), ((), "good")],
)
def test_what_survives_is_a_matter_of_preference(tmp_path: Path, prefer: tuple[str, ...], survivor: str) -> None:
    text = words(0, 100)
    day = datetime(2026, 1, 1, tzinfo=UTC)
    pages = [
        Page(text + " zz zy", "long", offset=1, quality=0.2, fetched_at=day),
        Page(text, "good", offset=2, quality=0.9, fetched_at=day),
        Page(text + " yy", "new", offset=3, quality=0.1, fetched_at=day + timedelta(days=9)),
        Page(text + " xx", "old", offset=4, quality=0.1, fetched_at=day - timedelta(days=9)),
    ]
    found = removed(tmp_path, pages, LAX.model_copy(update={"prefer": prefer}))
    assert {kept for kept, _, _ in found.values()} == {survivor}


def test_settled_pages_are_named_and_never_removed(tmp_path: Path) -> None:
    """An old crawl: two of its pages are alike, a third was removed there."""
    lake = Lake(str(tmp_path))
    old = [Page(words(0, 101), "old1"), Page(words(0, 100), "old2", offset=1), Page(words(500, 560), "gone", offset=2)]
    new = [
        Page(words(0, 101), "copy", "n", crawl="new", quality=1.0),
        Page(words(0, 99), "near", "n", 1, crawl="new"),
        Page(words(500, 560), "fresh", "n", 2, crawl="new"),
    ]
    documents, bands = write_documents(lake, old, LAX, "old")
    first = find_duplicates(replace(make_job(tmp_path, [[old[2], replace(old[2], archive="b")]], LAX)))[0]
    row = {field.name: "x" for field in DUPLICATES} | {"crawl": "c", "archive": "a.warc.gz", "offset": 2}
    row |= {"survivor_offset": 0, "jaccard": 1.0}
    gone = write_table(lake.root, "gone.parquet", "duplicates", pa.Table.from_pylist([row], DUPLICATES))
    made = write_documents(lake, new, LAX, "new")
    job = DedupJob(
        *(lake.root, ("new",), "1" * 16, made[:1], made[1:], LAX),
        *((documents,), (bands,), (gone,)),
    )
    outputs, summary = find_duplicates(job)
    rows = read_table(str(tmp_path / outputs[0].path)).to_pylist()
    found = {row["doc_id"]: (row["survivor_id"], row["survivor_crawl"], row["kind"]) for row in rows}
    assert found == {"copy": ("old1", "c", "exact"), "near": ("old2", "c", "near")}
    assert (summary["pages"], summary["settled_pages"]) == (3, 2)
    assert first[0].rows == 1


def test_bands_are_cut_evenly_and_wholly(tmp_path: Path) -> None:
    job = make_job(tmp_path, [pages_of(["a"])], DedupConfig())
    assert dedup_buckets.plan_bands(job, 4) == [(0, 4), (4, 8), (8, 11), (11, 15)], "the last are the payloads"
    assert dedup_buckets.plan_bands(job, 99)[-1] == (14, 15)


@pytest.mark.parametrize(
    ("size", "config"),
    [(100, DedupConfig()), (1000, DedupConfig(ngram=3)), (100, DedupConfig(unit="char", ngram=24))],
)
def test_plagiarised_articles_are_found_and_no_others(
    tmp_path: Path, shared_data: Path, size: int, config: DedupConfig
) -> None:
    folder = shared_data / "neardup"
    named = dict(line.split(" ", 1) for line in (folder / f"articles_{size}.train").read_text().splitlines())
    truth = {frozenset(line.split()) for line in (folder / f"articles_{size}.truth").read_text().splitlines()}
    pages = [Page(text, name, offset=i) for i, (name, text) in enumerate(named.items())]
    found = removed(tmp_path, pages, config)
    assert {frozenset((page, survivor)) for page, (survivor, _, _) in found.items()} == truth


def test_two_thousand_documentation_pages_match_brute_force(tmp_path: Path, shared_data: Path) -> None:
    """Every pair measured, by a product of sparse matrices; texts taken by independent readers."""
    texts = documentation_texts(shared_data / "warc" / "docs-crawl", 2000)
    config = LAX.model_copy(update={"ngram": 5, "exact": False})
    outputs, _ = find_duplicates(make_job(tmp_path, [pages_of(texts)], config))
    rows = read_table(str(tmp_path / outputs[0].path)).to_pylist()
    order = sorted(range(len(texts)), key=lambda page: (-len(texts[page].encode()), page))
    gone = plain.keep_greedily(len(texts), similar_pairs([texts[page] for page in order], 0.8))
    expected = {order[page]: (order[kept], value) for page, (kept, value) in gone.items()}
    assert {row["offset"]: (row["survivor_offset"], row["jaccard"]) for row in rows} == expected
    assert len(texts) == 2000 and len(expected) > 100


def similar_pairs(texts: Sequence[str], least: float) -> dict[tuple[int, int], float]:
    from scipy import sparse

    numbers: dict[str, int] = {}
    sets = [{numbers.setdefault(s, len(numbers)) for s in plain.shingles(text)} for text in texts]
    bounds = [0, *accumulate(map(len, sets))]
    columns = [number for one in sets for number in one]
    ones = sparse.csr_matrix(([1] * len(columns), columns, bounds), (len(sets), len(numbers)))
    shared = (ones @ ones.T).tocoo()
    return {
        (a, b): count / (len(sets[a]) + len(sets[b]) - count)
        for a, b, count in zip(*(part.tolist() for part in (shared.row, shared.col, shared.data)), strict=True)
        if a < b and count >= least * (len(sets[a]) + len(sets[b]) - count)
    }


def documentation_texts(folder: Path, count: int) -> list[str]:
    from resiliparse.extract.html2text import extract_plain_text
    from warcio.archiveiterator import ArchiveIterator

    texts: list[str] = []
    for path in sorted(folder.glob("*.warc.gz"))[::-1]:
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                is_page = record.rec_type == "response" and b"200" in record.http_headers.statusline.encode()
                if is_page and "html" in (record.http_headers.get_header("Content-Type") or ""):
                    html = record.content_stream().read().decode("utf-8", "replace")
                    texts.append(extract_plain_text(html, main_content=True))
                if len(texts) == count:
                    return texts
    return texts
