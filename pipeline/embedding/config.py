"""The recipe section `embeddings`: the static vectors, and how many uses of a word are looked at."""

from __future__ import annotations

from pydantic import Field

from storage.schema import Section


class EmbeddingsConfig(Section):
    """How vectors of words are made and compared.

    Source of the static ones: Bojanowski et al. 2017, arXiv:1607.04606 (fastText skip-gram); its published settings
    but for `buckets`, which a corpus of millions rather than billions of words does not fill.
    """

    dim: int = Field(100, ge=2, description="width of the static vectors")
    epochs: int = Field(5, ge=1, description="passes of the skip-gram over the text")
    window: int = Field(5, ge=1, description="words to either side that a word is to predict, at most")
    min_count: int = Field(5, ge=1, description="uses below which a word has no static vector and no pair is compared")
    buckets: int = Field(200_000, ge=1, description="vectors that the character n-grams of all words share")
    sample_bytes: int = Field(
        100_000_000, ge=1, description="text of the corpus's first documents that vectors are made of; it is shuffled"
    )
    uses: int = Field(12, ge=1, description="uses of a compared word that its contextual vector is the mean of")
    shown_uses: int = Field(24, ge=0, description="uses of each polysemous word taken from the corpus for the figure")
    draws: int = Field(500, ge=10, description="bootstrap draws of every interval")
    seed: int = Field(0, ge=0, description="of the bootstrap")
