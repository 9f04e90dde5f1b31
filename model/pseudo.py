"""Pseudo-likelihoods of documents under an encoder: `python -m model.pseudo SPEC.json` (see `PseudoSpec`).

Every token in turn is hidden and asked for, all others shown: the sum of the nats is no likelihood of the text, and
compares encoders of one tokenizer with each other only. A document longer than the model sees is cut into windows,
one after another. One event a document, in their order: `nats`.
Source: Salazar et al. 2020, "Masked Language Model Scoring", arXiv:1910.14659.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.build import as_transformer
from model.checkpoint import load_model
from model.process import choose_device, emit, serve, settle
from model.scoring import PseudoSpec
from model.transformer import Transformer
from storage.errors import UserError


@torch.no_grad()
def pseudo_nats(model: Transformer, document: Sequence[int], spec: PseudoSpec) -> float:
    """Nats of a document's tokens, each given all others of its window."""
    room = spec.max_positions - len(spec.head) - len(spec.tail)
    windows = [document[start : start + room] for start in range(0, len(document), room)]
    return sum(_window_nats(model, window, spec) for window in windows)


def _window_nats(model: Transformer, window: Sequence[int], spec: PseudoSpec) -> float:
    device = model.embedding.weight.device
    ids = torch.tensor([*spec.head, *window, *spec.tail], device=device)
    first, nats = len(spec.head), 0.0
    step = max(1, spec.batch_tokens // len(ids))
    for start in range(0, len(window), step):
        places = torch.arange(start, min(start + step, len(window)), device=device)
        shown_BT = ids.repeat(len(places), 1)
        rows = torch.arange(len(places), device=device)
        shown_BT[rows, first + places] = spec.mask_id
        hidden_BD = model.hidden(shown_BT)[rows, first + places]
        log_probs_BV = model.head(model.before_head(hidden_BD)).float().log_softmax(-1)
        nats -= float(log_probs_BV[rows, ids[first + places]].double().sum())
    return nats


def _work(spec: PseudoSpec) -> None:
    settle(spec.threads)
    model = as_transformer(load_model(spec.weights)).to(choose_device(spec.device)).eval()
    if model.config.causal or not model.config.lm_head:
        raise UserError("pseudo-likelihoods are an encoder's.", "A decoder gives likelihoods.")
    for document in spec.documents:
        emit("scored", nats=pseudo_nats(model, document, spec))


if __name__ == "__main__":
    raise SystemExit(serve(PseudoSpec, _work))
