"""Packed sequences and what made them: a token set's `meta.json`, as plain values. No torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from storage.schema import Section


class Counts(Section):
    """How much text; tokens count the one at the end of each document."""

    documents: int = 0
    tokens: int = 0
    bytes: int = 0


class Packing(Section):
    """How well documents went into sequences: those in more than one, and room that only padding fills."""

    cut_documents: int = 0
    padding_tokens: int = 0


class Split(Section):
    """One side of a token set: its files, relative to the set's directory, and what is in them."""

    files: tuple[str, ...]
    sequences: int
    packing: Packing = Packing()
    total: Counts
    unique: Counts
    domains: dict[str, Counts]


class EncoderTokens(Section):
    """Ids of the special tokens that only encoders use."""

    classification: int = Field(description="opens a sequence: [CLS]")
    separator: int = Field(description="after every piece: [SEP]")
    mask: int = Field(description="stands for a token to be guessed: [MASK]")


class TokenSet(Section):
    """Packed sequences and the tokenizer that made them: the content of a token set's `meta.json`.

    Written last, so a directory without it holds no token set. `unique` of a split counts first appearances
    only.
    """

    name: str
    fingerprint: str
    corpus_fingerprint: str
    tokenizer_sha256: str
    vocab_size: int
    end_id: int
    pad_id: int
    end_of_document: str
    padding: str
    sequence_length: int = Field(description="positions a model sees")
    width: int = Field(description="tokens of a stored sequence: one more where the last position needs a target")
    packing: Literal["concatenate", "best_fit", "masked"] = "concatenate"
    specials: dict[str, int] = Field({}, description="ids of all special tokens, by name")
    encoder: EncoderTokens | None = Field(None, description="null: the tokenizer has not all of them")
    train: Split
    held_out: Split

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, values: Any) -> Any:
        """Sets of the time when all were a decoder's did not say their width, and those of corpora that repeated
        held-out documents told how many repeats they left out; trainings keep a copy of theirs."""
        if isinstance(values, dict) and "sequence_length" in values:
            told = {name: value for name, value in values.items() if name != "left_out"}
            return {"width": values["sequence_length"] + 1} | told
        return values
