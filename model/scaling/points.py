"""The runs a scaling law is fitted to: sizes, tokens and losses, and the table they are read from."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from storage.errors import UserError

Floats = npt.NDArray[np.float64]

FLOPS_PER_PARAM_TOKEN = 6.0
"""C = 6 N D: two FLOP a parameter and token forward, four backward. Source: Kaplan et al. 2020, 2.1."""


@dataclass(frozen=True)
class Points:
    """Training runs, one row each, aligned.

    Attributes:
        params: float64[n], N under one convention (total, or without embeddings).
        tokens: float64[n], D, tokens seen in training.
        loss: float64[n], final loss on the same held-out text, any unit as long as it is one.
        run: n labels; rows of one label are one run, resampled together. Seeds of one rung are several runs.
        group: n labels of what is fitted apart (training set, recipe); all "" where there is one.
    """

    params: Floats
    tokens: Floats
    loss: Floats
    run: tuple[str, ...]
    group: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def flops(self) -> Floats:
        """float64[n], C = 6 N D under the same convention of N."""
        return FLOPS_PER_PARAM_TOKEN * self.params * self.tokens

    def where(self, keep: npt.NDArray[np.bool_]) -> Points:
        """The rows where `keep` (bool[n]) is true, in order."""
        rows = np.flatnonzero(keep)
        run, group = tuple(self.run[i] for i in rows), tuple(self.group[i] for i in rows)
        return Points(self.params[rows], self.tokens[rows], self.loss[rows], run, group)

    def groups(self) -> dict[str, Points]:
        """Points of each group, in order of first appearance."""
        labels = np.array(self.group)
        return {name: self.where(labels == name) for name in dict.fromkeys(self.group)}


def make_points(
    params: Sequence[float] | Floats,
    tokens: Sequence[float] | Floats,
    loss: Sequence[float] | Floats,
    run: Sequence[str] | None = None,
    group: Sequence[str] | None = None,
) -> Points:
    """Points of plain sequences; every row its own run, all of one group, unless said otherwise.

    Raises:
        UserError: Lengths differ, or a value is not a positive finite number.
    """
    columns = {"params": params, "tokens": tokens, "loss": loss}
    arrays = {name: np.asarray(values, np.float64) for name, values in columns.items()}
    rows = len(arrays["loss"])
    for name, values in arrays.items():
        if len(values) != rows:
            raise UserError(f"column {name} has {len(values)} values, loss has {rows}.")
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        if len(bad):
            raise UserError(
                f"column {name}: row {bad[0] + 1} is {values[bad[0]]:g}.", "It must be positive and finite."
            )
    labels = tuple(run) if run is not None else tuple(str(i) for i in range(rows))
    return Points(**arrays, run=labels, group=tuple(group) if group is not None else ("",) * rows)


CONVENTIONS = {"total": "params", "non_embedding": "params_no_embed"}
"""How N may be counted, and the column that holds it."""

ALIASES = {
    "params": ("n",),
    "params_no_embed": ("params_non_embedding", "params_without_embedding", "non_embedding_params"),
    "tokens": ("train_tokens", "d"),
    "flops": ("c",),
    "loss": ("eval_loss",),
    "group": ("train_set",),
    "run": (),
}
"""Columns of a table of runs, and other names people give them; case does not matter."""


def read_points(text: str, name: str, loss: str = "") -> dict[str, Points]:
    """Runs in a CSV, by convention of N: "total", and "non_embedding" where it has `params_no_embed`.

    Args:
        text: The CSV with its header: `params`, `tokens` or `flops` (then D = C / 6N), `loss`; optional
            `params_no_embed`, `group`, `run`. Other columns are left alone.
        name: What to call the table in messages.
        loss: Column that holds the loss; empty: `loss`, else the only column whose name starts with it.

    Raises:
        UserError: A column is missing, or a value in it is no positive number; both named, with the line.
    """
    header, rows = _parse(text, name)
    if not rows:
        raise UserError(
            f"{name} holds no runs.", "A CSV needs a header line with params, tokens, loss, and a line a run."
        )
    columns = _Columns(rows, header, name)
    losses = columns.numbers(columns.find_loss(loss))
    run = columns.labels("run")
    group = columns.labels("group")
    params = columns.numbers(columns.demand("params"))
    tokens = columns.tokens(params)
    found = {"total": make_points(params, tokens, losses, run, group)}
    if inner := columns.find("params_no_embed"):
        found["non_embedding"] = make_points(columns.numbers(inner), tokens, losses, run, group)
    return found


_Row = tuple[int, Mapping[str, str | None]]
"""Line in the file, and the values by column."""


def _parse(text: str, name: str) -> tuple[list[str], list[_Row]]:
    """Header and rows; blank lines are no rows."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=None))
    try:
        header = [column.strip() for column in reader.fieldnames or ()]
        reader.fieldnames = header
        return header, [(reader.line_num, row) for row in reader if any(row.values())]
    except csv.Error as error:
        raise UserError(f"{name} is no CSV: {error}.") from error


@dataclass(frozen=True)
class _Columns:
    """A parsed CSV, and how to complain about it."""

    rows: Sequence[_Row]
    header: Sequence[str]
    name: str

    def find(self, wanted: str) -> str | None:
        names = (wanted, *ALIASES[wanted])
        return next((column for alias in names for column in self.header if column.lower() == alias), None)

    def demand(self, wanted: str, hint: str = "") -> str:
        column = self.find(wanted)
        if column is None:
            raise UserError(f"{self.name} has no column {wanted!r}; it has {', '.join(self.header)}.", hint)
        return column

    def find_loss(self, wanted: str) -> str:
        if wanted:
            if wanted not in self.header:
                raise UserError(f"{self.name} has no column {wanted!r}; it has {', '.join(self.header)}.")
            return wanted
        candidates = [column for column in self.header if column.lower().startswith("loss")]
        if self.find("loss") is None and len(candidates) == 1:
            return candidates[0]
        return self.demand("loss", f"Say which with --loss: {', '.join(candidates)}." if candidates else "")

    def tokens(self, params: Floats) -> Floats:
        if column := self.find("tokens"):
            return self.numbers(column)
        if column := self.find("flops"):
            return self.numbers(column) / (FLOPS_PER_PARAM_TOKEN * params)
        raise UserError(f"{self.name} has neither a column 'tokens' nor 'flops'; it has {', '.join(self.header)}.")

    def labels(self, wanted: str) -> list[str] | None:
        column = self.find(wanted)
        return [row[column] or "" for _, row in self.rows] if column else None

    def numbers(self, column: str) -> Floats:
        return np.array([self._number(row.get(column), column, line) for line, row in self.rows])

    def _number(self, text: str | None, column: str, line: int) -> float:
        try:
            value = float((text or "").replace("_", ""))
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise UserError(f"{self.name}, line {line}: {column} is {text!r}, not a positive number.")
        return value
