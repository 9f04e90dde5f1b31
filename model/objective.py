"""What a training asks of its model, as one module: the loss of a part of a batch, wherever the model is cut up.

Data-parallel wrappers act when a module is called; an objective that calls parts of a model one by one must still be
one call to them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.bilstm import BiLstm
from model.build import LanguageModel
from model.characters import letters_of, token_bytes
from model.config import TrainConfig
from model.data import Sequences
from model.encoder_decoder import EncoderDecoder
from model.loss import Loss
from model.noise import Ids
from model.objective_config import Kind, objective_of
from model.objectives import losses_of
from model.prepare import Prepared, Preparer, vocabulary_of
from model.specs import TrainingSpec
from model.token_set import TokenSet
from model.transformer import Transformer
from storage import files
from storage.uris import join

HELD_OUT = -1
"""Position of what is measured and not trained on: the same noise every time."""


class Objective(nn.Module):
    """Sums of losses of prepared sequences.

    Args:
        model: Of any kind.
        prepare: From stored sequences to what the model is shown and asked.
        z_loss: See `model.loss`; no part of what is measured.
        autocast: Whether products are computed in bfloat16; weights stay float32.
    """

    def __init__(self, model: LanguageModel, prepare: Preparer, z_loss: float, autocast: bool) -> None:
        super().__init__()
        self.model, self.prepare, self.z_loss, self.autocast = model, prepare, z_loss, autocast

    def forward(self, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """Sums in nats: of tokens, and of pairs judged."""
        with torch.autocast(prepared.tokens.device.type, torch.bfloat16, enabled=self.autocast):
            losses = losses_of(self.model, prepared, self.z_loss if torch.is_grad_enabled() else 0.0)
        return losses.tokens, losses.tokens.new_zeros(()) if losses.pairs is None else losses.pairs

    def measure(self, tokens_BW: Tensor, documents_BW: Tensor) -> Loss:
        """Loss of held-out sequences; what is hidden of them is the same every time."""
        prepared = self.prepare(tokens_BW, documents_BW, HELD_OUT).to(tokens_BW.device)
        nats, _ = self(prepared)
        return Loss(nats, torch.tensor(prepared.target_count))


def make_preparer(spec: TrainingSpec, tokens: TokenSet, tokenizer: str, sequences: Sequences) -> Preparer:
    """What prepares a training's batches; `sequences` are those it may draw others from."""
    objective, pad_id = spec.train.objective, tokens.pad_id
    kind = objective_of(spec.model, objective)

    def fetch(number: int) -> tuple[Ids, Ids]:
        rows = np.array([number % len(sequences)])
        found = sequences.take(rows).astype(np.int64)
        return found[0], np.where(found == pad_id, -1, sequences.documents(rows))[0]

    vocabulary = vocabulary_of(tokens, tokenizer, kind, objective)
    return Preparer(kind, objective, vocabulary, tokens.sequence_length, spec.train.seed, fetch)


def read_tokenizer(directory: str) -> str:
    """Content of a token set's tokenizer.json."""
    with files.open_read(join(directory, "tokenizer.json")) as stream:
        return stream.read().decode()


def fill_letters(model: LanguageModel, tokenizer: str) -> None:
    """Tell a model that reads letters how its tokens are spelt."""
    if isinstance(model, BiLstm):
        size, most = model.letters.shape
        model.letters.copy_(torch.from_numpy(letters_of(token_bytes(tokenizer, size), most)))


def rest_unasked(model: LanguageModel, kind: Kind) -> None:
    """Keep what no loss reaches from learning: a BERT's pooler where no pairs are judged. Its weights would not move in
    any case, but several ranks would wait for their gradients.
    """
    if isinstance(model, Transformer) and kind != "masked_pairs":
        for name in ("pooler", "pair_head"):
            if hasattr(model, name):
                getattr(model, name).requires_grad_(False)


def blocks_of(model: LanguageModel) -> list[nn.Module]:
    """The parts a model is a stack of; an LSTM has none to cut at."""
    if isinstance(model, BiLstm):
        return []
    if isinstance(model, EncoderDecoder):
        return [*model.encoder.blocks, *model.decoder.blocks]
    return [*model.blocks]


def prepare_blocks(blocks: list[nn.Module], config: TrainConfig, backend: str = "inductor") -> None:
    """Blocks that are computed again going back, and compiled, where the training asks for it; names stay."""
    for block in blocks:
        run: Any = block.forward
        if config.compile:
            run = torch.compile(run, backend=backend)
        if config.recompute:  # outside: a compiler that is given this function compiles nothing, and does not say so
            run = partial(checkpoint, run, use_reentrant=False)
        block.forward = run
