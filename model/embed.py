"""Contextual vectors of words, layer by layer: `python -m model.embed SPEC.json` (see `EmbedSpec`).

Layers are those that `transformers` calls hidden states: 0 is what goes into the first block (token embeddings, with
positions, segments and their norm where a model adds any), the last is what the stack gives, its final norm included.
Of a T5 they are its encoder's; of an ELMo the words' vectors from their letters, then each LSTM's, both directions
side by side. A group's vector is the mean over its passages.

Shapes, in tensor names: L layers and one, B passages, T positions, D width, G groups.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from model.bilstm import BiLstm
from model.build import LanguageModel
from model.checkpoint import load_model
from model.embedding import EmbedSpec
from model.encoder_decoder import EncoderDecoder
from model.process import choose_device, emit, serve, settle
from model.score import batches_of
from model.transformer import Stack
from storage import files
from storage.errors import UserError


@torch.no_grad()
def layers_of(model: LanguageModel, tokens_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """Every layer's vectors, float[L + 1, B, T, D]; what stands behind a row's length means nothing."""
    if isinstance(model, BiLstm):
        return model.layers(tokens_BT, lengths_B)
    visible_BT = torch.arange(tokens_BT.shape[1], device=tokens_BT.device) < lengths_B[:, None]
    stack: Stack = model.encoder if isinstance(model, EncoderDecoder) else model
    streams: list[Tensor] = []
    blocks: list[nn.Module] = [*stack.blocks]
    hooks = [blocks[0].register_forward_pre_hook(lambda _, given: streams.append(given[0]))]
    hooks += [block.register_forward_hook(lambda _m, _i, out: streams.append(out)) for block in blocks]
    if isinstance(model, EncoderDecoder):
        last = model.encode(tokens_BT, visible_BT)
    else:
        last = model.hidden(tokens_BT, visible_BS=None if model.config.causal else visible_BT)
    for hook in hooks:
        hook.remove()
    return torch.stack([*streams[:-1], last])


def embed(model: LanguageModel, spec: EmbedSpec) -> Tensor:
    """Mean vector of each group's words, float32[G, L + 1, D], on the CPU.

    Raises:
        UserError: An id is not in the vocabulary, or a passage is longer than the model has positions for.
    """
    _check(model, spec)
    device = next(model.parameters()).device
    groups = torch.tensor([group for _, _, group in spec.spans])
    sums_GLD: Tensor | None = None
    for chosen in batches_of([len(ids) for ids in spec.passages], spec.batch_tokens):
        rows = [spec.passages[index] for index in chosen]
        layers_LBTD = layers_of(model, _padded(rows).to(device), torch.tensor([*map(len, rows)]).to(device))
        spans = [layers_LBTD[:, place, slice(*spec.spans[index][:2])] for place, index in enumerate(chosen)]
        means_BLD = torch.stack([span.double().mean(dim=1) for span in spans]).cpu()
        if sums_GLD is None:
            sums_GLD = means_BLD.new_zeros(int(groups.max()) + 1, *means_BLD.shape[1:])
        sums_GLD.index_add_(0, groups[chosen], means_BLD)
    assert sums_GLD is not None
    return (sums_GLD / groups.bincount().clamp(min=1)[:, None, None]).float()


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in rows])


def _check(model: LanguageModel, spec: EmbedSpec) -> None:
    config, longest = model.config, max(map(len, spec.passages))
    highest = max(max(ids) for ids in spec.passages)
    if highest >= config.vocab_size:
        raise UserError(f"token id {highest} is not in a vocabulary of {config.vocab_size}.")
    if config.positions == "learned" and longest > config.max_positions:
        raise UserError(f"a passage has {longest} tokens, the model learned {config.max_positions} positions.")


def _work(spec: EmbedSpec) -> None:
    settle(spec.threads)
    model = load_model(spec.weights).to(choose_device(spec.device)).eval()
    found = embed(model, spec)
    content = io.BytesIO()
    np.save(content, found.numpy())
    files.write_bytes(spec.out, content.getvalue())
    emit("embedded", groups=len(found), layers=found.shape[1], width=found.shape[2])


if __name__ == "__main__":
    raise SystemExit(serve(EmbedSpec, _work))
