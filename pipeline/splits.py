"""Which documents no training sees: a matter of their id, the seed and their domain, never of their place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from pipeline.tokens import TokensConfig

Bounds = Mapping[str, int]
"""By domain: a document is held out when its number is below the bound of its domain."""

_ALL = 2**64
_SMALLEST_SHARE = 10


def split_number(doc_id: str, seed: int) -> int:
    """A document's place in the draw, uniform in 0 .. 2**64 - 1: the same for every corpus it is in."""
    digest = hashlib.blake2b(f"{seed}:{doc_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest)


def held_out_bounds(numbers: Mapping[str, Sequence[int]], config: TokensConfig) -> dict[str, int]:
    """The bound of every domain: `held_out_frac` of all numbers, or more where that leaves a small domain too few.

    Args:
        numbers: By domain, `split_number` of each of its documents, once each.
        config: `held_out_documents` are wanted of every domain, but never more than a tenth of it.
    """
    share = int(config.held_out_frac * _ALL)
    return {domain: max(share, _bound_for(found, config)) for domain, found in sorted(numbers.items())}


def _bound_for(numbers: Sequence[int], config: TokensConfig) -> int:
    wanted = min(config.held_out_documents, len(numbers) // _SMALLEST_SHARE) if config.held_out_frac else 0
    return sorted(numbers)[wanted - 1] + 1 if wanted else 0
