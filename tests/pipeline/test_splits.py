"""Which documents are held out: by their id, the same in every corpus, and some of every domain that can spare them."""

from __future__ import annotations

from pipeline.mix_config import MixConfig
from pipeline.splits import held_out_bound, split_number


def numbers(count: int, seed: int = 0) -> list[float]:
    return [split_number(f"doc-{i}", seed) for i in range(count)]


def held(count: int, config: MixConfig) -> set[int]:
    bound = held_out_bound(sorted(numbers(count))[: config.held_out_documents], count, config)
    return {i for i, number in enumerate(numbers(count)) if number < bound}


def test_held_out_documents_are_a_matter_of_their_id() -> None:
    some = held(5000, MixConfig(held_out_frac=0.1))
    assert 400 < len(some) < 600
    assert some <= held(5000, MixConfig(held_out_frac=0.2))
    assert {i for i in held(9000, MixConfig(held_out_frac=0.1)) if i < 5000} == some  # a larger corpus only adds
    assert not held(5000, MixConfig(held_out_frac=0))


def test_small_domains_are_held_out_too_but_never_more_than_a_tenth() -> None:
    config = MixConfig(held_out_frac=0.01, held_out_documents=8)
    assert [len(held(count, config)) for count in (0, 9, 10, 39, 80, 200)] == [0, 0, 1, 3, 8, 8]


def test_numbers_are_uniform_and_another_seed_draws_others() -> None:
    first, second = numbers(4000), numbers(4000, seed=1)
    assert all(0 <= number < 1 for number in first) and abs(sum(first) / 4000 - 0.5) < 0.02
    assert not set(first) & set(second)
