"""Anyone's table of runs, as people write them: other names, units in the header or the cell, gaps.

read_points("Model Size,Training FLOP,loss\\n70M,6e18,3.4\\n...", "runs.csv")["total"]
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.scaling.points import FLOPS_PER_PARAM_TOKEN, Floats, Points, make_points
from storage.errors import UserError

CONVENTIONS = {"total": "params", "non_embedding": "params_no_embed", "blocks_and_head": "params_blocks_head"}
"""How N may be counted, and the column that holds it: all; without embeddings and head's table (Kaplan et al.
2020); blocks and output head, what a token is multiplied by (Porian et al. 2024)."""

ALIASES = {
    "params": (
        "n", "parameters", "n_params", "num_params", "param_count", "params_total", "total_params", "total_parameters",
        "model_size", "model_params", "size",
    ),
    "params_no_embed": (
        "params_non_embedding", "params_without_embedding", "params_without_embeddings", "non_embedding_params",
        "non_embedding_parameters", "n_non_embedding", "params_blocks",
    ),
    "params_blocks_head": ("params_blocks_and_head", "params_without_input_embedding"),
    "tokens": (
        "train_tokens", "training_tokens", "d", "n_tokens", "num_tokens", "tokens_seen", "total_tokens",
        "dataset_size", "data",
    ),
    "flops": (
        "c", "flop", "compute", "train_flops", "training_flops", "training_flop", "train_flop", "total_flops",
        "training_compute", "train_compute", "budget",
    ),
    "loss": ("eval_loss", "val_loss", "validation_loss", "test_loss", "final_loss", "eval_bits_per_byte", "bpb"),
    "group": ("train_set", "dataset", "corpus", "recipe"),
    "run": ("run_id", "run_name", "model_id"),
    "unique": ("unique_tokens", "u"),
}  # fmt: skip
"""Columns of a table of runs, and other names people give them; case, spaces and punctuation do not matter."""

UNITS = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "g": 1e9, "billion": 1e9, "t": 1e12}
UNITS |= {"trillion": 1e12} | {f"{name}s": size for name, size in UNITS.items() if len(name) > 1}

_HEADER_UNIT = re.compile(rf"^(?P<name>.+?)_(?:in_)?(?P<unit>{'|'.join(UNITS)})$")
_NUMBER = re.compile(r"^(?P<digits>[-+]?[\d.]+(?:e[-+]?\d+)?)\s*(?P<unit>[a-z]*)$", re.IGNORECASE)
_GROUPED = re.compile(r"^\d{1,3}(?:,\d{3})+(?:\.\d+)?$")


def read_points(text: str, name: str, loss: str = "", skip_bad: bool = False) -> dict[str, Points]:
    """Runs in a CSV, by convention of N: "total", and the others of `CONVENTIONS` it has columns for.

    Args:
        text: The CSV with its header: two of `params`, `tokens` and `flops` (the third is C = 6 N D), `loss`;
            optional `params_no_embed`, `params_blocks_head`, `group`, `run`, `unique`; names as in `ALIASES`, a
            unit after the name (`params_m`, `tokens (billions)`) or after the number (70M, 1.4T). Separated by
            commas, semicolons or tabs. Other columns are left alone.
        name: What to call the table in messages.
        loss: Column that holds the loss; empty: `loss`, else the only column whose name starts with it.
        skip_bad: Whether rows without a positive number in a column that is needed are left out.

    Raises:
        UserError: A column is missing, or a value in it is no positive number; both named, with the line.
    """
    header, rows = _parse(text, name)
    if not rows:
        raise UserError(
            f"{name} holds no runs.", "A CSV needs a header line with params, tokens, loss, and a line a run."
        )
    columns = _Columns(rows, header, name)
    names = columns.wanted(loss)
    if skip_bad:
        columns = columns.without_bad(list(names.values()))
    units = {wanted: 1.0 if wanted == "loss" else _header_unit(column) for wanted, column in names.items()}
    values = {wanted: columns.numbers(column, units[wanted]) for wanted, column in names.items()}
    given = values.get("flops") if {"params", "tokens"} <= set(values) else None  # else it is 6 N D by construction
    _complete(values)
    run, group = columns.labels("run"), columns.labels("group")
    unique = values.get("unique")
    return {
        convention: make_points(values[column], values["tokens"], values["loss"], run, group, given, unique)
        for convention, column in CONVENTIONS.items()
        if column in values
    }


def _complete(values: dict[str, Floats]) -> None:
    """Fill in N or D from C = 6 N D; `wanted` has seen to it that two of them are there."""
    if "tokens" not in values:
        values["tokens"] = values["flops"] / (FLOPS_PER_PARAM_TOKEN * values["params"])
    if "params" not in values:
        values["params"] = values["flops"] / (FLOPS_PER_PARAM_TOKEN * values["tokens"])


_Row = tuple[int, Mapping[str, str | None]]
"""Line in the file, and the values by column."""


def _parse(text: str, name: str) -> tuple[list[str], list[_Row]]:
    """Header and rows; blank lines are no rows."""
    text = text.removeprefix("\ufeff").lstrip("\r\n")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=None), delimiter=delimiter)
    try:
        header = [column.strip() for column in reader.fieldnames or ()]
        if twice := sorted({column for column in header if column and header.count(column) > 1}):
            raise UserError(f"{name} has column {twice[0]!r} twice.", "Give each column a name of its own.")
        reader.fieldnames = header
        return header, [(reader.line_num, row) for row in reader if any(_texts(row))]
    except csv.Error as error:
        raise UserError(f"{name} is no CSV: {error}.") from error


def _texts(row: Mapping[str, object]) -> list[str]:
    return [value.strip() for value in row.values() if isinstance(value, str)]


def _plain(column: str) -> str:
    """A column's name without case, spaces and punctuation."""
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")


def _bare(column: str) -> str:
    """The same without its unit."""
    plain = _plain(column)
    found = _HEADER_UNIT.match(plain)
    return found["name"] if found else plain


def _header_unit(column: str) -> float:
    found = _HEADER_UNIT.match(_plain(column))
    return UNITS[found["unit"]] if found else 1.0


@dataclass(frozen=True)
class _Columns:
    """A parsed CSV, and how to complain about it."""

    rows: Sequence[_Row]
    header: Sequence[str]
    name: str

    def find(self, wanted: str) -> str | None:
        """The column of that meaning: by its name or another one, then with a unit after it (a loss has none)."""
        names = (wanted, *ALIASES[wanted])
        for read in (_plain,) if wanted == "loss" else (_plain, _bare):
            for alias in names:
                if found := [column for column in self.header if read(column) == alias]:
                    return found[0]
        return None

    def wanted(self, loss: str) -> dict[str, str]:
        """The columns that are needed, by what they mean."""
        optional = ("params", "tokens", "flops", "unique", "params_no_embed", "params_blocks_head")
        found = {name: column for name in optional if (column := self.find(name))}
        missing = [name for name in ("params", "tokens", "flops") if name not in found]
        if len(missing) > 1:
            lacks = "no column 'params'" if "params" in missing else "neither a column 'tokens' nor 'flops'"
            hint = "It takes 'params', and one of 'tokens' and 'flops'."
            raise UserError(f"{self.name} has {lacks}; it has {self._listed()}.", hint)
        return found | {"loss": self.find_loss(loss)}

    def find_loss(self, wanted: str) -> str:
        if wanted:
            if wanted not in self.header:
                raise UserError(f"{self.name} has no column {wanted!r}; it has {self._listed()}.")
            return wanted
        if column := self.find("loss"):
            return column
        candidates = [column for column in self.header if "loss" in _plain(column)]
        if len(candidates) == 1:
            return candidates[0]
        hint = f"Say which with --loss: {', '.join(candidates)}." if candidates else "Say which with --loss COLUMN."
        raise UserError(f"{self.name} has no column 'loss'; it has {self._listed()}.", hint)

    def labels(self, wanted: str) -> list[str] | None:
        column = self.find(wanted)
        return [(row[column] or "").strip() for _, row in self.rows] if column else None

    def numbers(self, column: str, unit: float = 1.0) -> Floats:
        """The column's numbers times its unit, float64[rows]."""
        return unit * np.array([self._number(row.get(column), column, line) for line, row in self.rows])

    def without_bad(self, needed: Sequence[str]) -> _Columns:
        """The rows that have a positive number in every needed column."""
        kept = [row for row in self.rows if all(_positive(_value(row[1].get(column))) for column in needed)]
        if not kept:
            raise UserError(f"{self.name} has no row with positive numbers in {', '.join(needed)}.")
        return _Columns(kept, self.header, self.name)

    def _number(self, text: str | None, column: str, line: int) -> float:
        value = _value(text)
        if not _positive(value):
            hint = "Leave such rows out with --skip-bad." if text is None or math.isnan(value) else ""
            raise UserError(f"{self.name}, line {line}: {column} is {text!r}, not a positive number.", hint)
        return value

    def _listed(self) -> str:
        return ", ".join(self.header) or "no header"


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _value(text: str | None) -> float:
    """A number as people write it: 1e9, 1_000, "1,000", 1,5 (in a table of semicolons), 70M; nan for others."""
    plain = (text or "").strip().replace("_", "")
    if _GROUPED.match(plain):
        plain = plain.replace(",", "")
    found = _NUMBER.match(plain.replace(",", "."))
    if found is None or found["unit"].lower() not in {"", *UNITS}:
        return _float(plain)
    return _float(found["digits"]) * UNITS.get(found["unit"].lower(), 1.0)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
