"""What `test_training.py` measures, on any device: small sizes run on a CPU too, so that the code itself is tested."""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from model.config import Device, ModelConfig, ObjectiveConfig, TrainConfig
from model.generate import generate
from model.huggingface_configs import to_config
from model.memory import count_parameters, kv_cache_bytes
from model.noise import Vocabulary
from model.objective import blocks_of, prepare_blocks
from model.objectives import losses_of
from model.optim import make_optimizer
from model.prepare import Prepared, Preparer
from model.rules import settle
from model.specs import GenerationSpec, TrainingResult, TrainingSpec
from model.stepping import compiled_parts
from model.token_set import Counts, Split, TokenSet
from model.train import train
from model.transformer import Transformer
from pipeline.packing import sequences_table
from storage.shards import ShardWriter

Step = Callable[[], None]


def packed(config: ModelConfig, batch: int, length: int, mean: int) -> Prepared:
    """A batch of packed documents of `mean` tokens, about, that do not see each other."""
    generator = np.random.default_rng(0)
    tokens = torch.from_numpy(generator.integers(2, config.vocab_size, (batch, length + 1)))
    marks = generator.random((batch, length + 1)) < 1 / mean
    plain = np.zeros(config.vocab_size, bool)
    words = Vocabulary(config.vocab_size, plain, plain, plain, 0, 1, 1, 1, 1, np.zeros(0, np.int64))
    prepare = Preparer("causal", ObjectiveConfig(), words, length, 0)
    return prepare(tokens, torch.from_numpy(np.cumsum(marks, axis=1).astype(np.int32)), 0)


def our_step(config: ModelConfig, prepared: Prepared, device: torch.device, compiled: bool) -> Step:
    """A step of ours in bf16: forward, backward, clipping, fused AdamW."""
    model = Transformer(config).to(device)
    prepare_blocks(blocks_of(model), TrainConfig(compile=compiled))
    there = prepared.to(device)
    return _step(model, config, device, lambda: losses_of(model, there).tokens / there.target_count)


def their_step(config: ModelConfig, prepared: Prepared, device: torch.device, compiled: bool) -> Step:
    """The same of `transformers`' Llama, compiled whole, which lets documents see each other."""
    values = {key: value for key, value in to_config(config).items() if key not in ("model_type", "torch_dtype")}
    model = LlamaForCausalLM(LlamaConfig(**values, attn_implementation="sdpa")).to(device)
    run = torch.compile(model) if compiled else model
    there = prepared.to(device)

    def loss() -> torch.Tensor:
        logits = run(input_ids=there.tokens, use_cache=False).logits
        return functional.cross_entropy(logits.float().flatten(0, 1), there.targets.flatten())

    return _step(model, config, device, loss)


def _step(
    model: torch.nn.Module, config: ModelConfig, device: torch.device, loss_of: Callable[[], torch.Tensor]
) -> Step:
    optimizer = make_optimizer(model, settle(TrainConfig(), config))

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16):
            loss = loss_of()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def training(config: ModelConfig, folder: Path, device: Device, batch: int, length: int, steps: int) -> TrainingResult:
    """A training as `winnow pretrain` starts it, loader, checkpoint and compiling included, on random packed tokens."""
    tokens = _token_set(folder, config.vocab_size, length, rows={"train": batch * steps, "held_out": 2 * batch})
    train_config = TrainConfig(
        train_tokens=batch * steps * length, batch_tokens=batch * length, compile=device == "cuda",
        checkpoint_steps=steps, eval_sequences=batch, micro_batch_tokens=batch * length,
    )  # fmt: skip
    spec = TrainingSpec(
        tokens_dir=str(tokens), out_dir=str(folder / "out"), model=config, train=train_config, device=device
    )
    return train(spec)


def _token_set(folder: Path, vocab_size: int, length: int, rows: dict[str, int]) -> Path:
    """Files of random tokens in documents of 500 tokens or so, as `winnow tokens` leaves them."""
    place = folder / "tokens"
    place.mkdir(parents=True)
    (place / "tokenizer.json").write_text("{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    splits, width, documents = {}, length + 1, max(1, length // 500)
    for name, count in rows.items():
        generator = np.random.default_rng(count)
        tokens = generator.integers(2, vocab_size, count * width).astype(np.uint16)
        starts = np.tile(np.arange(documents) * (width // documents), count)
        names = pa.array([f"{number:036d}" for number in range(count * documents)])
        table = sequences_table(tokens, width, np.arange(count + 1) * documents, starts, names)
        fields = [pa.field(f.name, f.type, nullable=False) for f in table.schema]
        note = {"tokenizer_sha256": digest}
        fields[0] = pa.field("tokens", pa.binary(width * 2), nullable=False, metadata=note)
        schema = pa.schema([*fields, pa.field("domain", pa.string())])
        with ShardWriter(str(place), f"{name}-0.parquet", "sequences", schema, 4096, mapped=("tokens",)) as writer:
            writer.write(table.append_column("domain", pa.nulls(count, pa.string())))
            writer.finish()
        counts = Counts(documents=count * documents, tokens=count * width, bytes=count * width * 3)
        splits[name] = Split(files=(f"{name}-0.parquet",), sequences=count, total=counts, unique=counts, domains={})
    meta = TokenSet(
        name="bench", fingerprint="f", corpus_fingerprint="c", tokenizer_sha256=digest, vocab_size=vocab_size, end_id=0,
        pad_id=1, end_of_document="<|end_of_text|>", padding="<|padding|>", sequence_length=length, width=width,
        train=splits["train"], held_out=splits["held_out"],
    )  # fmt: skip
    (place / "meta.json").write_text(meta.model_dump_json())
    return place


def seconds(step: Step, device: torch.device, warm: int = 3, rounds: int = 10) -> float:
    """Of one step, after some that are not counted."""
    for _ in range(warm):
        step()
    _wait(device)
    started = time.perf_counter()
    for _ in range(rounds):
        step()
    _wait(device)
    return (time.perf_counter() - started) / rounds


@dataclass(frozen=True)
class Writing:
    """Cached generation at batch 1 in bf16.

    Attributes:
        rate: Tokens a second, as whoever asks for text gets them: logits, choice, the way to the host, all included.
        bytes_read: What a token cannot do without: every weight once, two bytes each, but of the embedding's table,
            of which one row is read, where the output has a matrix of its own; and keys and values of the positions
            before, 2 layers n_kv_heads head_dim values each, of half of those that are written.
        share: rate * bytes_read / measured bandwidth.
    """

    rate: float
    bytes_read: int
    share: float


def writing(config: ModelConfig, device: torch.device, bandwidth: float, compiled: bool, tokens: int = 192) -> Writing:
    """Write greedily after a short prompt; the first tokens, with what is captured and compiled, are not counted.

    Args:
        bandwidth: Bytes a second the device reads, as `measured_bandwidth` finds.
    """
    model = random_model(config, device)
    prompt, warm = (3, 4, 5, 6), tokens // 4
    spec = GenerationSpec(
        weights="", prompts=(prompt,), max_tokens=tokens, temperature=0.0, pad_id=1, compile=compiled
    )  # fmt: skip
    came = [time.perf_counter() for _ in generate(model, spec)]
    rate = (tokens - 1 - warm) / (came[-1] - came[warm])
    count = count_parameters(config)
    weights = 2 * (count.total - (0 if config.tied_embeddings else count.embedding))
    read = weights + kv_cache_bytes(config, len(prompt) + (warm + tokens) // 2)
    return Writing(rate, read, rate * read / bandwidth)


def random_model(config: ModelConfig, device: torch.device) -> Transformer:
    """Of bf16 weights made where they are used: one of 65B parameters would not fit the host's memory twice."""
    with torch.device("meta"):
        model = Transformer(config).to(torch.bfloat16)
    model.to_empty(device=device)
    if config.tied_embeddings:
        model.head.weight = model.embedding.weight
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, config.d_model**-0.5) if weight.ndim > 1 else weight.fill_(1.0)
    return model.eval()


def measured_bandwidth(device: torch.device, megabytes: int) -> float:
    """Bytes a second of summing one large tensor."""
    values = torch.ones(megabytes << 18, dtype=torch.float32, device=device)
    return values.numel() * 4 / seconds(lambda: values.sum(), device)  # type: ignore[arg-type, return-value]


def is_h200() -> bool:
    """Whether bars for it hold here."""
    return "H200" in torch.cuda.get_device_name()


def release() -> None:
    """Give memory back to the device: what was measured before must not stand in the way of what is next."""
    torch.compiler.reset()  # what is compiled may hold on to the weights it was compiled with
    compiled_parts.cache_clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
