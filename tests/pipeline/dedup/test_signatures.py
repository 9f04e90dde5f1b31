from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.dedup.config import DedupConfig
from pipeline.dedup.signatures import (
    Shingling,
    band_keys,
    band_table,
    permutations,
    shingle,
    shingle_sets,
    sign,
)
from pipeline.judging import run_stages
from pipeline.kernels.xxh64 import xxh64
from storage.schema import BANDS
from tests.pipeline.dedup import plain

TEXTS = st.lists(st.text(alphabet=st.sampled_from("ab é漢1.\n"), max_size=60), max_size=8)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 7, 8, 9, 15, 31, 32, 33, 63, 64, 100])
def test_xxh64_equals_the_library(size: int) -> None:
    data = os.urandom(size + 3)
    array = np.frombuffer(data, np.uint8)
    assert int(xxh64(array.ctypes.data + 3, size)) == xxhash.xxh64_intdigest(data[3:])


@settings(deadline=None)
@given(TEXTS, st.integers(1, 6), st.sampled_from(["word", "char"]), st.booleans())
def test_shingles_equal_their_twin(texts: list[str], ngram: int, unit: str, fold_numbers: bool) -> None:
    found = shingle(DocumentBatch.of_texts(texts).utf8, Shingling(ngram, unit == "word", fold_numbers))
    expected = [[plain.hash64(s) for s in plain.shingles(text, ngram, unit, fold_numbers)] for text in texts]
    pieces = [found.hashes[found.bounds[i] : found.bounds[i + 1]].tolist() for i in range(len(texts))]
    assert pieces == expected
    assert found.sizes.tolist() == [len(hashes) for hashes in expected]


@settings(deadline=None)
@given(TEXTS)
def test_sets_are_sorted_and_unique(texts: list[str]) -> None:
    sets = shingle_sets(DocumentBatch.of_texts(texts).utf8, Shingling(2))
    for i, text in enumerate(texts):
        expected = sorted({plain.hash64(s) for s in plain.shingles(text, 2)})
        assert sets.hashes[sets.bounds[i] : sets.bounds[i + 1]].tolist() == expected


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=4), st.integers(1, 130), st.integers(0, 2**32 - 1))
def test_signatures_are_datasketch_s_bit_for_bit(texts: list[str], count: int, seed: int) -> None:
    signatures = sign(shingle(DocumentBatch.of_texts(texts).utf8, Shingling()), count, seed)
    for found, text in zip(signatures, texts, strict=True):
        assert found.tolist() == plain.signature(plain.shingles(text), count, seed).tolist()


def test_multipliers_are_odd() -> None:
    multipliers, increments = permutations(500, 7)
    assert multipliers.dtype == increments.dtype == np.uint32
    assert (multipliers % 2 == 1).all()


@pytest.mark.parametrize(("bands", "rows"), [(14, 8), (1, 1), (3, 13)])
def test_band_keys_equal_their_twin(bands: int, rows: int) -> None:
    shingles = shingle(DocumentBatch.of_texts(["a b c d e f g", "", "other words"]).utf8, Shingling(2))
    signatures = sign(shingles, bands * rows, 1)
    keys = band_keys(signatures, bands, rows, shingles.sizes).to_pylist()
    assert keys[0] == plain.band_keys(signatures[0], bands, rows)
    assert keys[1] == []
    assert keys[2] == plain.band_keys(signatures[2], bands, rows)


def stage_columns(texts: list[str | None], config: DedupConfig) -> pa.Table:
    return run_stages(DocumentBatch({"text": pa.array(texts, pa.string())}), config.stages()).survivors


def test_the_stage_signs_and_digests() -> None:
    table = stage_columns(["one two three", "One, two; THREE!", "", None], DedupConfig())
    bands = table["bands"].to_pylist()
    assert bands[0] == bands[1] and len(bands[0]) == 14
    assert bands[2] == bands[3] == []
    assert len(set(table["text_digest"].to_pylist())) == 3


def test_without_near_duplicates_there_are_no_bands() -> None:
    assert stage_columns(["a b", ""], DedupConfig(near=False))["bands"].to_pylist() == [[], []]


def test_switched_off_there_is_no_stage() -> None:
    assert DedupConfig(enabled=False).stages() == ()


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abc ", max_size=30), min_size=2, max_size=6), st.data())
def test_batching_changes_nothing(texts: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(texts) - 1))
    config = DedupConfig(ngram=2)
    whole = stage_columns(texts, config).select(["bands", "text_digest"])
    parts = [stage_columns(part, config).select(["bands", "text_digest"]) for part in (texts[:cut], texts[cut:])]
    assert whole.to_pydict() == pa.concat_tables(parts).to_pydict()


def test_settings_of_the_signature_leave_out_thresholds() -> None:
    config = DedupConfig()
    assert config.signature_settings() == config.model_copy(update={"min_jaccard": 0.5}).signature_settings()
    assert config.signature_settings() != config.model_copy(update={"rows": 4}).signature_settings()


def test_band_table_has_one_row_a_document() -> None:
    pages = pa.table(
        {
            "crawl": ["c", "c", "c", "c"],
            "archive": ["a", "a", "a", "a"],
            "offset": [0, 5, 9, 12],
            "doc_id": ["x", "y", "z", "w"],
            "bands": pa.array([[7, 8], [], [9, 7], None], pa.list_(pa.uint64())),
        }
    )
    rows = band_table(pages)
    assert rows.schema == BANDS
    found = [(row["doc_id"], row["offset"], row["keys"]) for row in rows.to_pylist()]
    assert found == [("x", 0, [7, 8]), ("y", 5, []), ("z", 9, [9, 7]), ("w", 12, [])]
