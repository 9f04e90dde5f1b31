"""What no training sees: chosen by id whatever the mixture, given once, and without touching the weights."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.fertility import total
from flows.mix_task import write_mixture
from flows.tokens_task import TokensJob, encode_shard, make_tokenizer
from pipeline.mix import plan_mix
from pipeline.mix_config import MixConfig
from pipeline.splits import held_out_bound, split_number
from pipeline.tokens_config import TokensConfig
from storage.lake import Lake
from tests.flows.mixtures import WORDS, corpus_of, document, documents_of, mix, mixture_of, stored, word_tokenizer


def test_a_larger_budget_only_adds_held_out_documents_and_never_moves_one(tmp_path) -> None:
    held: list[set[str]] = []
    trained: list[set[str]] = []
    for budget in (300, 900, 2500, 10**6):
        asked = {"weights": {"web": 2, "books": 1}, "budget_tokens": budget, "default_max_epochs": 3}
        corpus, mixture = mix(tmp_path, {"web": 90, "books": 60}, held_out_frac=0.1, **asked)
        rows = corpus.select(["id", "domain", "epoch", "split"]).to_pylist()
        held.append({row["id"] for row in rows if row["split"] == "held_out"})
        trained.append({row["id"] for row in rows if row["split"] == "train"})
        assert all(row["epoch"] == 0 for row in rows if row["id"] in held[-1])
        assert sum(row["held_out_documents"] for row in mixture.values()) == len(held[-1])
    assert all(small <= large for small, large in pairwise(held)) and len(held[0]) < len(held[-1])
    assert not set.union(*held) & set.union(*trained)


def test_the_same_documents_are_held_out_of_every_corpus(tmp_path) -> None:
    """Whatever the weights, the seed and the other documents: it is a matter of their id."""
    first, _ = mix(tmp_path, {"web": 300, "books": 40}, held_out_frac=0.2)
    asked = {"weights": {"web": 1, "code": 1}, "default_max_epochs": 2, "budget_tokens": 10**6, "seed": 7}
    second, _ = mix(tmp_path, {"web": 500, "code": 90}, held_out_frac=0.2, **asked)
    splits = [dict(zip(*(one[name].to_pylist() for name in ("id", "split")), strict=True)) for one in (first, second)]
    both = splits[0].keys() & splits[1].keys()
    assert len(both) == 300 and all(splits[0][name] == splits[1][name] for name in both)
    expected = {name for name in splits[0] if split_number(name, 0) < 0.2}
    assert {name for name, split in splits[0].items() if split == "held_out"} == expected and len(expected) > 40


def test_nothing_held_out_is_dropped_for_its_quality_or_left_uncounted(tmp_path) -> None:
    lake = Lake(str(tmp_path))
    rows = [row | {"quality": number / 100} for number, row in enumerate(documents_of({"web": 100}))]
    config = MixConfig(quality_epochs={"web": (0, 3)}, budget_tokens=10**6, held_out_frac=0.2)
    mixed = write_mixture(lake, "tiny", "f1", [stored(lake, rows)], [], config)
    corpus = corpus_of(lake, mixed.outputs).to_pylist()
    held = [row for row in corpus if row["split"] == "held_out"]
    (line,) = mixture_of(lake, mixed.outputs).values()
    assert held and min(row["quality"] for row in corpus) >= 0.49  # the bin nobody wants is not measured on either
    assert line["held_out_tokens"] == sum(row["token_count"] + 1 for row in held)
    trained = [row for row in corpus if row["split"] == "train"]
    best = line["quality_bins"][1]["available_tokens"]
    assert line["given_tokens"] == sum(row["token_count"] + 1 for row in trained) == 3 * best


@st.composite
def wishes(draw: st.DrawFn) -> dict[str, Any]:
    """A mixture of three domains of a few long documents: each is a hundredth of the corpus or more."""
    counts = {name: draw(st.integers(20, 30)) for name in ("web", "code", "books")}
    return {
        "counts": counts,
        "words": {name: draw(st.integers(1500, 2500)) for name in counts},
        "weights": {name: draw(st.integers(1, 9)) for name in counts},
        "max_epochs": {name: draw(st.sampled_from([1.0, 2.5, 4.0])) for name in counts},
        "share": draw(st.floats(0.5, 1.2)),
        "held_out_frac": draw(st.sampled_from([0.01, 0.1, 0.3])),
    }


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wish=wishes())
def test_weights_are_exact_after_holding_out_and_packing(tmp_path_factory, wish) -> None:
    """What is trained on has the shares that the caps allow, to a tenth of a percentage point; and nothing is lost."""
    folder = tmp_path_factory.mktemp("exact")
    rows, lake = [], Lake(str(folder))
    for domain, count in wish["counts"].items():
        for n in range(count):
            text = " ".join(WORDS[(n * k) % 10] for k in range(1, wish["words"][domain] + 7 * n))
            rows.append(document(n, domain, domain) | {"text": text, "text_bytes": len(text)})
    sizes = {row["doc_id"]: len(row["text"].split()) + 1 for row in rows}
    split = MixConfig(held_out_frac=wish["held_out_frac"])
    stock = {}
    for domain, count in wish["counts"].items():
        numbers = {row["doc_id"]: split_number(row["doc_id"], 0) for row in rows if row["domain"] == domain}
        bound = held_out_bound(sorted(numbers.values())[: split.held_out_documents], count, split)
        stock[domain] = {0: sum(sizes[name] for name, number in numbers.items() if number >= bound)}
    room = sum(tokens[0] * wish["max_epochs"][domain] for domain, tokens in stock.items())
    tokenizer = word_tokenizer(folder / "tokenizer.json")
    config = split.model_copy(
        update={"weights": wish["weights"], "max_epochs": wish["max_epochs"], "tokenizer": tokenizer}
        | {"budget_tokens": int(wish["share"] * room)}
    )
    mixed = write_mixture(lake, "tiny", "f1", [stored(lake, rows)], [], config)
    (shard,) = [output.path for output in mixed.outputs if output.table == "corpus"]
    packed = TokensConfig(tokenizer=tokenizer, sequence_length=64)
    make_tokenizer(lake, "tokens/t/t", [shard], packed)
    groups = encode_shard(TokensJob(lake.root, "tokens/t/t", shard, 0, packed)).groups
    trained = {d: total(g for g in groups if (g.split, g.domain) == ("train", d)).tokens for d in stock}
    assert trained == {domain: row["given_tokens"] for domain, row in mixture_of(lake, mixed.outputs).items()}
    for quota in plan_mix(stock, config):
        assert abs(trained[quota.domain] / sum(trained.values()) - quota.given_frac) < 0.001
    corpus = corpus_of(lake, mixed.outputs).to_pylist()
    held = [row["id"] for row in corpus if row["split"] == "held_out"]
    assert len(held) == len(set(held)) == total(g for g in groups if g.split == "held_out").documents
    assert not set(held) & {row["id"] for row in corpus if row["split"] == "train"}
