"""A model that writes, step by step: prompts of several lengths side by side, keys and values kept or not.

Prompts of a decoder are padded on the left, so that all rows write at the same place; nobody sees the padding, and
learned positions count from each prompt's own beginning. A T5's prompt is its source, padded on the right.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from model.attention import KVCache
from model.build import LanguageModel
from model.encoder_decoder import EncoderDecoder
from model.stepping import Stepping, stride_of
from model.transformer import Transformer
from storage.errors import UserError


def room_of(model: LanguageModel, prompts: Sequence[Sequence[int]], wanted: int) -> int:
    """Tokens that may be written after the longest prompt: `wanted`, or as many as there are learned positions for.

    Raises:
        UserError: A prompt leaves none.
    """
    config = model.config
    if config.positions != "learned":
        return wanted
    longest = 1 if config.kind == "encoder_decoder" else max(map(len, prompts))
    room = config.max_positions - longest + 1  # the last token written is not read
    if room < 1:
        raise UserError(
            f"the model has {config.max_positions} positions, the longest prompt {longest} tokens.",
            "Give a shorter beginning.",
        )
    return min(wanted, room)


class Decoding:
    """What is written so far, and the logits of what comes next.

    Args:
        model: A decoder, or an encoder with a decoder.
        prompts: Ids, at least one each.
        room: Tokens that may be written.
        start_id: What a T5's decoder begins with, and what fills short prompts.
        cached: Keep keys and values of earlier positions; without, every token costs a pass over all of them.
        compiled, stride: See `Stepping`.
    """

    def __init__(
        self,
        model: LanguageModel,
        prompts: Sequence[Sequence[int]],
        room: int,
        start_id: int,
        cached: bool = True,
        compiled: bool = False,
        stride: int | None = None,
    ) -> None:
        if not isinstance(model, EncoderDecoder) and (not isinstance(model, Transformer) or not model.config.causal):
            raise UserError("this model does not write: it is an encoder.", "Decoders and T5s write.")
        self._writer = model
        device = model.embedding.weight.device
        longest, decodes = max(map(len, prompts)), isinstance(model, Transformer)
        rows = [[start_id] * (longest - len(ids)) + [*ids] if decodes else [*ids] + [start_id] * (longest - len(ids))
                for ids in prompts]  # fmt: skip
        tokens = torch.tensor(rows, device=device)
        real = torch.arange(longest, device=device).expand_as(tokens)
        lengths = torch.tensor([len(ids) for ids in prompts], device=device)[:, None]
        real = real >= longest - lengths if decodes else real < lengths
        self._visible = None if bool(real.all()) else real
        self._memory: Tensor | None = None
        if isinstance(model, EncoderDecoder):
            self._memory = model.encode(tokens, self._visible)
            tokens = torch.full((len(prompts), 1), start_id, device=device)
        self._seen, self._last_B1 = tokens, tokens[:, -1:]
        self._compiled, self._stride = compiled, stride or stride_of(device)
        places = -(-(tokens.shape[1] + room) // self._stride) * self._stride
        self._cache = KVCache.empty(model.config, len(prompts), places, model.embedding.weight) if cached else None
        self._stepping: Stepping | None = None

    def logits(self) -> Tensor:
        """Of the next token of each row, float32[B, V]; good until they are asked for again."""
        if self._stepping is not None:
            return self._stepping(self._last_B1)
        logits_BV = self._pass()
        if self._cache is not None:
            real, source = (self._visible, None) if self._memory is None else (None, self._visible)
            self._stepping = Stepping(self._writer, self._cache, real, source, self._compiled, self._stride)
        return logits_BV

    def _pass(self) -> Tensor:
        """From all that is written so far, kept where there is a cache."""
        model = self._writer
        if isinstance(model, EncoderDecoder):
            assert self._memory is not None
            hidden = model.decode(self._seen, self._memory, self._visible, self._cache)
        else:
            hidden = model.hidden(self._seen, self._cache, visible_BS=self._visible, positions_BT=self._positions())
        return model.head(model.before_head(hidden[:, -1])).float()  # type: ignore[no-any-return]

    def _positions(self) -> Tensor | None:
        """Of all tokens, where padding makes rows differ."""
        if self._visible is None or self._writer.config.positions != "learned":
            return None
        return (self._visible.long().cumsum(dim=1) - 1).clamp(min=0)

    def append(self, tokens: Sequence[int] | Tensor) -> None:
        """What each row goes on with; nobody waits for a tensor, int64[B], that lies on the device."""
        self._last_B1 = torch.as_tensor(tokens, device=self._seen.device)[:, None]
        if self._stepping is None:
            self._seen = torch.cat([self._seen, self._last_B1], dim=1)
            if self._visible is not None and self._memory is None:
                self._visible = functional.pad(self._visible, (0, 1), value=True)

    def select(self, rows: Sequence[int]) -> None:
        """Go on from these rows, some perhaps twice."""
        index = torch.tensor(rows, device=self._seen.device)
        if self._stepping is not None:
            self._stepping.select(index)
            return
        self._seen = self._seen[index]
        self._visible = None if self._visible is None else self._visible[index]
        self._memory = None if self._memory is None else self._memory[index]
