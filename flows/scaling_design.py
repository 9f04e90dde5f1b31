"""A ladder for this machine: measure its speed, design the runs, say what they cost and what they will tell."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flows.child import run_child
from model.config import Device, ModelConfig
from model.memory import count_parameters
from model.scaling.design import PRIOR, Design, design, shape_of
from model.scaling.hardware import ACCELERATORS, USABLE_MEMORY
from model.scaling.ladder import LadderConfig, Rung
from model.scaling.speed import RateSpec, Speed, assumed_speed, fit_speed
from model.scaling.surface import Surface
from storage.errors import UserError
from storage.files import write_bytes

MEASURED = ((16, 512), (48, 1_024), (48, 4_096), (128, 2_048))
"""Widths and tokens a step that are measured: what overhead costs, and what arithmetic does."""

MEASURED_ON_GPU = ((64, 8_192), (256, 16_384), (512, 32_768), (512, 65_536))


@dataclass(frozen=True, slots=True)
class LadderWish:
    """What `winnow scaling ladder` is asked for.

    Attributes:
        minutes: Wall time there is.
        device: "cpu", "cuda", or a GPU of the table: measured where this machine has it, else assumed.
        vocab_size: Token ids.
        sequence_length: Of the packed tokens.
        workers: Runs side by side.
        budgets: IsoFLOP budgets.
    """

    minutes: float
    device: str
    vocab_size: int
    sequence_length: int
    workers: int
    budgets: int


def make_design(wish: LadderWish, prior: Surface = PRIOR, base: LadderConfig | None = None) -> tuple[Design, Speed]:
    """Measure and design.

    Raises:
        UserError: No such device, no ladder in that time, or not enough memory for it.
    """
    if not wish.minutes > 0:
        raise UserError(f"{wish.minutes:g} minutes are no time to run anything in.", "Give a positive number.")
    speed, memory = measure(wish)
    seconds = 60 * wish.minutes
    found = design(seconds, speed, wish.vocab_size, wish.sequence_length, wish.workers, wish.budgets, prior, base)
    if found.max_bytes > memory:
        raise UserError(
            f"the largest runs of this ladder take {found.max_bytes / 1e9:.1f} GB side by side, there are "
            f"{memory / 1e9:.1f} GB.",
            "Take fewer --workers.",
        )
    return found, speed


def measure(wish: LadderWish) -> tuple[Speed, float]:
    """This machine's speed with all workers busy, and the bytes of memory there are."""
    known = ACCELERATORS.get(wish.device.lower())
    if known is None and wish.device not in ("cpu", "cuda"):
        raise UserError(f"there is no device {wish.device!r}.", f"Take cpu, cuda or one of {', '.join(ACCELERATORS)}.")
    device: Device = "cpu" if wish.device == "cpu" else "cuda"
    measured = MEASURED if device == "cpu" else MEASURED_ON_GPU
    shapes = [
        ModelConfig(**shape_of(w).model_dump(), vocab_size=wish.vocab_size, tied_embeddings=True) for w, _ in measured
    ]
    spec = RateSpec(
        models=tuple(shapes),
        batch_tokens=tuple(max(tokens, wish.sequence_length) for _, tokens in measured),
        sequence_length=wish.sequence_length,
        device=device,
    )
    try:
        with ThreadPoolExecutor(wish.workers) as pool:
            answers = list(pool.map(lambda _: _answers(spec), range(wish.workers)))
    except UserError:
        if known is None:
            raise
        return assumed_speed(known.name), known.memory_bytes
    seconds = [sum(times) / wish.workers for times in zip(*(times for _, times in answers), strict=True)]
    flops = [6.0 * count_parameters(m).total * t for m, t in zip(spec.models, spec.batch_tokens, strict=True)]
    name, memory = answers[0][0]
    speed = fit_speed(flops, seconds, f"{name}, {wish.workers} side by side")
    return speed, memory or USABLE_MEMORY * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def recipe_text(config: LadderConfig, wish: LadderWish) -> str:
    """A recipe file whose ladder this is."""
    changed = config.model_dump(exclude_unset=False)
    default = LadderConfig().model_dump()
    lines = [f"{key} = {_toml(value)}" for key, value in changed.items() if value != default[key]]
    head = [
        f"# winnow scaling ladder --minutes {wish.minutes:g} --device {wish.device} --vocab {wish.vocab_size}"
        + (" --branches" if config.branches else ""),
        'name = "ladder"',
        "",
        "[tokens]",
        f"vocab_size = {wish.vocab_size}",
        f"sequence_length = {wish.sequence_length}",
        "",
        "[scaling]",
    ]
    return "\n".join([*head, *lines]) + "\n"


def write_recipe(path: Path, text: str) -> None:
    """Write the recipe, unless a file is there that is another one's.

    Raises:
        UserError: It is, or cannot be written.
    """
    try:
        there = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
    if there not in (None, text.encode()):
        raise UserError(f"{path} is there and holds another ladder.", "Give another --output, or remove it.")
    write_bytes(str(path), text.encode())


_HEAD = ("run", "N", "D", "D/N", "C", "rate", "batch", "warm", "s")


def describe_design(found: Design, speed: Speed, wish: LadderWish) -> Iterator[str]:
    """The ladder in lines: what is run, what it costs, what it will tell."""
    source = "measured" if speed.measured else "assumed from its data sheet: measure on the machine itself"
    yield (
        f"{speed.device}: {speed.flops_per_second:.3g} FLOP/s a run and {1e3 * speed.overhead:.2g} ms a step ({source})"
    )
    yield (
        f"{len(found.ladder)} runs, {found.flops:.3g} FLOP, {found.seconds / 60:.1f} of {wish.minutes:g} minutes with "
        f"{wish.workers} side by side; at most {found.max_bytes / 1e6:,.0f} MB"
    )
    below, above = found.each_side
    yield f"every budget has {below} sizes or more below the expected optimum and {above} above"
    yield from _aligned([_HEAD, *(_cells(rung, speed, wish) for rung in found.ladder)])
    yield "what it will tell, if losses behave as expected (90 % of rehearsals with seed noise):"
    for name, words in _WIDTHS.items():
        if estimate := found.widths.get(name):
            yield f"  {words:46}{estimate.value:>9.4g}   {estimate.low:.4g} to {estimate.high:.4g}"


def _cells(rung: Rung, speed: Speed, wish: LadderWish) -> tuple[str, ...]:
    return (
        *(rung.name, f"{rung.params:,}", f"{rung.tokens:,}", f"{rung.tokens / rung.params:.3g}", f"{rung.flops:.2e}"),
        *(f"{rung.learning_rate:.3g}", f"{rung.batch_tokens:,}", f"{rung.train.warmup_frac or 0:.0%}"),
        f"{speed.seconds(rung, wish.sequence_length):.1f}",
    )


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as lines, columns as narrow as their cells: a ladder fits a screen of 80."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        numbers = (f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        yield "  ".join((f"{first:{widths[0]}}", *numbers))


def design_record(found: Design, speed: Speed) -> dict[str, Any]:
    """The design as plain values."""
    rows = [
        {
            "name": rung.name,
            "params": rung.params,
            "tokens": rung.tokens,
            "flops": rung.flops,
            "learning_rate": rung.learning_rate,
            "batch_tokens": rung.batch_tokens,
        }
        for rung in found.ladder
    ]
    return {
        "speed": asdict(speed),
        "seconds": found.seconds,
        "flops": found.flops,
        "max_bytes": found.max_bytes,
        "each_side": list(found.each_side),
        "widths": {name: asdict(estimate) for name, estimate in found.widths.items()},
        "config": found.config.model_dump(mode="json"),
        "runs": rows,
    }


_WIDTHS: Mapping[str, str] = {
    "params_exponent": "a in N_opt ~ C^a, approach 3",
    "parabola_exponent": "a in N_opt ~ C^a, approach 2",
    "tokens_per_param": "tokens a parameter at 10 times the largest run",
    "loss": "loss there, bits a byte",
}


def _answers(spec: RateSpec) -> tuple[tuple[str, float], list[float]]:
    """Device and memory, and seconds of a step of every model."""
    device, seconds = ("", 0.0), []
    for event in run_child("model.measure_rate", "-", spec.model_dump_json()):
        if event["event"] == "device":
            device = (event["name"], float(event["memory"]))
        else:
            seconds.append(float(event["seconds"]))
    return device, seconds


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)
