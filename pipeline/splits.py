"""Which documents no training sees: a matter of their id and a seed, never of their place, nor of a corpus's budget."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pipeline.mix_config import MixConfig

_NUMBERS = 2**52
_SMALLEST_SHARE = 10
"""Of a domain at most one document in so many is held out to make up `held_out_documents`."""


def split_number(doc_id: str, seed: int) -> float:
    """A document's place in the draw, uniform in [0, 1), exact in a double: the same for every corpus it is in.

    `storage/sql/mix/fill_pages.sql` computes the same number.
    """
    digest = hashlib.md5(f"{seed}:split:{doc_id}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:13], 16) / _NUMBERS


def held_out_bound(smallest: Sequence[float], documents: int, config: MixConfig) -> float:
    """The number below which a domain's documents are held out: `held_out_frac`, or more where that leaves too few.

    Args:
        smallest: The smallest `split_number`s of the domain's documents, sorted; `held_out_documents` of them, or all.
        documents: How many it has.
        config: `held_out_documents` are wanted of every domain, but never more than a tenth of it.
    """
    wanted = min(config.held_out_documents, documents // _SMALLEST_SHARE) if config.held_out_frac else 0
    return max(config.held_out_frac, smallest[wanted - 1] + 1 / _NUMBERS if wanted else 0.0)
