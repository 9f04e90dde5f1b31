"""From which length keeping packed documents apart pays: `python -m tests.bench.bench_documents`.

Attention alone, forward and backward, on one thread: documents in groups of about one length (what training does on a
CPU), causal attention that keeps nothing apart, and the same under a dense mask. CPU milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from model.documents import documents_of

TOKENS, HEADS, WIDTH, ROUNDS = 4096, 8, 32, 5
SIZES = ((256, 100), (512, 200), (1024, 300), (2048, 400), (4096, 500))


def causal(q: Tensor, k: Tensor, v: Tensor, visible: Tensor | None) -> Tensor:
    """Each row for itself, [N, T, H, E]."""
    sides = (x.transpose(1, 2) for x in (q, k, v))
    return scaled_dot_product_attention(*sides, is_causal=True).transpose(1, 2)


def milliseconds(run: Callable[[], Tensor]) -> float:
    """CPU time of forward and backward, one round not counted."""
    run().sum().backward()
    started = time.process_time()
    for _ in range(ROUNDS):
        run().sum().backward()
    return (time.process_time() - started) / ROUNDS * 1e3


def main() -> None:
    """A row a length."""
    torch.set_num_threads(1)
    print(f"{'length':>8}{'mean document':>15}{'grouped ms':>12}{'nothing apart':>15}{'dense mask':>12}")
    for length, mean in SIZES:
        generator, rows = np.random.default_rng(0), max(1, TOKENS // length)
        starts = [np.unique(generator.integers(1, length, length // mean)) for _ in range(rows)]
        documents = documents_of(starts, length)
        q, k, v = (torch.randn(rows, length, HEADS, WIDTH, requires_grad=True) for _ in range(3))
        ids = documents.queries.ids
        mask = (ids[:, None, :, None] == ids[:, None, None, :]) & torch.ones(length, length, dtype=torch.bool).tril()
        heads_first = [x.transpose(1, 2) for x in (q, k, v)]
        found = (
            milliseconds(lambda documents=documents, q=q, k=k, v=v: documents.attend(causal, q, k, v)),
            milliseconds(lambda q=q, k=k, v=v: causal(q, k, v, None)),
            milliseconds(lambda sides=heads_first, mask=mask: scaled_dot_product_attention(*sides, attn_mask=mask)),
        )
        print(f"{length:8}{mean:15}{found[0]:12.0f}{found[1]:15.0f}{found[2]:12.0f}", flush=True)


if __name__ == "__main__":
    main()
