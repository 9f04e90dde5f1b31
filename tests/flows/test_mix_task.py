"""The mixed corpus: what is chosen, in which order, in which files, and that it is the same every time."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.mix_task import write_mixture
from pipeline.mix_config import MixConfig
from storage.errors import UserError
from storage.lake import Lake
from storage.schema import CORPUS, DOCUMENTS, DUPLICATES
from storage.shards import write_table
from tests.flows.mixtures import WORDS, corpus_of, document, documents_of, mix, mixture_of, stored, word_tokenizer


def test_weights_and_caps_hold_to_the_document(tmp_path) -> None:
    weights = {"web": 0.5, "wikipedia": 0.3, "code": 0.2}
    counts = {"web": 300, "wikipedia": 20, "code": 100}
    corpus, mixture = mix(tmp_path, counts, weights=weights, budget_tokens=5000, held_out_frac=0)
    assert mixture["wikipedia"]["epochs"] == 4.0
    assert mixture["wikipedia"]["reason"].startswith("wikipedia capped at 4 epochs")
    assert mixture["wikipedia"]["documents"] == 80 and mixture["wikipedia"]["unique_documents"] == 20
    given = sum(row["given_tokens"] for row in mixture.values())
    assert sum(corpus["token_count"].to_pylist()) + corpus.num_rows == given  # and one for the end of each
    assert 5000 - 3 * 16 < given <= 5000
    assert corpus.schema.equals(CORPUS)


def test_repeats_never_stand_together_and_come_late(tmp_path) -> None:
    asked = {"weights": {"wikipedia": 1}, "budget_tokens": 10**6}
    corpus, _ = mix(tmp_path, {"wikipedia": 12}, held_out_frac=0, **asked)
    ids, epochs = corpus["id"].to_pylist(), corpus["epoch"].to_pylist()
    assert Counter(ids).most_common()[-1][1] == 4
    assert all(first != second for first, second in pairwise(ids))
    assert set(epochs) == {0, 1, 2, 3}
    assert sum(epochs[:12]) < 6 < 30 <= sum(epochs[-12:])


def test_a_larger_budget_only_adds_documents(tmp_path) -> None:
    chosen: list[dict[tuple[str, int], str]] = []
    for budget in (400, 900, 2500):
        corpus, _ = mix(tmp_path, {"web": 60, "books": 60}, weights={"web": 2, "books": 1}, budget_tokens=budget)
        rows = corpus.select(["id", "epoch", "text"]).to_pylist()
        chosen.append({(row["id"], row["epoch"]): row["text"] for row in rows})
    for small, large in pairwise(chosen):
        assert small.keys() < large.keys()
        assert all(large[key].startswith(text) for key, text in small.items())  # one that was cut is cut later, or not


def test_the_last_document_of_a_share_is_cut_between_words(tmp_path) -> None:
    """A book is a tenth of this corpus: whole books would miss the share by as much."""
    lake = Lake(str(tmp_path))
    book = " ".join(f"{WORDS[n % 10]}{n}" for n in range(3000))
    rows = [document(n, "books") | {"text": book, "text_bytes": len(book), "offset": n} for n in range(4)]
    rows += [row | {"archive": "b"} for row in documents_of({"web": 1500})]
    asked = {"weights": {"web": 9, "books": 1}, "budget_tokens": 20_000}
    given = {}
    for cut in (True, False):
        outputs = write_mixture(lake, "tiny", f"f{cut}", [stored(lake, rows)], [], MixConfig(cut_last=cut, **asked))
        given[cut] = mixture_of(lake, outputs.outputs)["books"]
        corpus = corpus_of(lake, outputs.outputs)
    assert given[True]["cut_documents"] == 1 and abs(given[True]["given_frac"] - 0.1) < 0.001
    assert given[False]["given_tokens"] == 0 and given[False]["reason"].startswith("books rounded to whole documents")
    corpus = corpus_of(lake, write_mixture(lake, "tiny", "f", [stored(lake, rows)], [], MixConfig(**asked)).outputs)
    (text,) = [row["text"] for row in corpus.to_pylist() if row["domain"] == "books"]
    assert book.startswith(text + " ") and len(text) > 7000


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 7), st.integers(3, 30), st.integers(0, 99))
def test_repeats_are_spread_evenly_and_never_adjacent(tmp_path, times, pages, seed) -> None:
    root = tmp_path / f"{times}-{pages}-{seed}"
    asked = {"weights": {"web": 1, "code": 1}, "default_max_epochs": times, "budget_tokens": 10**6, "held_out_frac": 0}
    corpus, _ = mix(root, {"web": 40, "code": pages}, seed=seed, **asked)
    ids = corpus["id"].to_pylist()
    places: dict[str, list[int]] = {}
    for place, name in enumerate(ids):
        places.setdefault(name, []).append(place)
    assert all(len(found) == times for found in places.values())
    gaps = [second - first for found in places.values() for first, second in pairwise(found)]
    even = len(ids) / times
    assert min(gaps) > 1
    assert np.mean(np.abs(np.array(gaps) - even)) < 0.2 * even


def test_the_best_documents_come_often_and_the_worst_not_at_all(tmp_path) -> None:
    lake = Lake(str(tmp_path))
    rows = [row | {"quality": number / 100} for number, row in enumerate(documents_of({"web": 100}))]
    config = MixConfig(quality_epochs={"web": (0, 0, 1, 2, 7)}, budget_tokens=10**6)
    mixed = write_mixture(lake, "tiny", "f1", [stored(lake, rows)], [], config)
    used = Counter(corpus_of(lake, mixed.outputs)["quality"].to_pylist())
    assert [used[n / 100] for n in (0, 39, 45, 65, 95)] == [0, 0, 1, 2, 7]
    bins = mixture_of(lake, mixed.outputs)["web"]["quality_bins"]
    assert [round(part["epochs"]) for part in bins] == [0, 0, 1, 2, 7]
    assert len({part["available_tokens"] // 100 for part in bins}) <= 2  # of equal tokens, to a document


def test_a_budget_beyond_the_caps_is_a_stated_compromise(tmp_path) -> None:
    lake = Lake(str(tmp_path))
    mixed = write_mixture(
        lake, "tiny", "f1", [stored(lake, documents_of({"web": 3}))], [], MixConfig(budget_tokens=10**9)
    )
    assert mixed.shortfall and "budget of 1,000,000,000 tokens is not reached" in mixed.shortfall
    (card,) = [Path(lake.absolute(output.path)).read_text() for output in mixed.outputs if output.table == "card"]
    assert f"{mixed.shortfall[1:]}." in card


def test_another_seed_chooses_and_orders_otherwise(tmp_path) -> None:
    first, _ = mix(tmp_path, {"web": 60}, budget_tokens=500)
    second, _ = mix(tmp_path, {"web": 60}, budget_tokens=500, seed=1)
    assert set(first["id"].to_pylist()) != set(second["id"].to_pylist())


def test_duplicates_are_left_out_by_their_place_not_their_id(tmp_path) -> None:
    lake = Lake(str(tmp_path))
    rows = documents_of({"web": 4})
    twins = [{**row, "archive": "b.warc.gz"} for row in rows]
    removed = {name: rows[1][name] for name in ("crawl", "archive", "offset", "doc_id")}
    twin = twins[1]
    survivor = {
        "survivor_id": twin["doc_id"],
        "survivor_crawl": twin["crawl"],
        "survivor_archive": twin["archive"],
        "survivor_offset": twin["offset"],
    }
    table = pa.Table.from_pylist([{**removed, **survivor, "kind": "exact", "jaccard": 1.0}], DUPLICATES)
    duplicates = write_table(lake.root, lake.duplicates_path("test", "f00d"), "duplicates", table)
    documents = [stored(lake, rows), stored(lake, twins, "b.warc.gz")]
    corpus = corpus_of(lake, write_mixture(lake, "tiny", "f1", documents, [duplicates], MixConfig()).outputs)
    places = set(zip(corpus["id"].to_pylist(), corpus["file_path"].to_pylist(), strict=True))
    assert len(places) == corpus.num_rows == 7
    assert (rows[1]["doc_id"], "a.warc.gz") not in places


@pytest.mark.parametrize("crawl", ["007", "a/b", "50 %", "crawl=x"])
def test_the_crawl_is_the_rows_not_the_folders(tmp_path: Path, crawl: str) -> None:
    """Folders are named crawl=..., made safe; left to itself DuckDB puts that name, as a number, in the column."""
    lake = Lake(str(tmp_path))
    rows = [{**row, "crawl": crawl} for row in documents_of({"web": 3})]
    path = lake.documents_path(crawl, "a.warc.gz", "f00d")
    documents = write_table(lake.root, path, "documents", pa.Table.from_pylist(rows, DOCUMENTS))
    gone = {name: rows[1][name] for name in ("crawl", "archive", "offset", "doc_id")}
    kept = {f"survivor_{name}": rows[0][name] for name in ("crawl", "archive", "offset")}
    table = pa.Table.from_pylist(
        [{**gone, **kept, "survivor_id": rows[0]["doc_id"], "kind": "exact", "jaccard": 1.0}], DUPLICATES
    )
    elsewhere = write_table(lake.root, "duplicates/crawl=other/f00d.parquet", "duplicates", table)
    corpus = corpus_of(lake, write_mixture(lake, "tiny", "f1", [documents], [elsewhere], MixConfig()).outputs)
    assert corpus["dump"].to_pylist() == [crawl, crawl]


def test_switched_off_everything_stands_in_archive_order(tmp_path) -> None:
    corpus, mixture = mix(tmp_path, {"web": 5, "books": 3}, enabled=False, budget_tokens=1, weights={"web": 1})
    assert corpus["id"].to_pylist() == [row["doc_id"] for row in documents_of({"web": 5, "books": 3})]
    assert all(row["reason"] is None and row["epochs"] == 1 for row in mixture.values())


def test_no_documents_make_an_empty_corpus_that_says_why(tmp_path) -> None:
    lake = Lake(str(tmp_path))
    outputs = write_mixture(lake, "tiny", "f1", [], [], MixConfig(weights={"web": 1})).outputs
    assert corpus_of(lake, outputs).num_rows == 0
    assert mixture_of(lake, outputs)["web"]["reason"] == "web has no documents to train on: 0 % instead of 100 %"


def test_a_domain_nobody_named_is_left_out_and_said_to_be(tmp_path) -> None:
    corpus, mixture = mix(tmp_path, {"web": 5, "poems": 5}, weights={"web": 1})
    assert set(corpus["domain"].to_pylist()) == {"web"}
    assert mixture["poems"]["reason"] == "not named in mix.weights"


def test_the_same_bytes_however_documents_are_filed_and_threads_work(tmp_path, monkeypatch) -> None:
    rows = documents_of({"web": 200, "wikipedia": 30})
    digests = []
    for cores, parts in ((1, 1), (3, 4)):
        lake = Lake(str(tmp_path / f"{cores}"))
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        documents = [stored(lake, rows[part::parts], f"part-{part}") for part in range(parts)]
        config = MixConfig(weights={"web": 1, "wikipedia": 1}, shard_bytes=3000)
        outputs = write_mixture(lake, "tiny", "f1", documents[::-1], [], config).outputs
        digests.append([(output.path, output.sha256) for output in outputs])
    assert digests[0] == digests[1]
    assert len(digests[0]) > 4


def test_shards_are_cut_near_the_size_asked_for(tmp_path) -> None:
    lake = Lake(str(tmp_path))
    rows = documents_of({"web": 3000})
    outputs = write_mixture(lake, "tiny", "f1", [stored(lake, rows)], [], MixConfig(shard_bytes=20_000)).outputs
    sizes = [output.bytes for output in outputs if output.table == "corpus"]
    assert len(sizes) > 2
    assert all(15_000 < size < 26_000 for size in sizes[1:-1])


def test_tokens_can_be_counted_exactly(tmp_path) -> None:
    corpus, _ = mix(tmp_path / "lake", {"web": 10}, tokenizer=word_tokenizer(tmp_path / "tokenizer.json"))
    assert set(corpus["token_count"].to_pylist()) == {12}


def test_a_file_that_is_no_tokenizer_is_the_users_mistake(tmp_path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=r"is no tokenizer\.json"):
        mix(tmp_path / "lake", {"web": 10}, tokenizer=str(tmp_path / "tokenizer.json"))


def test_the_card_tells_the_mixture(tmp_path) -> None:
    lake = Lake(str(tmp_path))
    outputs = write_mixture(
        lake,
        "tiny",
        "f1",
        [stored(lake, documents_of({"web": 3}))],
        [],
        MixConfig(weights={"web": 1, "books": 1}),
    ).outputs
    (card,) = [Path(lake.absolute(output.path)).read_text() for output in outputs if output.table == "card"]
    assert (
        "| books | 50.0% | 0.0% | 0 | 0 | 0 | 0 | 0.00 | 0 | books has no documents to train on: 0 % instead of 50 % |"
        in card
    )
    assert card.startswith("---\nconfigs:")


def test_any_signal_of_the_ledger_can_be_the_quality(tmp_path) -> None:
    lake = Lake(str(tmp_path))
    rows = documents_of({"web": 100})
    key = ("crawl", "archive", "offset")
    ledger = [{**{k: row[k] for k in key}, "fate": "kept", "perplexity": float(n)} for n, row in enumerate(rows)]
    pages = [write_table(lake.root, "pages/p.parquet", "pages", pa.Table.from_pylist(ledger))]
    asked = {"quality_epochs": {"web": (0, 0, 1, 2, 7)}, "budget_tokens": 10**6}
    config = MixConfig(quality_signal="-perplexity", **asked)
    mixed = write_mixture(lake, "tiny", "f1", [stored(lake, rows)], [], config, pages)
    used = Counter(corpus_of(lake, mixed.outputs)["quality"].to_pylist())
    assert (used[-5.0], used[-95.0]) == (7, 0)
    with pytest.raises(UserError, match=r"no archive of this run has a signal 'perplexty'. Did you mean perplexity\?"):
        write_mixture(lake, "tiny", "f2", [], [], MixConfig(quality_signal="perplexty", **asked), pages)
