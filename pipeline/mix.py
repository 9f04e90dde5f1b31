"""Domain mixing as arithmetic: weights, what there is and epoch caps in; whole tokens per domain out.

The budget is poured like water: every domain rises in proportion to its weight until it meets its cap (all
its tokens, `max_epochs` times), and what it cannot take is shared out again among the others in proportion to
theirs. This is UniMax (Chung et al. 2023, arXiv:2304.09151) with weights; with equal weights it is UniMax
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from pydantic import Field, field_validator

from storage.schema import Section

REPORTED_DIFFERENCE = 0.0005
"""Shares that differ by less (0.05 percentage points) differ by whole documents or rounding and need no
reason.
"""


class MixConfig(Section):
    """Which domains the corpus is made of, in which proportions, and how often a document may repeat.

    A domain that is not named in `weights` is left out, and the mixture says so; with no weights at all every
    domain keeps its natural share.
    """

    enabled: bool = Field(True, description="off: every survivor once, in archive order")
    name: str = Field("", description="name of the corpus; by default the recipe's")
    weights: dict[str, float] = Field(
        {}, description="domain to weight, any positive scale; empty: natural proportions"
    )
    max_epochs: dict[str, float] = Field(
        {"wikipedia": 4.0},
        description="domain to the most times its documents may be used; up to four repeats are worth "
        "nearly as much as new text (Muennighoff et al. 2023, arXiv:2305.16264)",
    )
    default_max_epochs: float = Field(1.0, ge=0, description="the same for every other domain")
    budget_tokens: int | None = Field(
        None,
        ge=0,
        description="size of the corpus; by default all tokens of the domains in it, each counted once. "
        "Weights hold exactly only where every domain has its share of it within its cap",
    )
    bytes_per_token: float = Field(
        4.2, gt=0, description="estimate for counting tokens: English web text under a 50,000-entry BPE"
    )
    tokenizer: str | None = Field(None, description="a tokenizer.json to count tokens with, instead of the estimate")
    seed: int = Field(0, ge=0, description="of the choice and the order of documents")
    shard_bytes: int = Field(256_000_000, gt=0, description="size of a shard, compressed, about")
    memory_limit: str = Field(
        "4GB",
        pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$",
        description="memory of the sort; beyond it, it spills to disk",
    )

    @field_validator("weights", "max_epochs")
    @classmethod
    def _finite(cls, values: dict[str, float]) -> dict[str, float]:
        wrong = [name for name, value in values.items() if not 0 <= value < float("inf")]
        if wrong:
            raise ValueError(f"must be finite and not negative: {', '.join(sorted(wrong))}")
        return values

    def epochs_of(self, domain: str) -> float:
        """The most times a document of that domain may be used."""
        return self.max_epochs.get(domain, self.default_max_epochs)


@dataclass(frozen=True, slots=True)
class Quota:
    """What one domain gets.

    Attributes:
        domain: The domain.
        asked_frac: Share of the corpus asked for, 0..1.
        given_frac: Share it gets, 0..1.
        given_tokens: Tokens it gets, repeats counted.
        available_tokens: Tokens of its documents, each once.
        max_epochs: Its cap.
        reason: Why given differs from asked; None where it does not.
    """

    domain: str
    asked_frac: float
    given_frac: float
    given_tokens: int
    available_tokens: int
    max_epochs: float
    reason: str | None = None

    @property
    def epochs(self) -> float:
        """How often its documents are used on average; 0 where there are none."""
        return self.given_tokens / self.available_tokens if self.available_tokens else 0.0

    @property
    def capped(self) -> bool:
        """Whether it gets all that its cap allows."""
        return self.given_tokens >= int(self.available_tokens * Fraction(self.max_epochs))


def plan_mix(available_tokens: Mapping[str, int], config: MixConfig) -> list[Quota]:
    """Quotas as the recipe's section asks for them; natural proportions where it names no weights."""
    domains = sorted({*available_tokens, *config.weights})
    caps = {domain: config.epochs_of(domain) for domain in domains}
    weights = config.weights or {domain: float(tokens) for domain, tokens in available_tokens.items()}
    if not config.enabled:
        caps, weights = dict.fromkeys(domains, 1.0), {name: float(n) for name, n in available_tokens.items()}
    budget = config.budget_tokens if config.enabled else None
    return allocate(weights, available_tokens, caps, budget)


def allocate(
    weights: Mapping[str, float],
    available_tokens: Mapping[str, int],
    max_epochs: Mapping[str, float],
    budget: int | None = None,
) -> list[Quota]:
    """Share a budget out by weight under caps; exact, and the same for the same numbers.

    The result adds up to the budget, or to everything the caps allow where that is less. Among all such
    results it
    is the fairest: no domain could get more without one that has less for its weight getting less still. A
        larger budget never gives any domain less.

    Args:
        weights: Domain to weight; one that is missing or 0 gets nothing.
        available_tokens: Domain to its tokens, each once.
        max_epochs: Domain to the most times they may be used; missing: once.
        budget: Tokens; None for all tokens of the weighted domains (within their caps), each counted once.

    Returns:
        One quota a domain, in order of name: those with documents and those with weights.
    """
    domains = sorted({*weights, *available_tokens})
    shares = {name: Fraction(weights.get(name, 0)) for name in domains}
    caps = [int(available_tokens.get(name, 0) * Fraction(max_epochs.get(name, 1.0))) for name in domains]
    caps = [cap if shares[name] else 0 for name, cap in zip(domains, caps, strict=True)]
    if budget is None:
        budget = sum(min(cap, available_tokens.get(name, 0)) for name, cap in zip(domains, caps, strict=True))
    given = _pour([shares[name] for name in domains], caps, min(budget, sum(caps)))
    total, weight_sum = max(sum(given), 1), sum(shares.values()) or Fraction(1)
    return [
        explained(
            Quota(
                domain=name,
                asked_frac=float(shares[name] / weight_sum),
                given_frac=tokens / total,
                given_tokens=tokens,
                available_tokens=available_tokens.get(name, 0),
                max_epochs=float(max_epochs.get(name, 1.0)),
            )
        )
        for name, tokens in zip(domains, given, strict=True)
    ]


def as_written(quotas: Sequence[Quota], given_tokens: Mapping[str, int]) -> list[Quota]:
    """The quotas with the tokens that whole documents came to, shares and reasons to match."""
    total = max(sum(given_tokens.values()), 1)
    written = []
    for quota in quotas:
        tokens = given_tokens.get(quota.domain, 0)
        actual = replace(quota, given_tokens=tokens, given_frac=tokens / total, reason=None)
        written.append(replace(actual, reason=_reason(actual, quota.capped)))
    return written


def _pour(weights: Sequence[Fraction], caps: Sequence[int], budget: int) -> list[int]:
    """Whole tokens under caps that add up to `budget` (at most the sum of caps): the first `budget` tokens
    when each domain's k-th token comes at level k / weight (d'Hondt's order, which never takes a token back
    as budgets grow).
    """
    level = _level(weights, caps, budget)
    given = [min(cap, int(weight * level)) for weight, cap in zip(weights, caps, strict=True)]
    for _ in range(budget - sum(given)):  # fewer than there are domains: each was rounded down by less than one
        open_domains = [i for i, cap in enumerate(caps) if given[i] < cap]
        given[min(open_domains, key=lambda i: ((given[i] + 1) / weights[i], i))] += 1
    return given


def _level(weights: Sequence[Fraction], caps: Sequence[int], budget: int) -> Fraction:
    """The water level L at which sum(min(cap, weight * L)) is the budget."""
    order = sorted((i for i, cap in enumerate(caps) if cap), key=lambda i: caps[i] / weights[i])
    rest, weight = Fraction(budget), sum((weights[i] for i in order), Fraction(0))
    level = Fraction(0)
    for i in order:
        level = rest / weight
        if weights[i] * level <= caps[i]:
            break
        rest, weight, level = rest - caps[i], weight - weights[i], caps[i] / weights[i]
    return level


def explained(quota: Quota) -> Quota:
    """The quota with the difference between asked and given put in words, where there is one."""
    return replace(quota, reason=_reason(quota, quota.capped))


def _reason(quota: Quota, capped: bool) -> str | None:
    if quota.asked_frac == 0:
        return "not named in mix.weights" if quota.available_tokens else None
    difference = quota.given_frac - quota.asked_frac
    if abs(difference) < REPORTED_DIFFERENCE:
        return None
    shares = f"{_percent(quota.given_frac)} instead of {_percent(quota.asked_frac)}"
    if not quota.available_tokens:
        return f"{quota.domain} has no documents: {shares}"
    cap = "once" if quota.max_epochs == 1 else f"at {quota.max_epochs:g} epochs"
    if difference > 0:
        return f"{quota.domain} takes what others left{f', capped {cap}' if capped else ''}: {shares}"
    if capped:
        return f"{quota.domain} capped {cap}: {shares}"
    return f"{quota.domain} rounded to whole documents: {shares}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def separate(items: np.ndarray) -> np.ndarray:
    """The order nearest at hand in which no two equal items stand together, where there is any such order.

    Args:
        items: int64[n].

    Returns:
        int64[n], a permutation of positions: `items[separate(items)]` has no equal neighbours, unless one
        item is more than half of all.
    """
    order = np.arange(len(items))
    placed = items.copy()
    for position in np.flatnonzero(placed[1:] == placed[:-1]) + 1:
        if placed[position] == placed[position - 1] and not _swap(placed, order, int(position)):
            return _interleave(items)
    return order


def _swap(placed: np.ndarray, order: np.ndarray, position: int) -> bool:
    """Exchange an item with the nearest later one, else the nearest earlier one, that parts both
    neighbourhoods.
    """
    for other in (*range(position + 1, len(placed)), *range(position - 2, -1, -1)):
        for values in (placed, order):
            values[position], values[other] = values[other], values[position]
        if not (_meets_equal(placed, position) or _meets_equal(placed, other)):
            return True
        for values in (placed, order):
            values[position], values[other] = values[other], values[position]
    return False


def _meets_equal(placed: np.ndarray, position: int) -> bool:
    before = position > 0 and placed[position - 1] == placed[position]
    after = position + 1 < len(placed) and placed[position + 1] == placed[position]
    return bool(before or after)


def _interleave(items: np.ndarray) -> np.ndarray:
    """Equal items at every other position, the most frequent first: parts them whenever that can be done."""
    _, inverse, counts = np.unique(items, return_inverse=True, return_counts=True)
    by_frequency = np.lexsort((np.arange(len(items)), inverse, -counts[inverse]))
    order = np.empty(len(items), dtype=np.int64)
    places = np.concatenate([np.arange(0, len(items), 2), np.arange(1, len(items), 2)])
    order[places] = by_frequency
    return order
