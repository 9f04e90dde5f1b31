"""What a fine-tuning was asked for on the command line, as values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from flows.changes import apply_change
from flows.finetuning import Start
from model.finetune.config import FinetuneConfig
from storage.errors import UserError


def config_of(changes: Sequence[str]) -> FinetuneConfig:
    """Settings with `key=value` changes applied, `lora.rank=4` among them.

    Raises:
        UserError: An unknown key, or a value out of range.
    """
    data: dict[str, Any] = {}
    for change in changes:
        apply_change(data, change)
    try:
        return FinetuneConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(FinetuneConfig.model_fields)
            raise UserError(f"there is no setting {where} of a fine-tuning.", f"There are: {known}.") from error
        raise UserError(f"setting {where}: {first['msg'].lower()}, got {first['input']!r}.") from error


def sizes_of(text: str) -> list[int | None]:
    """`100,1000,all` as numbers of examples; None: all.

    Raises:
        UserError: It is something else.
    """
    try:
        return [None if part.strip() == "all" else int(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(f"--examples {text!r} is not numbers or all, apart by commas.") from error


def rates_of(text: str | None) -> list[float]:
    """`3e-4,1e-3` as learning rates; none where nothing is given.

    Raises:
        UserError: They are no positive numbers.
    """
    try:
        rates = [float(part) for part in text.split(",")] if text else []
    except ValueError as error:
        raise UserError(f"--rates {text!r} is not numbers, apart by commas.") from error
    if not all(0 < rate < math.inf for rate in rates):
        raise UserError(f"--rates {text!r}: a learning rate is a number over 0.")
    return sorted(set(rates))


def starts_of(start: str, sizes: Sequence[int | None], seeds: int) -> list[Start]:
    """Every run asked for: both starts of a seed and size one after the other."""
    kinds = (True, False) if start == "both" else (start == "pretrained",)
    return [Start(kind, size, seed) for size in sizes for seed in range(seeds) for kind in kinds]
