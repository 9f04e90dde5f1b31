"""The recipe section that says how text becomes tokens; apart from what does it, which loads two libraries."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from storage.schema import Section

MAX_IDS: Final = 2**18
"""Largest vocabulary: twice Llama 3's, so that any published byte-level one fits."""


class TokensConfig(Section):
    """How text becomes fixed sequences of token ids."""

    tokenizer: str | None = Field(
        None, description="an existing tokenizer.json to take instead of training one; missing special tokens are added"
    )
    vocab_size: int = Field(
        32_768,
        ge=512,
        le=MAX_IDS,
        description="tokens in all, bytes and special tokens included; ids are uint16 up to 65,536, else uint32",
    )
    sequence_length: int = Field(
        2_048,
        ge=8,
        le=131_072,
        description="tokens a model sees at once; stored sequences have one more, the target",
    )
    packing: Literal["concatenate", "best_fit", "masked"] = Field(
        "concatenate",
        description="documents end to end, cut anywhere; best_fit: only those longer than a sequence are cut, and "
        "padding fills what is left; masked: for encoders, [CLS] piece [SEP] piece [SEP], packed by best fit",
    )
    min_frequency: int = Field(2, ge=1, description="times a pair must occur in the sample to become a token")
    sample_bytes: int = Field(
        100_000_000,
        ge=1,
        description="text the tokenizer is trained on: the corpus's first documents, held-out ones left out",
    )
    end_of_document: str = Field("<|end_of_text|>", min_length=1, description="special token after every document")
    padding: str = Field("[PAD]", min_length=1, description="special token that fills what room is left")
    classification: str = Field("[CLS]", min_length=1, description="special token that opens an encoder's sequence")
    separator: str = Field("[SEP]", min_length=1, description="special token after every piece an encoder sees")
    mask: str = Field("[MASK]", min_length=1, description="special token that stands for one an encoder must guess")
    special_tokens: tuple[str, ...] = Field((), description="further special tokens to reserve ids for")

    @property
    def width(self) -> int:
        """Tokens of a stored sequence: a decoder's has one more, the last position's target."""
        return self.sequence_length + (self.packing != "masked")

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token, each once: what a decoder needs, what an encoder needs, what was asked for."""
        encoder = (self.classification, self.separator, self.mask)
        return list(dict.fromkeys((self.end_of_document, self.padding, *encoder, *self.special_tokens)))
