from __future__ import annotations

import xxhash
from datasketch import HyperLogLogPlusPlus
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.dedup.distinct import PRECISION, DistinctCounter, merged

STRINGS = st.lists(st.text(min_size=1, max_size=5), max_size=50)


@settings(deadline=None, max_examples=50)
@given(STRINGS, STRINGS)
def test_registers_are_datasketch_s_and_merge(left: list[str], right: list[str]) -> None:
    oracle = HyperLogLogPlusPlus(p=PRECISION, hashfunc=xxhash.xxh64_intdigest)
    for value in left + right:
        oracle.update(value.encode())
    counters = [DistinctCounter(), DistinctCounter()]
    for counter, values in zip(counters, (left, right), strict=True):
        counter.add(DocumentBatch.of_texts(["", *values]).utf8)
    whole = merged(counter.packed() for counter in counters)
    assert whole.registers.tolist() == oracle.reg.tolist()
    assert whole.count() == int(oracle.count() + 0.5)


def test_it_counts_within_its_error() -> None:
    counter = DistinctCounter()
    for _ in range(2):
        counter.add(DocumentBatch.of_texts([f"host{i}" for i in range(50_000)]).utf8)
    assert abs(counter.count() - 50_000) < 4 * 0.0163 * 50_000
