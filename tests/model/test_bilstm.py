"""ELMo: each direction sees only its side; padding is not seen; the mixture is the paper's."""

from __future__ import annotations

import torch

from model.bilstm import BiLstm, LayerMix
from model.config import ModelConfig
from model.parts import LstmConfig

CONFIG = ModelConfig(
    vocab_size=50, d_model=16, n_layers=2, lstm=LstmConfig(cells=24, filters=((1, 8), (3, 8)), word_chars=8)
)


def model() -> BiLstm:
    found = BiLstm(CONFIG, seed=1).eval()
    letters = torch.randint(1, 262, (50, 8), generator=torch.Generator().manual_seed(0))
    found.letters.copy_(letters)
    return found


def ids(rows: int, positions: int) -> torch.Tensor:
    return torch.randint(0, 50, (rows, positions), generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_each_direction_sees_a_word_and_its_own_side() -> None:
    elmo, tokens = model(), ids(1, 9)
    changed = tokens.clone()
    changed[0, 4] = (changed[0, 4] + 1) % 50
    there, back = elmo.directions(tokens)
    there2, back2 = elmo.directions(changed)
    for one, two, same in ((there, there2, slice(0, 4)), (back, back2, slice(5, 9))):
        torch.testing.assert_close(one[-1][0, same], two[-1][0, same])
        assert not torch.allclose(one[-1][0, 4], two[-1][0, 4])
    assert not torch.allclose(there[-1][0, 8], there2[-1][0, 8])
    assert not torch.allclose(back[-1][0, 0], back2[-1][0, 0])


@torch.no_grad()
def test_padding_is_not_seen_by_either_direction() -> None:
    elmo, tokens = model(), ids(2, 9)
    lengths = torch.tensor([9, 5])
    padded = elmo.layers(tokens, lengths)
    alone = elmo.layers(tokens[1:, :5])
    torch.testing.assert_close(padded[:, 1:, :5], alone)


@torch.no_grad()
def test_the_backward_model_is_the_forward_one_of_the_text_turned_round() -> None:
    elmo, tokens = model(), ids(2, 7)
    elmo.backwards.load_state_dict(elmo.forwards.state_dict())
    there, _ = elmo.directions(tokens.flip(1))
    _, back = elmo.directions(tokens)
    torch.testing.assert_close(back[-1], there[-1].flip(1))


def test_words_of_one_spelling_are_one_word() -> None:
    elmo = model()
    elmo.letters[7] = elmo.letters[3]
    layers = elmo.layers(torch.tensor([[1, 3, 2], [1, 7, 2]]))
    torch.testing.assert_close(layers[:, 0], layers[:, 1])


def test_the_mixture_starts_as_the_mean_and_learns() -> None:
    mix, layers = LayerMix(3), torch.randn(3, 2, 4, 8)
    torch.testing.assert_close(mix(layers), layers.mean(0))
    mix(layers).square().sum().backward()
    assert mix.scores.grad is not None and mix.scores.grad.abs().sum() > 0
    with torch.no_grad():
        mix.scores.copy_(torch.tensor([0.0, 0.0, 100.0]))
        mix.gamma.fill_(2.0)
    torch.testing.assert_close(mix(layers), 2 * layers[2])
