"""Generation: with and without a cache, alone and in a batch, greedy and by beams, all as `transformers` writes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, GenerationConfig

from model.build import LanguageModel
from model.config import ModelConfig
from model.generate import Written, generate
from model.sampling import chances, choose, penalise
from model.specs import GenerationSpec
from storage.errors import UserError

from .test_huggingface import exported, shaken, small

CONFIGS = {
    "llama": small("llama3-8b", n_kv_heads=2, max_positions=64),
    "gpt2": small("gpt2", max_positions=64),
    "t5": small("t5-base", decoder_layers=2),
    "chinchilla": small("chinchilla-70b"),
}
PROMPTS = ((3, 4, 5), (7, 8, 9, 10, 11, 12), (20,))


def spec_of(**changes: Any) -> GenerationSpec:
    plain = {"weights": "", "prompts": PROMPTS, "max_tokens": 12, "temperature": 0.0, "pad_id": 1}
    return GenerationSpec.model_validate(plain | changes)


def texts(written: Any, rows: int) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(rows)]
    for one in written:
        assert isinstance(one, Written)
        found[one.row].append(one.token)
    return found


def run(model: LanguageModel, cached: bool = True, **changes: Any) -> list[list[int]]:
    spec = spec_of(**changes)
    return texts(generate(model, spec, cached), len(spec.prompts))


SAMPLINGS: list[dict[str, Any]] = [
    {"temperature": 0.0},
    {"temperature": 1.0, "top_p": 1.0},
    {"temperature": 0.7, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.3},
    {"beams": 3},
]


@pytest.mark.parametrize("name", [*CONFIGS])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_cached_is_uncached_token_by_token_in_a_batch_and_alone(name: str, sampling: dict[str, Any]) -> None:
    model = shaken(CONFIGS[name])
    together = run(model, **sampling)
    assert together == run(model, cached=False, **sampling) == run(model, **sampling)
    assert all(len(text) == 12 for text in together)
    alone = [run(model, prompts=(ids,), seed=row, **sampling)[0] for row, ids in enumerate(PROMPTS)]
    assert together == alone


@pytest.mark.parametrize("name", ["llama", "gpt2", "t5"])
@pytest.mark.parametrize(
    "how",
    [{}, {"repetition_penalty": 1.7}, {"beams": 4}, {"beams": 3, "length_penalty": 2.0, "repetition_penalty": 1.2}],
)
def test_greedy_and_beams_are_those_of_transformers(name: str, how: dict[str, Any], tmp_path: Any) -> None:
    model = shaken(CONFIGS[name])
    kind = AutoModelForSeq2SeqLM if name == "t5" else AutoModelForCausalLM
    theirs = kind.from_pretrained(exported(model, tmp_path)).eval()
    stop = run(model)[0][5]  # a token that does come, so that texts end at different places
    for prompt in PROMPTS:
        wanted = theirs.generate(
            torch.tensor([prompt]),
            generation_config=GenerationConfig(
                do_sample=False, max_new_tokens=12, num_beams=how.get("beams", 1), eos_token_id=stop, pad_token_id=1,
                length_penalty=how.get("length_penalty", 1.0), decoder_start_token_id=1,
                repetition_penalty=how.get("repetition_penalty", 1.0),
            ),
        )[0].tolist()  # fmt: skip
        wanted = wanted[1:] if name == "t5" else wanted[len(prompt) :]
        wanted = wanted[: wanted.index(stop)] if stop in wanted else wanted
        assert run(model, prompts=(prompt,), stop_id=stop, **how)[0] == wanted


def test_seeds_decide() -> None:
    model = shaken(CONFIGS["llama"])
    one, same, other = (run(model, temperature=1.0, seed=seed) for seed in (1, 1, 2))
    assert one == same and one != other


def test_candidates_say_what_the_model_gave_and_what_was_drawn_with() -> None:
    model = shaken(CONFIGS["llama"])
    for one in generate(model, spec_of(temperature=0.5, top_k=2, why=5)):
        assert len(one.candidates) == 5
        given = [found.probability for found in one.candidates]
        assert given == sorted(given, reverse=True) and sum(given) <= 1
        drawn = {found.token: found.chance for found in one.candidates}
        assert sum(drawn.values()) == pytest.approx(1) and sum(chance > 0 for chance in drawn.values()) == 2
        assert drawn[one.token] > 0


def test_what_does_not_write_is_refused() -> None:
    with pytest.raises(UserError, match="does not write"):
        run(shaken(small("bert-base-mlm")))
    with pytest.raises(UserError, match="does not write"):
        run(shaken(ModelConfig.model_validate({"lstm": {"cells": 200}, "vocab_size": 50})))


def drawn(logits: torch.Tensor, **sampling: Any) -> set[int]:
    spec = spec_of(**{"temperature": 1.0, "top_p": 1.0} | sampling)
    generator = torch.Generator().manual_seed(0)
    return {choose(logits, spec, generator) for _ in range(400)}


def test_sampling_keeps_to_its_filters() -> None:
    logits = torch.log(torch.tensor([0.05, 0.5, 0.3, 0.15]))
    assert drawn(logits) == {0, 1, 2, 3}
    assert drawn(logits, top_k=2) == {1, 2}
    assert drawn(logits, top_p=0.79) == {1, 2}
    assert drawn(logits, top_p=0.01) == {1}
    assert drawn(logits, min_p=0.25) == {1, 2, 3}
    assert drawn(logits, min_p=0.5) == {1, 2}
    assert drawn(logits, temperature=0) == {1}


@pytest.mark.parametrize(
    "sampling", [{"top_k": 7}, {"top_p": 0.6}, {"min_p": 0.2}, {"top_k": 9, "top_p": 0.8, "min_p": 0.1}]
)
def test_filters_are_those_of_transformers(sampling: dict[str, Any]) -> None:
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    kinds: list[Any] = [
        TemperatureLogitsWarper(0.8),
        *([TopKLogitsWarper(sampling["top_k"])] if "top_k" in sampling else []),
        *([TopPLogitsWarper(sampling["top_p"])] if "top_p" in sampling else []),
        *([MinPLogitsWarper(sampling["min_p"])] if "min_p" in sampling else []),
    ]
    for seed in range(20):
        logits = 2 * torch.randn(1, 60, generator=torch.Generator().manual_seed(seed))
        wanted = logits
        for kind in kinds:
            wanted = kind(None, wanted)
        found = chances(logits[0], spec_of(**{"temperature": 0.8, "top_p": 1.0} | sampling))
        torch.testing.assert_close(found, wanted.softmax(-1)[0])


def test_the_penalty_moves_seen_tokens_towards_no() -> None:
    found = penalise(torch.tensor([2.0, -2.0, 1.0]), torch.tensor([0, 1]), 2.0)
    assert found.tolist() == [1.0, -4.0, 1.0]
