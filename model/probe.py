"""A look into a trained model on one passage: `python -m model.probe SPEC.json` (see `ProbeSpec`).

What a reader of the report steps through: ids, embeddings, the stream after every block, who attends to whom, the
logits, the loss, one optimiser step on this passage and what it did; and what the model writes on (a decoder) or
guesses where words are hidden (an encoder). One event of JSON; numbers are rounded to what can be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from model.build import as_transformer
from model.checkpoint import load_model
from model.config import TrainConfig
from model.optim import make_optimizer
from model.probing import ProbeSpec
from model.process import emit, serve, settle
from model.rules import settle as settle_settings
from model.transformer import Transformer
from storage.errors import UserError

MOST_BLOCKS, MOST_HEADS, MOST_WIDTH = 6, 8, 16
"""What is told of larger models: blocks spread over the depth, the first heads, the first numbers of a vector."""
BINS = 24
MASKED_FRAC = 0.15


class Watcher(TorchFunctionMode):
    """Keeps the attention weights of every call, float[H, T, S], which the fused kernels never form."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            self.weights.append(_attention_weights(*args, **kwargs)[0])
        return func(*args, **kwargs)


def probe(model: Transformer, spec: ProbeSpec) -> dict[str, Any]:
    """Everything told of a model; leaves its weights one step further on the passage.

    Raises:
        UserError: An id is not in the vocabulary, or an encoder got no mask.
    """
    beyond = [token for token in spec.ids if not 0 <= token < model.config.vocab_size]
    if beyond:
        raise UserError(f"token id {beyond[0]} is not in a vocabulary of {model.config.vocab_size}.")
    if not model.config.causal and spec.mask_id is None:
        raise UserError("an encoder guesses masked words.", "Its tokenizer needs a mask: see `winnow tokens`.")
    with torch.no_grad():
        seen = {"kind": model.config.kind, **_inside(model, spec)}
        task = {"written": _write(model, spec)} if model.config.causal else {"masked": _guess(model, spec)}
    return seen | task | {"update": _learn(model, spec)}


def _inside(model: Transformer, spec: ProbeSpec) -> dict[str, Any]:
    """The passage on its way up: embeddings, stream, attention, logits."""
    tokens_BT = torch.tensor([spec.ids])
    streams: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda _m, _i, out: streams.append(out[0])) for block in model.blocks]
    with Watcher() as watcher:
        logits_TV = model(tokens_BT)[0].float()
    for hook in hooks:
        hook.remove()
    blocks = _spread(len(streams), MOST_BLOCKS)
    embedded_TD = model.embedding(tokens_BT)[0]
    targets = _targets(model, spec)
    log_probs_TV = logits_TV.log_softmax(-1)
    return {
        "ids": list(spec.ids),
        "embedding": _rounded(embedded_TD[:, :MOST_WIDTH]),
        "blocks": blocks,
        "stream_rms": [_rounded(streams[index].pow(2).mean(-1).sqrt()) for index in blocks],
        "stream": [_rounded(streams[index][:, :MOST_WIDTH]) for index in blocks],
        "attention": [_rounded(watcher.weights[index][:MOST_HEADS]) for index in blocks],
        "next": [_distribution(logits_TV[place], 8) for place in range(len(spec.ids))],
        "targets": targets,
        "target_nats": [
            None if target is None else round(-float(log_probs_TV[place, target]), 4)
            for place, target in enumerate(targets)
        ],
    }


def _targets(model: Transformer, spec: ProbeSpec) -> list[int | None]:
    """What each position is to say: the next token, or (an encoder) the token itself."""
    return [*spec.ids[1:], None] if model.config.causal else list(spec.ids)


def _write(model: Transformer, spec: ProbeSpec) -> dict[str, Any]:
    """Text written on from the passage's first half, always the likeliest token, with each step's distribution."""
    prompt = len(spec.ids) // 2 + 1
    ids = list(spec.ids[:prompt])
    steps = []
    for _ in range(spec.write_tokens):
        logits_V = model(torch.tensor([ids]))[0, -1].float()
        steps.append(_distribution(logits_V, spec.top))
        ids.append(int(logits_V.argmax()))
    return {"prompt": prompt, "ids": ids[prompt:], "steps": steps}


def _guess(model: Transformer, spec: ProbeSpec) -> list[dict[str, Any]]:
    """BERT's game on the passage: a few tokens hidden, replaced or left, and what the model says of each.

    Source: Devlin et al. 2019, section 3.1: of 15 % of the tokens 80 % masked, 10 % replaced, 10 % left.
    """
    assert spec.mask_id is not None
    generator = torch.Generator().manual_seed(spec.seed)
    open_places = [place for place, token in enumerate(spec.ids) if token not in spec.special_ids]
    wanted = min(len(open_places), max(3, round(MASKED_FRAC * len(spec.ids))))
    order = torch.randperm(len(open_places), generator=generator)[:wanted].tolist()
    shown, rounds = list(spec.ids), []
    for turn, place in enumerate(sorted(open_places[index] for index in order)):
        way = ("mask", "mask", "random", "mask", "kept")[turn % 5]  # few words: every way once rather than by chance
        drawn = int(torch.randint(model.config.vocab_size, (), generator=generator))
        shown[place] = {"mask": spec.mask_id, "random": drawn, "kept": spec.ids[place]}[way]
        rounds.append({"place": place, "way": way, "id": spec.ids[place], "shown": shown[place]})
    logits_TV = model(torch.tensor([shown]))[0].float()
    return [one | {"said": _distribution(logits_TV[one["place"]], 8)} for one in rounds]


def _learn(model: Transformer, spec: ProbeSpec) -> dict[str, Any]:
    """One AdamW step on the passage: gradients by part, and the loss before and after."""
    config = settle_settings(TrainConfig(learning_rate=spec.learning_rate, weight_decay=0.0), model.config)
    optimizer = make_optimizer(model, config)
    before = _loss(model, spec)
    before.backward()  # type: ignore[no-untyped-call]
    parts: dict[str, tuple[float, float, int]] = {}
    for name, weight in model.named_parameters():
        if weight.grad is not None:
            squares, norms, size = parts.get(_part(name), (0.0, 0.0, 0))
            squares += float(weight.grad.pow(2).sum())
            parts[_part(name)] = squares, norms + float(weight.detach().pow(2).sum()), size + weight.numel()
    optimizer.step()
    with torch.no_grad():
        after = float(_loss(model, spec))
    rows = [
        {"part": part, "gradient": math.sqrt(squares), "weights": math.sqrt(norms), "parameters": size}
        for part, (squares, norms, size) in parts.items()
    ]
    return {"before": float(before.detach()), "after": after, "learning_rate": spec.learning_rate, "parts": rows}


def _loss(model: Transformer, spec: ProbeSpec) -> Tensor:
    """Mean nats a token: of the next, or (an encoder, every third token masked) of the hidden ones."""
    if model.config.causal:
        logits_TV = model(torch.tensor([spec.ids[:-1]]))[0].float()
        return functional.cross_entropy(logits_TV, torch.tensor(spec.ids[1:]))
    hidden = [place for place, token in enumerate(spec.ids) if token not in spec.special_ids][::3]
    shown = torch.tensor([spec.ids])
    shown[0, hidden] = cast(int, spec.mask_id)
    return functional.cross_entropy(
        model(shown)[0, hidden].float(), torch.tensor([spec.ids[place] for place in hidden])
    )


def _part(name: str) -> str:
    """The part of the model a weight belongs to: the embedding, a block's attention, the head..."""
    words = name.split(".")
    if words[0] != "blocks":
        return words[0]
    return f"block {int(words[1]) + 1} {'attention' if 'attention' in words[2] else 'feed-forward'}"


def _distribution(logits_V: Tensor, top: int) -> dict[str, Any]:
    """Logits: the likeliest ids one by one, the rest as a histogram, from which any temperature can be computed.

    Returns:
        `top`: (id, logit), likeliest first; `rest`: (logit at the middle of a bin, how many).
    """
    logits, ids = logits_V.sort(descending=True, stable=True)
    kept = min(top, len(ids))
    rest = logits[kept:]
    told: dict[str, Any] = {"top": [[int(i), round(float(x), 3)] for i, x in zip(ids[:kept], logits, strict=False)]}
    if len(rest) and float(rest[0]) > float(rest[-1]):
        counts = torch.histc(rest, BINS, float(rest[-1]), float(rest[0])).tolist()
        step = (float(rest[0]) - float(rest[-1])) / BINS
        middles = [float(rest[-1]) + (index + 0.5) * step for index in range(BINS)]
        told["rest"] = [[round(x, 3), int(n)] for x, n in zip(middles, counts, strict=True) if n]
    else:
        told["rest"] = [[round(float(rest[0]), 3), len(rest)]] if len(rest) else []
    return told


def _attention_weights(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q k / sqrt(E) + mask), float[B, H, T, S]: what the fused kernel multiplies the values with."""
    if enable_gqa:
        k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    scores = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~seen, -math.inf)
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1)


def _spread(length: int, most: int) -> list[int]:
    """Indices over a length: all, or `most` of them from the first to the last."""
    if length <= most:
        return list(range(length))
    return [round(index * (length - 1) / (most - 1)) for index in range(most)]


def _rounded(values: Tensor) -> Any:
    return torch.round(values.double(), decimals=3).tolist()


def _work(spec: ProbeSpec) -> None:
    settle(spec.threads)
    emit("probe", **probe(as_transformer(load_model(spec.weights)), spec))


if __name__ == "__main__":
    raise SystemExit(serve(ProbeSpec, _work))
