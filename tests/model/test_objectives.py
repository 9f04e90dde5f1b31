"""What models are asked: documents apart, masking by its shares, spans, pairs, both directions; losses that add up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from model.build import build_model
from model.config import ModelConfig
from model.documents import documents_of
from model.loss import head_loss
from model.noise import IGNORED, Vocabulary, corrupt_spans, generator_of, mask_tokens, span_mask, words_of
from model.objectives import Totals, losses_of, totals_of
from model.parts import LstmConfig, ObjectiveConfig
from model.prepare import Prepared, Preparer
from model.presets import preset

SIZE, END, PAD, MASK, CLS, SEP = 120, 0, 1, 2, 3, 4
SENTINELS = np.arange(100, 120)


def vocabulary(**changes: Any) -> Vocabulary:
    special = np.zeros(SIZE, bool)
    special[[END, PAD, MASK, CLS, SEP, *SENTINELS]] = True
    plain = np.zeros(SIZE, bool)
    found = Vocabulary(SIZE, special, plain, plain, END, PAD, MASK, CLS, SEP, SENTINELS)
    return replace(found, **changes)


def preparer(kind: Any, length: int = 32, fetch: Any = None, **settings: Any) -> Preparer:
    return Preparer(kind, ObjectiveConfig(**settings), vocabulary(), length, 7, fetch)


def packed_rows(lengths: list[list[int]], padding: int = 0, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of documents, each ended, and the document of each token."""
    generator = np.random.default_rng(seed)
    rows, marks = [], []
    for row in lengths:
        documents = [np.append(generator.integers(5, 100, n - 1), END) for n in row]
        rows.append(np.concatenate([*documents, np.full(padding, PAD)]))
        marks.append(np.concatenate([np.repeat(np.arange(len(row)), row), np.full(padding, -1)]))
    return torch.from_numpy(np.stack(rows)), torch.from_numpy(np.stack(marks).astype(np.int32))


SIZES = {"vocab_size": SIZE, "d_model": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 4, "max_positions": 64}
MODELS = {
    "llama": ModelConfig.model_validate(SIZES | {"n_kv_heads": 2}),
    "gpt2": ModelConfig.model_validate({**preset("gpt2").model_dump(), **SIZES}),
    "chinchilla": ModelConfig.model_validate({**preset("chinchilla-70b").model_dump(), **SIZES}),
}


@pytest.mark.parametrize("name", [*MODELS])
def test_packed_documents_do_not_see_each_other(name: str) -> None:
    """Loss and gradients of packed documents are those of the documents one by one."""
    model = build_model(MODELS[name], seed=1)
    tokens, documents = packed_rows([[20, 30, 15], [33, 2, 30]])
    prepare = preparer("causal", restart_positions=True)
    together = prepare(tokens, documents, 0)
    assert together.documents is not None
    loss = losses_of(model, together).tokens
    loss.backward()
    gradients = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    model.zero_grad()
    alone = torch.zeros(())
    for row, of in zip(tokens, documents, strict=True):
        for number in range(3):
            first = torch.nonzero(of == number)[0, 0]
            text = row[of == number]
            if number:  # the end of one document begins the next
                text = torch.cat([row[first - 1 : first], text])
            alone = alone + losses_of(model, prepare(text[None], torch.zeros_like(text[None]), 0)).tokens
    torch.testing.assert_close(loss, alone, rtol=1e-5, atol=1e-4)
    alone.backward()
    for gradient, weight in zip(gradients, model.parameters(), strict=True):
        torch.testing.assert_close(gradient, weight.grad, rtol=1e-4, atol=1e-4)


def test_without_document_masking_they_do() -> None:
    model = build_model(MODELS["llama"], seed=1)
    tokens, documents = packed_rows([[20, 30, 15]])
    apart, together = (preparer("causal", document_masking=choice)(tokens, documents, 0) for choice in (True, False))
    assert together.documents is None and together.target_count == apart.target_count
    assert abs(losses_of(model, apart).tokens - losses_of(model, together).tokens) > 1e-3


def test_rotary_positions_need_no_restart() -> None:
    model = build_model(MODELS["llama"], seed=1)
    rows = packed_rows([[20, 30, 15]])
    with_restart, without = (preparer("causal", restart_positions=choice)(*rows, 0) for choice in (True, False))
    assert with_restart.positions is not None and with_restart.positions[0, 20] == 1
    torch.testing.assert_close(losses_of(model, with_restart).tokens, losses_of(model, without).tokens)


@given(st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=6), min_size=1, max_size=3), st.booleans())
@settings(max_examples=25, deadline=None)
def test_grouped_attention_is_masked_attention(lengths: list[list[int]], causal: bool) -> None:
    width = max(sum(row) for row in lengths)
    starts = [np.cumsum([0, *row])[:-1] for row in lengths]
    starts = [
        np.append(row, sum(sizes)) if sum(sizes) < width else row for row, sizes in zip(starts, lengths, strict=True)
    ]
    documents = documents_of(starts, width)
    q, k, v = (torch.randn(len(lengths), width, 2, 8, requires_grad=True) for _ in range(3))
    ids = documents.queries.ids
    mask = ids[:, None, :, None] == ids[:, None, None, :]
    mask = mask & torch.ones(width, width, dtype=torch.bool).tril() if causal else mask

    def attend(q: Any, k: Any, v: Any, visible: Any) -> Any:
        shown = None if causal else visible[:, None, None, :]
        sides = (x.transpose(1, 2) for x in (q, k, v))
        return functional.scaled_dot_product_attention(*sides, shown, is_causal=causal).transpose(1, 2)

    found = documents.attend(attend, q, k, v)
    dense = functional.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)), mask).transpose(1, 2)
    torch.testing.assert_close(found, dense, rtol=1e-4, atol=1e-5)
    noise = torch.randn_like(found)
    for one, other in zip(
        torch.autograd.grad((found * noise).sum(), (q, k, v)),
        torch.autograd.grad((dense * noise).sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("causal", [True, False])
def test_flex_attention_with_blocks_is_grouped_attention(causal: bool) -> None:
    documents = documents_of([np.array([0, 50, 90]), np.array([0, 128])], 160)
    q, k, v = torch.randn(2, 160, 4, 16), torch.randn(2, 160, 2, 16), torch.randn(2, 160, 2, 16)

    def attend(q: Any, k: Any, v: Any, visible: Any) -> Any:
        shown = None if causal else visible[:, None, None, :]
        sides = (x.transpose(1, 2) for x in (q, k, v))
        return functional.scaled_dot_product_attention(
            *sides, shown, is_causal=causal, scale=0.3, enable_gqa=True
        ).transpose(1, 2)

    found = documents.attend_blocks(q, k, v, 0.3, documents.block_mask(causal))
    torch.testing.assert_close(found, documents.attend(attend, q, k, v), rtol=1e-4, atol=1e-5)


def test_masking_keeps_its_shares() -> None:
    """15 % of the tokens; of those 80 % masked, 10 % replaced, 10 % kept: within 4 standard deviations."""
    generator = np.random.default_rng(1)
    tokens = generator.integers(0, 100, 200_000)
    shown, targets = mask_tokens(tokens, vocabulary(), generator, 0.15, 0.1, 0.1, whole_words=False)
    special = vocabulary().special[tokens]
    chosen = targets != IGNORED
    assert not chosen[special].any() and np.array_equal(targets[chosen], tokens[chosen])
    assert np.array_equal(shown[~chosen], tokens[~chosen])
    near(chosen.sum(), (~special).sum(), 0.15)
    masked, same = shown[chosen] == MASK, shown[chosen] == tokens[chosen]
    near(masked.sum(), chosen.sum(), 0.8)
    near(same.sum(), chosen.sum(), 0.1 + 0.1 / 95)  # one in 95 draws is the token itself
    drawn = shown[chosen][~masked & ~same]
    assert set(drawn) == {*range(5, 100)}  # every ordinary id, no special one
    counts = np.bincount(drawn, minlength=100)[5:100]
    expected = counts.mean()
    assert ((counts - expected) ** 2 / expected).sum() < 94 + 5 * np.sqrt(2 * 94)


def near(count: int, of: int, share: float) -> None:
    assert abs(count - of * share) < 4 * np.sqrt(of * share * (1 - share))


def test_whole_words_are_hidden_whole() -> None:
    opens = np.zeros(SIZE, bool)
    opens[5:50] = True  # half the tokens begin a word, the others go on
    words = vocabulary(opens=opens)
    tokens = np.random.default_rng(2).integers(5, 100, 20_000)
    _, targets = mask_tokens(tokens, words, np.random.default_rng(3), 0.15, 0.1, 0.1, whole_words=True)
    number = words_of(tokens, words)
    chosen = np.bincount(number, targets != IGNORED)
    sizes = np.bincount(number)
    assert set(np.unique(chosen / sizes)) == {0.0, 1.0}
    assert abs((targets != IGNORED).mean() - 0.15) < 0.02


def test_masking_is_drawn_anew_each_time_and_alike_in_any_part() -> None:
    tokens, documents = packed_rows([[20, 12], [32], [16, 16], [32]])
    prepare = preparer("masked")
    whole = prepare(tokens, documents, 64)
    parts = [prepare(tokens[i : i + 2], documents[i : i + 2], 64) for i in (0, 2)]
    assert torch.equal(whole.tokens, torch.cat([part.tokens for part in parts]))
    assert torch.equal(whole.targets, torch.cat([part.targets for part in parts]))
    assert not torch.equal(whole.targets, prepare(tokens, documents, 128).targets)
    assert torch.equal(whole.targets, prepare(tokens, documents, 64).targets)


@pytest.mark.parametrize("kind", ["causal", "masked", "masked_pairs", "span_corruption", "bidirectional"])
def test_a_step_is_the_mean_over_all_its_targets_however_it_is_cut(kind: str) -> None:
    """Parts have very different numbers of targets; the mean of their means would be another number."""
    tokens, documents = packed_rows([[20, 12], [32], [3, 29], [32]])
    tokens[1, 5:], documents[1, 5:] = PAD, -1
    rows = list(zip(tokens.numpy(), documents.numpy(), strict=True))
    prepare = preparer(kind, fetch=lambda number: rows[number % 4])
    model = build_model(MODEL_OF[kind], seed=1)

    def gradient(parts: list[Prepared]) -> tuple[torch.Tensor, torch.Tensor]:
        totals = sum(map(totals_of, parts), Totals(0))
        model.zero_grad()
        shares = [losses_of(model, part).share(totals) for part in parts]
        for share in shares:
            share.backward()
        grads = [weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]
        return torch.stack(shares).sum().detach(), torch.cat(grads)

    loss, whole = gradient([prepare(tokens, documents, 0)])
    same, cut = gradient([prepare(tokens[:1], documents[:1], 0), prepare(tokens[1:], documents[1:], 0)])
    torch.testing.assert_close(loss, same, rtol=1e-5, atol=1e-6)
    assert (whole - cut).norm() / whole.norm() < 1e-4


MODEL_OF = {
    "causal": MODELS["llama"],
    "masked": ModelConfig.model_validate({**preset("tiny-bert").model_dump(), **SIZES}),
    "masked_pairs": ModelConfig.model_validate({**preset("tiny-bert-pairs").model_dump(), **SIZES}),
    "span_corruption": ModelConfig.model_validate({**preset("tiny-t5").model_dump(), **SIZES}),
    "bidirectional": ModelConfig.model_validate(
        SIZES | {"lstm": LstmConfig(cells=40, filters=((1, 8), (2, 8)), word_chars=6)}
    ),
}


def test_spans_put_back_are_the_text() -> None:
    words = vocabulary()
    for number in range(200):
        generator = np.random.default_rng(number)
        tokens = generator.integers(5, 100, generator.integers(2, 120))
        source, target = corrupt_spans(tokens, words, generator, 0.15, 3.0)
        assert source[-1] == target[-1] == END
        hidden: dict[int, list[int]] = {}
        for token in target[:-1]:
            if token >= 100:
                hidden[int(token)] = name = []
            else:
                name.append(int(token))
        assert list(hidden) == list(SENTINELS[: len(hidden)]) and all(hidden.values())
        again = [t for token in source[:-1] for t in (hidden[int(token)] if token >= 100 else [int(token)])]
        assert again == tokens.tolist()


def test_spans_have_the_lengths_of_the_paper() -> None:
    masks = [span_mask(500, np.random.default_rng(seed), 0.15, 3.0, 100) for seed in range(100)]
    assert {int(mask.sum()) for mask in masks} == {75}
    spans = [int((mask & ~np.concatenate([[False], mask[:-1]])).sum()) for mask in masks]
    assert set(spans) == {25}
    assert abs(np.mean(masks, axis=0)[1:-1].mean() - 0.15) < 0.01
    assert span_mask(2000, np.random.default_rng(0), 0.5, 1.0, 100).sum() == 1000


def test_t5s_packed_documents_do_not_see_each_other() -> None:
    model = build_model(MODEL_OF["span_corruption"], seed=1)
    tokens, documents = packed_rows([[20, 30, 15], [33, 2, 30]])
    prepare = preparer("span_corruption", length=64)
    together = prepare(tokens, documents, 0)
    assert together.source is not None and together.packed is not None
    loss = losses_of(model, together).tokens
    alone = torch.zeros(())
    side = together.packed.encoder.queries.ids, together.packed.decoder.queries.ids
    for row in range(2):
        for number in range(int(side[1][row].max())):
            source, shown, asked = (
                part[row][side[i][row] == number][None]
                for part, i in ((together.source, 0), (together.tokens, 1), (together.targets, 1))
            )
            assert shown[0, 0] == PAD and asked[0, -1] == END and source[0, -1] == END
            alone = alone + losses_of(model, Prepared(shown, asked, source=source)).tokens
    torch.testing.assert_close(loss, alone, rtol=1e-5, atol=1e-4)


def test_pairs_follow_or_come_from_elsewhere_half_the_time() -> None:
    tokens, documents = packed_rows([[10, 22]] * 400)
    strange = np.append(np.full(31, 99), END), np.zeros(32, np.int64)
    tokens[tokens == 99] = 98
    prepared = preparer("masked_pairs", fetch=lambda number: strange, hidden_frac=0.01)(tokens, documents, 0)
    assert prepared.pairs is not None and prepared.segments is not None
    near(int(prepared.pairs.sum()), 400, 0.5)
    for row, segments, pair in zip(prepared.tokens, prepared.segments, prepared.pairs, strict=True):
        assert row[0] == CLS and int((row == SEP).sum()) == 2
        second = row[segments == 1]
        assert bool((second == 99).any()) == bool(pair)


def test_elmos_two_directions_are_asked_for_the_next_and_the_one_before() -> None:
    tokens, documents = packed_rows([[5, 3]], padding=4)
    prepared = preparer("bidirectional")(tokens, documents, 0)
    assert prepared.before is not None and prepared.lengths is not None
    assert prepared.lengths.tolist() == [5, 3]
    row = tokens[0, :5]
    assert prepared.targets[0].tolist() == [*row[1:].tolist(), IGNORED]
    assert prepared.before[0].tolist() == [IGNORED, *row[:-1].tolist()]
    assert prepared.target_count == 2 * (4 + 2)


@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
def test_chunked_loss_is_the_plain_one(z_loss: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.loss.rows_at_once", lambda vocabulary: 7)
    rows, weight, bias = (torch.randn(shape, requires_grad=True) for shape in ((20, 8), (50, 8), (50,)))
    targets = torch.randint(0, 50, (20,))

    def plain() -> torch.Tensor:
        logits = rows @ weight.T + bias
        nats = functional.cross_entropy(logits, targets, reduction="sum")
        return nats + z_loss * logits.logsumexp(1).square().sum()

    one = (head_loss(rows, weight, bias, targets, z_loss), plain())
    torch.testing.assert_close(*one)
    found, expected = (torch.autograd.grad(loss * 0.3, (rows, weight, bias)) for loss in one)
    for gradient, other in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(head_loss(rows, weight, bias, targets, z_loss), one[1])


PEAK = """
import torch
from pathlib import Path
from model.loss import head_loss
torch.set_num_threads(1)
rows, weight = torch.randn(768, 8, requires_grad=True), torch.randn(128_256, 8, requires_grad=True)
targets = torch.randint(0, 128_256, (768,))

def peak(work):
    memory = lambda name: next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
    Path("/proc/self/clear_refs").write_text("5")  # from here on the highest use is counted anew
    before = memory("VmRSS")
    work().backward()
    return (memory("VmHWM") - before) * 1024

print(peak(lambda: head_loss(rows, weight, None, targets)))
print(peak(lambda: torch.nn.functional.cross_entropy(rows @ weight.T, targets, reduction="sum")))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks of memory are read from Linux's /proc")
def test_logits_of_a_large_vocabulary_never_exist_whole(project_root: Path) -> None:
    """768 rows of 128,256 logits are 394 MB; measured as a process's peak memory, the plain way beside it."""
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True, cwd=project_root)
    chunked, plain = map(int, done.stdout.split())
    whole = 768 * 128_256 * 4
    assert 0 < chunked < 0.5 * whole and plain > 1.9 * whole


def test_noise_is_a_matter_of_seed_position_and_tokens() -> None:
    tokens = np.arange(5, 20)
    draws: list[Callable[[], Any]] = [
        lambda: generator_of(1, 0, tokens),
        lambda: generator_of(2, 0, tokens),
        lambda: generator_of(1, 8, tokens),
        lambda: generator_of(1, 0, tokens[::-1].copy()),
    ]
    found = [draw().integers(2**60) for draw in draws]
    assert len({*found}) == 4 and found[0] == draws[0]().integers(2**60)
