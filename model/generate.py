"""Write on from a prompt: `python -m model.generate SPEC.json` (see `GenerationSpec`), ids in and ids out.

One line of JSON a token, so that whoever started it can show text as it comes.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from model.attention import KVCache
from model.build import as_transformer
from model.checkpoint import load_model
from model.config import GenerationSpec
from model.process import emit, serve, settle
from model.transformer import Transformer
from storage.errors import UserError


@torch.no_grad()
def generate(model: Transformer, spec: GenerationSpec, cached: bool = True) -> Iterator[int]:
    """Token ids that follow the prompt, one by one; ends before `stop_id` or after `max_tokens`.

    Args:
        model: The decoder. Past the length it was trained on its text falls apart, but nothing fails.
        spec: Prompt and sampling; the same seed gives the same ids.
        cached: Keep keys and values of earlier positions; without, every token costs a pass over all of them.
    """
    generator = torch.Generator().manual_seed(spec.seed)
    seen = torch.tensor([spec.prompt_ids])
    cache = KVCache.empty(model.config, 1, len(spec.prompt_ids) + spec.max_tokens, model.embedding.weight)
    new = seen
    for _ in range(spec.max_tokens):
        logits_V = model(new, cache)[0, -1] if cached else model(seen)[0, -1]
        token = choose(logits_V, spec, generator)
        if token == spec.stop_id:
            return
        yield token
        new = torch.tensor([[token]])
        seen = torch.cat([seen, new], dim=1)


def choose(logits_V: Tensor, spec: GenerationSpec, generator: torch.Generator) -> int:
    """One token: the likeliest at temperature 0, else drawn from what top-k, then top-p, leave."""
    if spec.temperature == 0:
        return int(logits_V.argmax())
    probabilities, ids = torch.softmax(logits_V.float() / spec.temperature, dim=-1).sort(descending=True, stable=True)
    if spec.top_k:
        probabilities = probabilities[: spec.top_k]
        probabilities = probabilities / probabilities.sum()
    before = probabilities.cumsum(-1) - probabilities
    kept = torch.where(before < spec.top_p, probabilities, 0.0)  # the likeliest always stays
    return int(ids[torch.multinomial(kept, 1, generator=generator)])


def _work(spec: GenerationSpec) -> None:
    settle(spec.threads)
    model = as_transformer(load_model(spec.weights))
    beyond = [token for token in spec.prompt_ids if not 0 <= token < model.config.vocab_size]
    if beyond:
        raise UserError(f"token id {beyond[0]} is not in a vocabulary of {model.config.vocab_size}.")
    for token in generate(model, spec):
        emit("token", id=token)
    emit("end")


if __name__ == "__main__":
    raise SystemExit(serve(GenerationSpec, _work))
