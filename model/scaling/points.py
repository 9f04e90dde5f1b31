"""The runs a scaling law is fitted to: sizes, tokens and losses. Tables of them are read in `model.scaling.table`."""

from __future__ import annotations

from collections.abc import Sequence
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
        flops_given: float64[n], the compute somebody else counted; None where 6 N D is all there is.
        unique: float64[n], distinct tokens among the D; None where nothing is known of repeats.
    """

    params: Floats
    tokens: Floats
    loss: Floats
    run: tuple[str, ...]
    group: tuple[str, ...]
    flops_given: Floats | None = None
    unique: Floats | None = None

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
        given = self.flops_given[rows] if self.flops_given is not None else None
        unique = self.unique[rows] if self.unique is not None else None
        return Points(self.params[rows], self.tokens[rows], self.loss[rows], run, group, given, unique)

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
    flops_given: Sequence[float] | Floats | None = None,
    unique: Sequence[float] | Floats | None = None,
) -> Points:
    """Points of plain sequences; every row its own run, all of one group, unless said otherwise.

    Raises:
        UserError: Lengths differ, or a value is not a positive finite number.
    """
    columns = {"params": params, "tokens": tokens, "loss": loss}
    columns |= {name: v for name, v in (("flops_given", flops_given), ("unique", unique)) if v is not None}
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
