"""Loss of trained models on the same documents: `python -m model.measure SPEC.json` (see `MeasureSpec`).

Each model reads the documents in its own tokens, end to end as in training; what it takes to code them is told per
byte of text, so models of different tokenizers and corpora can be compared.
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
    model: Transformer, tokenizer: tokenizers.Tokenizer, documents: list[str], end_of_document: str, length: int
) -> float:
    """What the model takes to code the documents, in bits a byte; the ends of documents are coded too."""
    end = tokenizer.token_to_id(end_of_document)
    ids = [end]
    for encoding in tokenizer.encode_batch(documents, add_special_tokens=False):
        ids += [*encoding.ids, end]
    nats = sum(_nats(model, batch) for batch in _batches(np.array(ids, np.int64), length))
    size = sum(len(text.encode()) for text in documents)
    return nats / math.log(2) / size


def _batches(ids: np.ndarray, length: int) -> Iterator[torch.Tensor]:
    """Sequences of `length` inputs and their targets, int64[b, length + 1]; every token is a target once."""
    whole = (len(ids) - 1) // length
    rows = ids[length * np.arange(whole)[:, None] + np.arange(length + 1)]
    for start in range(0, whole, _BATCH):
        yield torch.from_numpy(rows[start : start + _BATCH])
    if len(rest := ids[whole * length :]) > 1:
        yield torch.from_numpy(rest[None].copy())


@torch.no_grad()
def _nats(model: Transformer, batch: torch.Tensor) -> float:
    device = next(model.parameters()).device
    batch = batch.to(device)
    logits = model(batch[:, :-1]).flatten(0, 1).float()
    return float(torch.nn.functional.cross_entropy(logits, batch[:, 1:].flatten(), reduction="sum"))


def _work(spec: MeasureSpec) -> None:
    settle(spec.threads)
    device = choose_device(spec.device)
    documents = read_documents(spec.texts)
    for weights in spec.weights:
        tokenizer = tokenizers.Tokenizer.from_file(str(Path(weights).parent / "tokenizer.json"))
        model = as_transformer(load_model(weights)).to(device)
        found = bits_per_byte(model, tokenizer, documents, spec.end_of_document, spec.sequence_length)
        emit("measured", weights=weights, bits_per_byte=found)


if __name__ == "__main__":
    raise SystemExit(serve(MeasureSpec, _work))
