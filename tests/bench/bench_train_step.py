"""A training step against `transformers`' Llama of the same shape, weights and data.

    python -m tests.bench.bench_train_step [--rounds 9]

About 10M parameters, float32, one thread, the same fused AdamW and clipping. Steps of the two take turns, and the CPU
time of this process is what counts: the machine's other work slows both alike. Ours makes losses in chunks and never
has the logits whole; theirs is the usual forward and cross-entropy.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from model.config import ModelConfig, TrainConfig
from model.huggingface import to_state
from model.huggingface_configs import to_config
from model.memory import count_parameters
from model.objectives import losses_of
from model.optim import make_optimizer
from model.prepare import Prepared
from model.rules import settle
from model.transformer import Transformer

CONFIG = ModelConfig(d_model=320, n_layers=6, n_heads=10, n_kv_heads=5, vocab_size=4096, ffn_multiple=64)
BATCH, LENGTH = 4, 256

Step = Callable[[], float]


def ours(tokens: torch.Tensor) -> tuple[nn.Module, Step]:
    """Our model, and a step of it that gives its loss."""
    model = Transformer(CONFIG, seed=0)
    prepared = Prepared(tokens[:, :-1], tokens[:, 1:], target_count=BATCH * LENGTH)
    return model, _step(model, lambda: losses_of(model, prepared).tokens / prepared.target_count)


def theirs(tokens: torch.Tensor, weights: nn.Module) -> tuple[nn.Module, Step]:
    """`transformers`' with the same weights."""
    values = {key: value for key, value in to_config(CONFIG).items() if key not in ("model_type", "torch_dtype")}
    model = LlamaForCausalLM(LlamaConfig(**values, attn_implementation="sdpa"))
    model.load_state_dict(to_state(CONFIG, weights.state_dict()))

    def loss() -> torch.Tensor:
        logits = model(input_ids=tokens[:, :-1], use_cache=False).logits
        return functional.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())

    return model, _step(model, loss)


def _step(model: nn.Module, loss_of: Callable[[], torch.Tensor]) -> Step:
    optimizer = make_optimizer(model, settle(TrainConfig(), CONFIG))

    def step() -> float:
        loss = loss_of()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    return step


def main() -> None:
    """Losses of both, CPU milliseconds a step, and how many times as fast ours is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    tokens = torch.randint(0, CONFIG.vocab_size, (BATCH, LENGTH + 1), generator=torch.Generator().manual_seed(0))
    model, our_step = ours(tokens)
    _, their_step = theirs(tokens, model)
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    losses: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds + 1):
        for name, step in (("ours", our_step), ("theirs", their_step)):
            started = time.process_time()
            losses[name].append(step())
            times[name].append(time.process_time() - started)
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    apart = max(abs(a - b) for a, b in zip(losses["ours"], losses["theirs"], strict=True))
    size = count_parameters(CONFIG).total
    print(f"{size:,} parameters, {BATCH} x {LENGTH} tokens a step, float32, 1 thread, torch {torch.__version__}")
    print(f"losses of {rounds + 1} steps at most {apart:.1e} apart, the last {losses['ours'][-1]:.4f}")
    for name, seconds in medians.items():
        print(f"{name:8}{seconds * 1e3:8.1f} ms CPU a step{BATCH * LENGTH / seconds:12,.0f} tokens/s")
    print(f"ratio {medians['theirs'] / medians['ours']:.2f}")


if __name__ == "__main__":
    main()
