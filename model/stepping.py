"""One more position of every row, at shapes that do not change: what a GPU replays without being told it again.

At batch 1 a step reads every weight once and computes next to nothing. Of a small model the GPU is done with a kernel
before the next one is started, so that a step costs what starting its hundreds of kernels costs. Here all that differs
from step to step lies in tensors that stay where they are (token, place, what is seen), the new keys and values are
written in place at an index, and on a GPU the step is captured once as a CUDA graph and replayed. A CPU runs the same
step, uncaptured.

What is read of the kept keys and values ends at a multiple of `stride`, so that long rooms cost nothing before they
are filled: one graph for each such reach.

Shapes, in tensor names: B sequences, S positions that are kept, D d_model, V vocabulary.
Source: PyTorch, notes on CUDA graphs; gpt-fast (fixed shapes, products of one row left to the compiler).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from model.attention import Context, KVCache, Slot
from model.encoder_decoder import EncoderDecoder
from model.positions import distance_waves, rotary_angles
from model.transformer import Block, Stack, Transformer

_STRIDES = {"cpu": 1, "cuda": 256}  # a CPU needs no fixed shapes: it reads and masks no position too many
_WARM_TURNS = 3

Parts = tuple[Callable[..., Tensor], Callable[..., Tensor]]
"""A block's pass, and what lies behind all blocks."""


def stride_of(device: torch.device) -> int:
    """By how many positions the reach grows there."""
    return _STRIDES[device.type]


class Stepping:
    """Goes on from a cache that holds the prompts.

    Args:
        model: A decoder, or an encoder with a decoder.
        kept: Filled up to `used`, with room behind.
        real_BS: False for padding of a decoder's prompts, bool[B, used]; None: there is none.
        source_BS: The same of an encoder's source.
        compiled: Blocks go through torch.compile, which costs its time at the first step: norms, rotation, gate and
            sums then take a few kernels instead of some twenty, and products of one row are tuned to the device.
        stride: See above, and `stride_of`.
    """

    def __init__(
        self,
        model: Transformer | EncoderDecoder,
        kept: KVCache,
        real_BS: Tensor | None,
        source_BS: Tensor | None,
        compiled: bool,
        stride: int,
    ) -> None:
        self.model, self.kept = model, kept
        self.stack = model.decoder if isinstance(model, EncoderDecoder) else model
        batch, room = kept.keys[0].shape[:2]
        self.device, config = kept.keys[0].device, model.config
        self.stride = stride
        self._tokens_B1 = torch.zeros(batch, 1, dtype=torch.int64, device=self.device)
        self._at = torch.full((1,), kept.used, device=self.device)
        # added to scores: 0 for what is seen; a step adds its own place
        self._unseen_BS = kept.keys[0].new_full((1 if real_BS is None else batch, room), -torch.inf)
        self._unseen_BS[:, : kept.used] = 0.0
        self._source_BS, self._padding_B1 = source_BS, None
        if real_BS is not None:
            self._unseen_BS[:, : kept.used].masked_fill_(~real_BS, -torch.inf)
            self._padding_B1 = (~real_BS).sum(dim=1, keepdim=True)
        rotary, waves = config.positions == "rotary", config.positions == "transformer_xl"
        self._angles = rotary_angles(config, 0, room, self.device) if rotary else None
        self._waves_SD = distance_waves(config.d_model, room, kept.keys[0]) if waves else None
        parts: Parts = compiled_parts() if compiled else (Block.__call__, _logits)
        self._through, self._logits = parts
        self._replays = self.device.type == "cuda"
        self._graphs: dict[int, tuple[Any, Tensor]] = {}

    def __call__(self, tokens_B1: Tensor) -> Tensor:
        """Logits of what follows those tokens, float32[B, V]; the next call may write over them."""
        self._tokens_B1.copy_(tokens_B1)
        reach = min(-(-(self.kept.used + 1) // self.stride) * self.stride, self._unseen_BS.shape[1])
        logits_BV = self._replay(reach) if self._replays else self.step(reach)
        self._at += 1
        self.kept.used += 1
        return logits_BV

    def select(self, rows: Tensor) -> None:
        """Go on from these rows, int64[B]."""
        self.kept.select(rows)
        for of_rows in (self._unseen_BS, self._source_BS, self._padding_B1):
            if of_rows is not None and len(of_rows) > 1:
                of_rows.copy_(of_rows[rows])

    def _replay(self, reach: int) -> Tensor:
        if reach not in self._graphs:
            self._graphs[reach] = self._capture(reach)
        graph, logits_BV = self._graphs[reach]
        graph.replay()
        return logits_BV

    def _capture(self, reach: int) -> tuple[Any, Tensor]:
        """The graph of a step, and where it leaves its logits. A step may run many times: it writes the same again."""
        side = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_TURNS):
                self.step(reach)
        torch.cuda.current_stream(self.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits_BV = self.step(reach)
        return graph, logits_BV

    def step(self, reach: int) -> Tensor:
        """Logits of what follows the tokens, keys and values written; nothing here waits for the device."""
        learned = self.model.config.positions == "learned"
        positions_B1 = self._at - self._padding_B1 if self._padding_B1 is not None else self._at[None]
        x_B1D = self.model.embed(self._tokens_B1, positions_BT=positions_B1 if learned else None)
        x_B1D = self.stack.begin(x_B1D)
        angles, bias, visible_BS = self._positions(reach, x_B1D)
        waves = None if self._waves_SD is None else self._waves_SD[:reach]
        for layer, block in enumerate(self.stack.blocks):
            slot, crossing = Slot(self.kept.keys[layer], self.kept.values[layer], self._at, reach), None
            if layer in self.kept.crossed:
                crossed = Slot(slot.keys, slot.values, self._at, reach, self.kept.crossed[layer])
                crossing = Context(visible=self._source_BS, slot=crossed)
            x_B1D = self._through(
                block, x_B1D, Context(angles, bias, waves, None, visible_BS, slot=slot), None, crossing
            )
        return self._logits(self.model, self.stack, x_B1D)

    def _positions(self, reach: int, like: Tensor) -> tuple[tuple[Tensor, Tensor] | None, Tensor | None, Tensor | None]:
        """Angles, bias and what is visible, for all layers; what is not seen is part of the bias where that can be."""
        bias: Tensor | None = None
        if self.stride > 1 or self._padding_B1 is not None:  # else all within reach is seen
            bias = self._unseen_BS.index_fill_(1, self._at, 0.0)[:, None, None, :reach]
        if self._waves_SD is not None:
            return None, None, None if bias is None else bias[:, 0, 0] == 0
        if self.model.config.positions == "relative":
            distances = self.stack.bias(self._at, reach).type_as(like)
            bias = distances if bias is None else bias + distances
        if self._angles is None:
            return None, bias, None
        cos_SE, sin_SE = self._angles
        return (cos_SE.index_select(0, self._at), sin_SE.index_select(0, self._at)), bias, None


def _logits(model: Transformer | EncoderDecoder, stack: Stack, x_B1D: Tensor) -> Tensor:
    """What lies behind the blocks: logits, float32[B, V]."""
    return model.head(model.before_head(stack.finish(x_B1D)[:, -1])).float()  # type: ignore[no-any-return]


@cache
def compiled_parts(backend: str = "inductor") -> Parts:
    """A block's pass and what lies behind the blocks, compiled: the first once for all blocks, since all that differs
    between them, weights, keys and values, comes from outside."""
    # with this a product of one row becomes a sum that the compiler fuses with what surrounds it and tunes
    options: dict[str, Any] | None = {"coordinate_descent_tuning": True} if backend == "inductor" else None
    block = torch.compile(Block.forward, backend=backend, options=options, fullgraph=True)
    return block, torch.compile(_logits, backend=backend, options=options, fullgraph=True)
