"""Whole tokens shared out by weight between floors and caps: water poured into vessels, exact in fractions.

At a budget B every domain has min(cap, max(weight * level, floor * B)), with the one level that makes the sum B. As B
rises the domains' tokens arrive one after another; what is given is the first B of them. So nothing is lost to
rounding, and a larger budget never takes a token back. Without floors this is d'Hondt's order, and with equal weights
UniMax (Chung et al. 2023, arXiv:2304.09151).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Vessel:
    """What one domain asks for and can take.

    Attributes:
        weight: Its share against the others'; 0 takes nothing.
        cap: The most tokens it can take.
        floor: The least share of the whole it is to have, 0..1, where its cap allows.
    """

    weight: Fraction
    cap: int
    floor: Fraction = Fraction(0)

    @property
    def room(self) -> int:
        """The most it can take: nothing without a weight."""
        return self.cap if self.weight else 0

    def holds(self, level: Fraction, budget: Fraction) -> Fraction:
        """What it holds at that level of that budget."""
        return min(Fraction(self.room), max(self.weight * level, self.floor * budget))


def pour(vessels: Sequence[Vessel], budget: int) -> list[int]:
    """Tokens of every vessel, adding up to the budget, or to all rooms together where that is less.

    Raises:
        ValueError: The floors add up to more than the whole.
    """
    if sum(vessel.floor for vessel in vessels) > 1:
        raise ValueError("the floors add up to more than the whole")
    budget = min(budget, sum(vessel.room for vessel in vessels))
    level = _level(vessels, Fraction(budget))
    given = [int(vessel.holds(level, Fraction(budget))) for vessel in vessels]
    for _ in range(budget - sum(given)):  # fewer than there are vessels: each was rounded down by less than one
        arriving = (i for i, vessel in enumerate(vessels) if given[i] < vessel.room)
        given[min(arriving, key=lambda i: (_arrival(vessels, i, given[i] + 1), i))] += 1
    return given


def _level(vessels: Sequence[Vessel], budget: Fraction) -> Fraction:
    """The level at which the vessels hold the budget."""
    poured = [vessel for vessel in vessels if vessel.room]
    corners = [edge / vessel.weight for vessel in poured for edge in (vessel.floor * budget, Fraction(vessel.room))]
    return _first_reaching(budget, lambda level: sum((v.holds(level, budget) for v in poured), Fraction(0)), corners)


def _arrival(vessels: Sequence[Vessel], which: int, token: int) -> Fraction:
    """The budget at which a vessel's `token`-th token arrives: by its floor or by the level, whichever is first."""
    level = token / vessels[which].weight
    floored = [vessel for vessel in vessels if vessel.floor and vessel.room]
    corners = [edge / v.floor for v in floored for edge in (v.weight * level, Fraction(v.room))]

    def spare(budget: Fraction) -> Fraction:
        return budget - sum((vessel.holds(level, budget) for vessel in vessels), Fraction(0))

    by_level = _first_reaching(Fraction(0), spare, corners)
    return min(by_level, token / vessels[which].floor) if vessels[which].floor else by_level


def _first_reaching(value: Fraction, rising: Callable[[Fraction], Fraction], corners: Iterable[Fraction]) -> Fraction:
    """Where a rising function, straight between its corners and beyond the last, first has the value."""
    low, at_low = Fraction(0), rising(Fraction(0))
    if at_low >= value:
        return low
    for corner in sorted({corner for corner in corners if corner > 0}):
        at_corner = rising(corner)
        if at_corner >= value:
            return low + (value - at_low) * (corner - low) / (at_corner - at_low)
        low, at_low = corner, at_corner
    return low + (value - at_low) / (rising(low + 1) - at_low)
