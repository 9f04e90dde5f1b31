"""Steps of fixed shapes: as the pass over everything, replayed from a recording, compiled once for all blocks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from model import stepping
from model.config import ModelConfig
from model.decoding import Decoding, room_of
from model.parts import RopeScaling
from storage.errors import UserError

from .test_huggingface import shaken, small

CONFIGS = {
    "llama": small("llama3-8b", n_kv_heads=2),
    "one key head, stretched": small("llama3-8b", n_kv_heads=1, rope_scaling=RopeScaling(kind="llama3", factor=4.0)),
    "gpt2": small("gpt2", max_positions=64),
    "t5": small("t5-base", decoder_layers=2),
    "bart": small("bart-base", decoder_layers=2, max_positions=64),
    "chinchilla": small("chinchilla-70b"),
}
PROMPTS = ((3, 4, 5), (7, 8, 9, 10, 11, 12), (20,))
STRIDE = 8


class Recording(TorchDispatchMode):
    """Every operation of a step, to be done again with the same tensors: what a CUDA graph is, on any device."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out

    def replay(self) -> None:
        now: dict[int, torch.Tensor] = {}

        def renew(x: torch.Tensor) -> torch.Tensor:
            return now.get(id(x), x)

        for func, args, kwargs, out in self.calls:
            args, kwargs = tree_map_only(torch.Tensor, renew, (args, kwargs))
            found = func(*args, **kwargs)
            olds, news = (x if isinstance(x, (tuple, list)) else (x,) for x in (out, found))
            now |= {id(a): b for a, b in zip(olds, news, strict=True) if isinstance(a, torch.Tensor)}
        last = self.calls[-1][3]
        last.copy_(now[id(last)])


def capture(self: stepping.Stepping, reach: int) -> tuple[Recording, torch.Tensor]:
    recording = Recording()
    with recording:
        logits = self.step(reach)
    return recording, logits


def follow(config: ModelConfig, dtype: torch.dtype, tokens: int, **how: Any) -> tuple[float, Decoding]:
    """Largest difference of logits of cached and uncached writing, as a share of the largest logit."""
    model, worst = shaken(config).to(dtype), 0.0
    with torch.no_grad():
        found = Decoding(model, PROMPTS, tokens, 1, stride=STRIDE, **how)
        wanted = Decoding(model, PROMPTS, tokens, 1, cached=False)
        for number in range(tokens):
            one, other = found.logits(), wanted.logits()
            worst = max(worst, float((one - other).abs().max() / other.abs().max()))
            likeliest = other.argmax(-1)
            rows = [0, 2, 0] if number == 5 else [0, 1, 2]
            for decoding in (found, wanted):
                decoding.select(rows)
                decoding.append(likeliest[torch.tensor(rows)])
    return worst, found


@pytest.mark.parametrize("name", [*CONFIGS])
@pytest.mark.parametrize(
    ("dtype", "limit", "replayed"),
    [(torch.float32, 1e-5, False), (torch.float32, 1e-5, True), (torch.bfloat16, 6e-2, False)],
)
def test_steps_give_the_logits_of_a_pass_over_everything(
    name: str, dtype: torch.dtype, limit: float, replayed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Padded prompts, rows that a beam search leaves and doubles, and several reaches."""
    graphs: list[int] = []
    if replayed:
        plain = stepping.Stepping.__init__

        def start(self: Any, *args: Any) -> None:
            plain(self, *args)
            self._replays = True

        def counted(self: stepping.Stepping, reach: int) -> tuple[Recording, torch.Tensor]:
            graphs.append(reach)
            return capture(self, reach)

        monkeypatch.setattr(stepping.Stepping, "__init__", start)
        monkeypatch.setattr(stepping.Stepping, "_capture", counted)
    worst, _ = follow(CONFIGS[name], dtype, 14)
    assert worst <= limit
    assert graphs == ([] if not replayed else [8, 16] if name in ("t5", "bart") else [8, 16, 24])


def test_blocks_are_compiled_once_for_all_layers_and_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    counter: Any = CompileCounterWithBackend("aot_eager")  # type: ignore[no-untyped-call]
    parts = stepping.compiled_parts(counter)
    monkeypatch.setattr(stepping, "compiled_parts", lambda: parts)
    worst, _ = follow(small("llama3-8b", n_kv_heads=2, n_layers=5), torch.float32, 14, compiled=True)
    assert worst <= 1e-5
    assert counter.frame_count <= 4  # a block's shapes, again for a reach of any length, and what lies behind them


def test_learned_positions_end_a_text_and_too_long_a_prompt_is_refused() -> None:
    model = shaken(CONFIGS["gpt2"])
    assert room_of(model, [[3] * 60, [3]], 100) == 5 and room_of(model, [[3] * 64], 9) == 1
    assert room_of(shaken(CONFIGS["llama"]), [[3] * 200], 100) == 100
    with pytest.raises(UserError, match="64 positions"):
        room_of(model, [[3] * 65], 1)
