"""ELMo: two language models, one of either direction, over words read letter by letter.

Design decisions
- A word's letters go through filters of several widths, the strongest answer of each filter is kept, then highway
  layers and a projection: words never seen have vectors too.
- Each direction is a stack of LSTMs, `cells` wide and projected to d_model; from the second on, a layer's input is
  added to its output. Directions share the letters and the output matrix, as in the paper.
- One bias for each gate where PyTorch has two that add up: 93,600,864 parameters, as published.
- What a task takes is `LayerMix`, a learned weighted mean of the layers. The published clipping of cells is left out.
- A word is a token of the corpus's tokenizer, its letters that token's bytes (`model.characters`).

Shapes, in tensor names: B sequences, T words, C characters of a word, D d_model, L layers, V words in all.
Source: Peters et al. 2018, arXiv:1802.05365; allenai/bilm-tf, bilm/model.py; Kim et al. 2016, arXiv:1508.06615.
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.config import ModelConfig
from model.parts import LstmConfig


class CharacterWords(nn.Module):
    """Letters of words to vectors, int64[..., C] to float[..., D]."""

    def __init__(self, config: ModelConfig, lstm: LstmConfig) -> None:
        super().__init__()
        self.characters = nn.Embedding(lstm.char_ids, lstm.char_dim)
        self.filters = nn.ModuleList(nn.Conv1d(lstm.char_dim, count, width) for width, count in lstm.filters)
        total = sum(count for _, count in lstm.filters)
        self.highways = nn.ModuleList(nn.Linear(total, 2 * total) for _ in range(lstm.highways))
        self.projection = nn.Linear(total, config.d_model)

    def forward(self, letters_NC: Tensor) -> Tensor:
        x_NEC = self.characters(letters_NC).transpose(1, 2)
        x_NF = torch.cat([functional.relu(part(x_NEC).amax(dim=-1)) for part in self.filters], dim=-1)
        for highway in self.highways:
            changed, carry = highway(x_NF).chunk(2, dim=-1)
            carry = torch.sigmoid(carry)
            x_NF = carry * x_NF + (1 - carry) * functional.relu(changed)
        return self.projection(x_NF)  # type: ignore[no-any-return]


class Direction(nn.Module):
    """LSTMs one above the other, reading one way; gives every layer's output, its own words' vectors first."""

    def __init__(self, config: ModelConfig, lstm: LstmConfig) -> None:
        super().__init__()
        warnings.filterwarnings("ignore", message="LSTM with projections is not supported with oneDNN")
        layers = [
            nn.LSTM(config.d_model, lstm.cells, batch_first=True, proj_size=config.d_model)
            for _ in range(config.n_layers)
        ]
        self.layers = nn.ModuleList(map(_with_one_bias, layers))

    def forward(self, words_BTD: Tensor) -> list[Tensor]:
        found = [words_BTD]
        for number, layer in enumerate(self.layers):
            out_BTD, _ = layer(found[-1])
            found.append(out_BTD + found[-1] if number else out_BTD)
        return found


class BiLstm(nn.Module):
    """Token ids to what the two language models make of them.

    Args:
        config: Shape of the model, `config.lstm` given.
        seed: Of the initial weights.

    Attributes:
        letters: Letters of each token, int32[V, C]; kept with the weights. All padding until `model.characters`
            has filled it in.
    """

    letters: Tensor

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config, lstm = config, config.lstm or LstmConfig()
        self.embedding = CharacterWords(config, lstm)
        self.forwards, self.backwards = Direction(config, lstm), Direction(config, lstm)
        self.register_buffer("letters", torch.zeros(config.vocab_size, lstm.word_chars, dtype=torch.int32))
        if config.lm_head:
            self.head = nn.Linear(config.d_model, config.vocab_size)
        self._initialise(seed)

    def layers(self, tokens_BT: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Every layer of both directions side by side, float[L + 1, B, T, 2 D]; the first is the words' twice."""
        there, back = self.directions(tokens_BT, lengths_B)
        return torch.stack([torch.cat(pair, dim=-1) for pair in zip(there, back, strict=True)])

    def hidden(self, tokens_BT: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """The last layer of both directions, float[B, T, 2 D]: forwards, then backwards."""
        there, back = self.directions(tokens_BT, lengths_B)
        return torch.cat([there[-1], back[-1]], dim=-1)

    def directions(self, tokens_BT: Tensor, lengths_B: Tensor | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """Layers of the two language models, float[B, T, D] each: what they make of a word and those before it
        (after it).

        Args:
            tokens_BT: int64.
            lengths_B: Words of each row that are no padding, which is at its end; None: all.
        """
        seen, places = torch.unique(tokens_BT, return_inverse=True)  # a word in a batch is read once
        words_BTD = self.embedding(self.letters[seen].long())[places]
        turned = _turned(tokens_BT, lengths_B)[..., None].expand_as(words_BTD)
        back = self.backwards(words_BTD.gather(1, turned))
        return self.forwards(words_BTD), [layer.gather(1, turned) for layer in back]

    def before_head(self, x_BTD: Tensor) -> Tensor:
        """Nothing lies between a direction and the output matrix."""
        return x_BTD

    @torch.no_grad()
    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            if weight.is_meta:
                continue
            if weight.ndim == 1:
                weight.zero_()
                if ".layers." in name:
                    weight.chunk(4)[1].fill_(1.0)  # gates that forget start open: Jozefowicz et al. 2015
                elif ".highways." in name:
                    weight.chunk(2)[1].fill_(1.0)  # highways start by carrying: Srivastava et al. 2015
            elif name == "embedding.characters.weight":
                weight.normal_(0.0, 1.0, generator=generator)
            else:
                weight.normal_(0.0, math.sqrt(1.0 / weight[0].numel()), generator=generator)


def _turned(tokens_BT: Tensor, lengths_B: Tensor | None) -> Tensor:
    """Places of a row's words from the last to the first, padding where it was; its own inverse; int64[B, T]."""
    places = torch.arange(tokens_BT.shape[1], device=tokens_BT.device).expand_as(tokens_BT)
    if lengths_B is None:
        return places.flip(1)
    lengths = lengths_B[:, None]
    return torch.where(places < lengths, lengths - 1 - places, places)


def _with_one_bias(layer: nn.LSTM) -> nn.LSTM:
    """The layer with the second of a gate's two biases held at 0: they add up."""
    second = torch.zeros_like(layer.bias_hh_l0)  # type: ignore[arg-type]
    del layer.bias_hh_l0
    layer.register_buffer("bias_hh_l0", second)
    layer._init_flat_weights()
    return layer


class LayerMix(nn.Module):
    """ELMo's feature of a word: gamma · Σ softmax(s)[l] · layer l, with s and gamma learned by the task.

    Args:
        layers: L + 1.
        normalise: Bring every layer to mean 0 and variance 1 of a word first, as the paper suggests.
    """

    def __init__(self, layers: int, normalise: bool = False) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(()))
        self.normalise = normalise

    def forward(self, layers_LBTD: Tensor) -> Tensor:
        if self.normalise:
            layers_LBTD = functional.layer_norm(layers_LBTD, layers_LBTD.shape[-1:])
        weights = torch.softmax(self.scores, dim=0)
        return self.gamma * torch.einsum("l,lbtd->btd", weights, layers_LBTD)
