"""The recipe section `mix`: what the corpus is made of, in which proportions, and how often a document may repeat."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from storage.schema import Section

UNSCORED = -1
"""Bin of the documents without a quality, of a domain whose documents are used by quality."""

Amounts = dict[str, float]


class MixConfig(Section):
    """Which domains the corpus is made of, in which proportions, and how often a document may repeat.

    A domain that is not named in `weights` is left out, and the mixture says so; with no weights at all every
    domain keeps its natural share, flattened by `temperature`.
    """

    enabled: bool = Field(True, description="off: every survivor once, in archive order")
    name: str = Field("", description="name of the corpus; by default the recipe's")
    weights: Amounts = Field({}, description="domain to weight, any positive scale; empty: natural proportions")
    temperature: float | None = Field(
        None,
        ge=1,
        description="instead of weights: every domain weighs its tokens to the power 1/temperature; 1 natural, "
        "3.3 as mT5, a large one all alike (UniMax)",
    )
    floors: Amounts = Field(
        {}, description="domain to the least share of the corpus it is to have, 0..1, where its cap allows"
    )
    max_epochs: Amounts = Field(
        {"wikipedia": 4.0},
        description="domain to the most times its documents may be used; up to four repeats are worth "
        "nearly as much as new text (Muennighoff et al. 2023, arXiv:2305.16264)",
    )
    default_max_epochs: float = Field(1.0, ge=0, allow_inf_nan=False, description="the same for every other domain")
    quality_epochs: dict[str, Annotated[tuple[float, ...], Field(min_length=2)]] = Field(
        {},
        description="domain to the times its documents may be used by quality: one number for each of as many bins "
        "of equal tokens, the worst first; [0, 0, 1, 2, 7] drops the bottom 40 % and uses the best fifth seven times. "
        "Where the domain needs less, all are used less, in proportion. max_epochs, where it names the domain, still "
        "holds for every document",
    )
    quality_signal: str = Field(
        "quality",
        pattern=r"^-?\w+$",
        description="what quality is: a signal of the ledger, as classifier_score; -perplexity where less is better",
    )
    budget_tokens: int | None = Field(
        None,
        ge=0,
        description="size of what is trained on, as packing counts it: each document's tokens and one for its end; by "
        "default all tokens of the domains in it, each counted once. Held-out documents come on top. Weights hold "
        "exactly only where every domain has its share of it within its cap",
    )
    bytes_per_token: float = Field(
        4.2, gt=0, description="estimate for counting tokens: English web text under a 50,000-entry BPE"
    )
    tokenizer: str | None = Field(None, description="a tokenizer.json to count tokens with, instead of the estimate")
    cut_last: bool = Field(
        True,
        description="the last document of a domain's share is cut between words where the share ends, so that weights "
        "hold to a few tokens even for books; off: whole documents, each share short by up to one",
    )
    seed: int = Field(0, ge=0, description="of the choice and the order of documents")
    held_out_frac: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="share of documents, chosen by a hash of their id, that no training ever sees; each is in the "
        "corpus once, marked as such, beside the budget: weights are those of what is trained on",
    )
    held_out_documents: int = Field(
        8,
        ge=0,
        le=10_000,
        description="of every domain at least so many documents are held out, but never more than a tenth of them",
    )
    held_out_seed: int = Field(
        0, ge=0, description="of the choice of held-out documents; the same for all corpora that are to be compared"
    )
    shard_bytes: int = Field(256_000_000, gt=0, description="size of a shard, compressed, about")
    memory_limit: str = Field(
        "4GB",
        pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$",
        description="memory of the sort; beyond it, it spills to disk",
    )

    @field_validator("weights", "max_epochs", "floors")
    @classmethod
    def _finite(cls, values: Amounts) -> Amounts:
        wrong = [name for name, value in values.items() if not 0 <= value < float("inf")]
        if wrong:
            raise ValueError(f"must be finite and not negative: {', '.join(sorted(wrong))}")
        return values

    @field_validator("quality_epochs")
    @classmethod
    def _usable(cls, values: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
        for domain, epochs in values.items():
            if not all(0 <= number < float("inf") for number in epochs) or not any(epochs):
                raise ValueError(f"{domain} needs numbers that are finite and not negative, at least one above 0")
        return values

    @model_validator(mode="after")
    def _possible(self) -> MixConfig:
        if self.weights and self.temperature is not None:
            raise ValueError("weights and temperature are two answers to one question: set one of them")
        if self.weights and not any(self.weights.values()):
            raise ValueError("all weights are 0: nothing would be in the corpus")
        total = sum(Fraction(str(share)) for share in self.floors.values())
        if total > 1:
            raise ValueError(f"floors add up to {float(100 * total):.4g} % of the corpus, more than all of it")
        if self.weights and (without := [name for name in sorted(self.floors) if not self.weights.get(name)]):
            raise ValueError(f"floors name {without[0]}, which has no weight: give it one, however small")
        return self

    def epochs_of(self, domain: str, bin: int) -> float:
        """The most times a document of that domain, in that bin of quality, may be used."""
        if not self.enabled:
            return 1.0
        if domain not in self.quality_epochs:
            return self.max_epochs.get(domain, self.default_max_epochs)
        return min(self.wish_of(domain, bin), self.max_epochs.get(domain, float("inf")))

    def wish_of(self, domain: str, bin: int) -> float:
        """How often a document is wanted beside others of its domain: by quality, where the recipe says so."""
        epochs = self.quality_epochs.get(domain) if self.enabled else None
        return 1.0 if epochs is None or bin == UNSCORED else epochs[bin]
