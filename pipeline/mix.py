"""Domain mixing as arithmetic: weights, what there is, floors and epoch caps in; whole tokens per domain out.

The budget is poured like water (`pipeline.pouring`): every domain rises in proportion to its weight until it meets its
cap (all its tokens, as many times as it may be used), and what it cannot take is shared out again among the others in
proportion to theirs. Within a domain whose documents are used by quality, its tokens are poured once more over bins of
quality. Every difference between asked and given is put in words.

Sources: UniMax (Chung et al. 2023, arXiv:2304.09151); temperature: Arivazhagan et al. 2019, arXiv:1907.05019; repeats
by quality: Dolma 3 (Olmo 3, 2025), which drops the bottom 40 % and uses the best documents up to seven times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from pipeline.mix_config import MixConfig
from pipeline.pouring import Vessel, pour

REPORTED_DIFFERENCE = 0.0005
"""Shares that differ by less (0.05 percentage points) differ by whole documents or rounding and need no reason."""

END_TOKENS = 1
"""Tokens that packing adds to every document: its end. A document of n tokens of text counts n + 1 in a mixture."""

Stock = Mapping[str, Mapping[int, int]]
"""What there is to train on: domain to bin of quality (0 where it does not matter) to tokens, each document once."""


@dataclass(frozen=True, slots=True)
class BinQuota:
    """What one bin of a domain's documents gets.

    Attributes:
        bin: Its number, the worst first; `UNSCORED` for documents without a quality; 0 where quality does not matter.
        available_tokens: Tokens of its documents, each once.
        given_tokens: Tokens it gets, repeats counted.
        max_epochs: The most times its documents may be used.
    """

    bin: int
    available_tokens: int
    given_tokens: int
    max_epochs: float

    @property
    def cap(self) -> int:
        """The most tokens it can give."""
        return int(self.available_tokens * Fraction(self.max_epochs))

    @property
    def epochs(self) -> float:
        """How often its documents are used on average; 0 where there are none."""
        return self.given_tokens / self.available_tokens if self.available_tokens else 0.0


@dataclass(frozen=True, slots=True)
class Quota:
    """What one domain gets.

    Attributes:
        domain: The domain.
        asked_frac: Share of the corpus that its weight asks for, 0..1.
        planned_frac: Share it was to get, before documents were taken whole, 0..1.
        given_frac: Share it gets, 0..1.
        given_tokens: Tokens it gets, repeats counted.
        available_tokens: Tokens of its documents, each once.
        max_epochs: The most times they may be used; on average, where quality decides.
        floor_frac: Least share it is to have.
        by_quality: Whether quality decides how often each document is used.
        bins: What its bins of quality get; one where quality does not matter.
        reason: Why given differs from asked; None where it does not.
    """

    domain: str
    asked_frac: float
    planned_frac: float
    given_frac: float
    given_tokens: int
    available_tokens: int
    max_epochs: float
    floor_frac: float = 0.0
    by_quality: bool = False
    bins: tuple[BinQuota, ...] = ()
    reason: str | None = None

    @property
    def epochs(self) -> float:
        """How often its documents are used on average; 0 where there are none."""
        return self.given_tokens / self.available_tokens if self.available_tokens else 0.0

    @property
    def capped(self) -> bool:
        """Whether it gets all that its caps allow."""
        return self.given_tokens >= sum(part.cap for part in self.bins)


def plan_mix(stock: Stock, config: MixConfig) -> list[Quota]:
    """Quotas as the recipe's section asks for them, one a domain, in order of name; exact, and the same each time.

    They add up to the budget, or to all that the caps allow where that is less (`shortfall` says so); without a
    budget, to all tokens of the domains in the mix, within their caps, each counted once. Among all such results it is
    the fairest: no domain could get more without one that has less for its weight getting less still. A larger budget
    never gives any domain, or any bin of one, less.
    """
    domains = sorted({*stock, *config.weights})
    weights = _weights(stock, config)
    empty = {name: _bins(name, stock.get(name, {}), config) for name in domains}
    vessels = [
        Vessel(
            weights.get(name, Fraction(0)),
            sum(part.cap for part in empty[name]),
            Fraction(str(config.floors.get(name, 0.0))) if config.enabled else Fraction(0),
        )
        for name in domains
    ]
    budget = config.budget_tokens if config.enabled else None
    if budget is None:
        once = (min(part.cap, part.available_tokens) for name in domains if weights.get(name) for part in empty[name])
        budget = sum(once)
    given = pour(vessels, budget)
    filled = [_fill(empty[name], tokens, name, config) for name, tokens in zip(domains, given, strict=True)]
    return [_quota(*row, sum(given), weights, config) for row in zip(domains, filled, strict=True)]


def as_written(quotas: Sequence[Quota], given_tokens: Mapping[str, int]) -> list[Quota]:
    """The quotas with the tokens that documents came to, shares and reasons to match."""
    total = max(sum(given_tokens.values()), 1)
    written = []
    for quota in quotas:
        tokens = given_tokens.get(quota.domain, 0)
        actual = replace(quota, given_tokens=tokens, given_frac=tokens / total)
        written.append(replace(actual, reason=_reason(actual, quota.capped)))
    return written


def shortfall(quotas: Sequence[Quota], budget: int | None) -> str | None:
    """What is said of a budget that the caps do not allow; None where it is reached."""
    planned = sum(part.given_tokens for quota in quotas for part in quota.bins)
    if budget is None or planned >= budget:
        return None
    return (
        f"the budget of {budget:,} tokens is not reached: every domain in the mix is at its cap, {planned:,} tokens "
        "together. Raise mix.max_epochs or mix.default_max_epochs, or ask for less"
    )


def _weights(stock: Stock, config: MixConfig) -> dict[str, Fraction]:
    """Domain to weight: those asked for, else what there is, flattened by the temperature."""
    if config.enabled and config.weights:
        return {name: Fraction(str(weight)) for name, weight in config.weights.items()}
    tokens = {name: sum(bins.values()) for name, bins in stock.items()}
    if not config.enabled or config.temperature is None:
        return {name: Fraction(count) for name, count in tokens.items()}
    # in twelve digits: the last bits of a power are not the same on every machine
    return {n: Fraction(f"{count ** (1 / config.temperature):.12g}") for n, count in tokens.items()}


def _bins(domain: str, tokens: Mapping[int, int], config: MixConfig) -> list[BinQuota]:
    """A domain's bins with nothing in them yet."""
    return [BinQuota(number, count, 0, config.epochs_of(domain, number)) for number, count in sorted(tokens.items())]


def _fill(bins: Sequence[BinQuota], tokens: int, domain: str, config: MixConfig) -> tuple[BinQuota, ...]:
    """A domain's tokens poured over its bins, each in proportion to what it holds and how often it is wanted."""
    wanted = [Fraction(str(config.wish_of(domain, part.bin))) * part.available_tokens for part in bins]
    vessels = [Vessel(weight, part.cap) for weight, part in zip(wanted, bins, strict=True)]
    given = pour(vessels, tokens)
    return tuple(replace(part, given_tokens=count) for part, count in zip(bins, given, strict=True))


def _quota(
    domain: str, bins: tuple[BinQuota, ...], total: int, weights: Mapping[str, Fraction], config: MixConfig
) -> Quota:
    given, available = sum(part.given_tokens for part in bins), sum(part.available_tokens for part in bins)
    by_quality = config.enabled and domain in config.quality_epochs
    capacity = sum(part.cap for part in bins)
    planned = given / max(total, 1)
    quota = Quota(
        domain=domain,
        asked_frac=float(weights.get(domain, Fraction(0)) / (sum(weights.values()) or 1)),
        planned_frac=planned,
        given_frac=planned,
        given_tokens=given,
        available_tokens=available,
        max_epochs=capacity / available if by_quality and available else config.epochs_of(domain, 0),
        floor_frac=config.floors.get(domain, 0.0) if config.enabled else 0.0,
        by_quality=by_quality,
        bins=bins,
    )
    return replace(quota, reason=_reason(quota, quota.capped))


def _reason(quota: Quota, capped: bool) -> str | None:
    if quota.asked_frac == 0:
        return "not named in mix.weights" if quota.available_tokens else None
    missed_floor = quota.floor_frac - quota.given_frac > REPORTED_DIFFERENCE
    if abs(quota.given_frac - quota.asked_frac) < REPORTED_DIFFERENCE and not missed_floor:
        return None
    shares = "{} instead of {}".format(*_percents(quota.given_frac, quota.asked_frac))
    floor = _percents(quota.floor_frac)[0]
    if missed_floor:
        shares += f", below its floor of {floor}"
    return f"{quota.domain} {_cause(quota, capped, floor)}: {shares}"


def _cause(quota: Quota, capped: bool, floor: str) -> str:
    """What kept a domain from the share its weight asks for: the plan, or only documents that are taken whole."""
    if not quota.available_tokens:
        return "has no documents to train on"
    cap = "once" if quota.max_epochs == 1 else f"at {quota.max_epochs:.3g} epochs"
    cap += " by quality" if quota.by_quality else ""
    more = quota.planned_frac - quota.asked_frac
    if min(more, quota.given_frac - quota.asked_frac) >= REPORTED_DIFFERENCE:
        if quota.floor_frac > quota.asked_frac and quota.planned_frac - quota.floor_frac < REPORTED_DIFFERENCE:
            return f"lifted to its floor of {floor}"
        return f"takes {_points(more)} that others left{f', capped {cap}' if capped else ''}"
    if max(quota.planned_frac, quota.given_frac) - max(quota.asked_frac, quota.floor_frac) <= -REPORTED_DIFFERENCE:
        return f"capped {cap}" if capped else "gives way to floors"
    return "rounded to whole documents"


def _points(share: float) -> str:
    """A difference of shares in percentage points."""
    number = f"{100 * share:.1f}".removesuffix(".0")
    return f"{number} point{'' if number == '1' else 's'}"


def _percents(*shares: float) -> list[str]:
    """Shares as percentages with one digit, or two where one would not tell them apart."""
    short = [f"{100 * share:.1f}".removesuffix(".0") for share in shares]
    if len(set(short)) < len(short):
        short = [f"{100 * share:.2f}" for share in shares]
    return [f"{number} %" for number in short]
