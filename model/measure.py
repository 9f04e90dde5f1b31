"""Loss of trained models on the same documents: `python -m model.measure SPEC.json` (see `MeasureSpec`).

Each model reads the documents in its own tokens, packed end to end and apart from each other as they were in its
training; what it takes to code them is told per byte of text, so models of different tokenizers and corpora can be
compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tokenizers
import torch

from model.build import as_transformer
from model.checkpoint import load_model
from model.noise import Ids
from model.objectives import losses_of
from model.parts import ObjectiveConfig
from model.prepare import apart
from model.process import choose_device, emit, serve, settle
from model.scaling.comparison import MeasureSpec
from model.transformer import Transformer
from storage.errors import UserError
from storage.files import open_read

_BATCH = 32


def read_documents(path: str) -> list[str]:
    """Texts of a file of JSON lines.

    Raises:
        UserError: There are none.
    """
    with open_read(path) as stream:
        found = [json.loads(line)["text"] for line in stream.read().decode().splitlines()]
    if not found:
        raise UserError("there are no documents to measure on.", "Raise mix.held_out_frac.")
    return found


def bits_per_byte(
    model: Transformer,
    tokenizer: tokenizers.Tokenizer,
    documents: list[str],
    end_of_document: str,
    length: int,
    objective: ObjectiveConfig,
) -> float:
    """What the model takes to code the documents, in bits a byte; the ends of documents are coded too.

    Args:
        model: A decoder.
        tokenizer: Its own.
        documents: Texts.
        end_of_document: Token after each of them, and before the first.
        length: Tokens the model sees at once. A document that goes on behind them is read on without what was before.
        objective: Of the training: whether documents saw each other in it, and where positions began.

    Raises:
        UserError: An encoder.
    """
    if not model.config.causal:
        raise UserError("an encoder gives no likelihood of a text.", "Compare corpora by decoders.")
    end = tokenizer.token_to_id(end_of_document)
    texts = [[*found.ids, end] for found in tokenizer.encode_batch(documents, add_special_tokens=False)]
    ids = np.concatenate([[end], *texts]).astype(np.int64)
    of = np.concatenate([[0], np.repeat(np.arange(len(texts)), [len(text) for text in texts])])
    nats = sum(_nats(model, *batch, objective) for batch in _batches(ids, of, length))
    size = sum(len(text.encode()) for text in documents)
    return nats / math.log(2) / size


def _batches(ids: Ids, of: Ids, length: int) -> Iterator[tuple[Ids, Ids]]:
    """Sequences of `length` inputs and their targets, and their documents, int64[b, length + 1] each; every token is
    a target once.
    """
    whole = (len(ids) - 1) // length
    places = length * np.arange(whole)[:, None] + np.arange(length + 1)
    for start in range(0, whole, _BATCH):
        rows = places[start : start + _BATCH]
        yield ids[rows], of[rows]
    if len(ids) - whole * length > 1:
        yield ids[None, whole * length :], of[None, whole * length :]


@torch.no_grad()
def _nats(model: Transformer, ids: Ids, of: Ids, objective: ObjectiveConfig) -> float:
    device = next(model.parameters()).device
    return float(losses_of(model, apart(ids[:, :-1], ids[:, 1:], of[:, 1:], objective).to(device)).tokens)


def _work(spec: MeasureSpec) -> None:
    settle(spec.threads)
    device = choose_device(spec.device)
    documents = read_documents(spec.texts)
    for weights in spec.weights:
        tokenizer = tokenizers.Tokenizer.from_file(str(Path(weights).parent / "tokenizer.json"))
        model = as_transformer(load_model(weights)).to(device)
        found = bits_per_byte(model, tokenizer, documents, spec.end_of_document, spec.sequence_length, spec.objective)
        emit("measured", weights=weights, bits_per_byte=found)


if __name__ == "__main__":
    raise SystemExit(serve(MeasureSpec, _work))
