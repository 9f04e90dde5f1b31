"""Log-likelihoods of continuations: `python -m model.score SPEC.json` (see `ScoreSpec`).

One event a request, in the order of the requests: `nats` (minus the log-probability of the whole continuation given
its context) and `greedy` (whether each of its tokens is the likeliest after those before it), as
lm-evaluation-harness's `loglikelihood` defines them (Gao et al. 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from model.build import as_transformer
from model.checkpoint import load_model
from model.process import choose_device, emit, serve, settle
from model.scoring import ScoreSpec
from model.transformer import Transformer
from storage.errors import UserError

Request = tuple[Sequence[int], Sequence[int]]


@torch.no_grad()
def score(
    model: Transformer, requests: Sequence[Request], max_positions: int, batch_tokens: int = 16_384
) -> list[tuple[float, bool]]:
    """Nats of each continuation, and whether it is what the model would write.

    Args:
        model: A decoder.
        requests: Contexts of at least one token, continuations of at least one.
        max_positions: What the model sees; longer contexts lose their beginning, longer continuations go through a
            window, half of it at a time: every token is scored.
        batch_tokens: Tokens at once, padding counted: changes the last bits of a result and no more.
    """
    rows = [row for number, request in enumerate(requests) for row in _rows(number, *request, max_positions)]
    nats, greedy = [0.0] * len(requests), [True] * len(requests)
    device = model.embedding.weight.device
    for chosen in batches_of([len(row.ids) for row in rows], batch_tokens):
        longest = max(len(rows[index].ids) for index in chosen)
        tokens_BT = torch.tensor([[*rows[index].ids, *[0] * (longest - len(rows[index].ids))] for index in chosen])
        hidden_BTD = model.hidden(tokens_BT[:, :-1].to(device))  # what is padded lies behind: nobody sees it
        for place, index in enumerate(chosen):
            row = rows[index]
            end = len(row.ids) - 1
            found = _compare(model, hidden_BTD[place, end - row.counted : end], row.ids[-row.counted :])
            nats[row.request] += found[0]
            greedy[row.request] &= found[1]
    return list(zip(nats, greedy, strict=True))


def _compare(model: Transformer, hidden_CD: Tensor, targets: Sequence[int]) -> tuple[float, bool]:
    logits_CV = model.head(model.before_head(hidden_CD)).float()
    wanted_C = torch.tensor(targets, device=logits_CV.device)
    log_probs_C = logits_CV.log_softmax(-1).gather(1, wanted_C[:, None])[:, 0]
    return -float(log_probs_C.double().sum()), bool((logits_CV.argmax(-1) == wanted_C).all())


class _Row(NamedTuple):
    """Ids to look at, one more than positions, of which the last `counted` are scored."""

    request: int
    ids: list[int]
    counted: int


def _rows(number: int, context: Sequence[int], continuation: Sequence[int], max_positions: int) -> Iterator[_Row]:
    whole = [*context, *continuation]
    step = len(continuation) if len(continuation) <= max_positions else max(1, max_positions // 2)
    for start in range(len(context), len(whole), step):
        stop = min(start + step, len(whole))
        yield _Row(number, whole[max(0, stop - max_positions - 1) : stop], stop - start)


def batches_of(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Indices of rows of like lengths, the longest first, so that what does not fit is met at once."""
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    while order:
        taken = max(1, batch_tokens // lengths[order[0]])
        yield order[:taken]
        order = order[taken:]


def _work(spec: ScoreSpec) -> None:
    settle(spec.threads)
    model = as_transformer(load_model(spec.weights)).to(choose_device(spec.device)).eval()
    if not model.config.causal:
        raise UserError("an encoder gives no likelihood of a text.", "Evaluate a decoder, or fine-tune the encoder.")
    for nats, greedy in score(model, spec.requests, spec.max_positions, spec.batch_tokens):
        emit("scored", nats=nats, greedy=greedy)


if __name__ == "__main__":
    raise SystemExit(serve(ScoreSpec, _work))
