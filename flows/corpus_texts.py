"""The documents a training's tokens were made of: the shards of its corpus, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flows.steps import Step, find_step
from model.token_set import TokenSet
from storage.lake import Lake
from storage.shards import iter_batches

_ROWS = 256


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a corpus, as its shard has it."""

    id: str
    domain: str
    text: str


def corpus_of(lake: Lake, tokens: TokenSet) -> Step:
    """The corpus that a token set was made of; of an imported model, which learned from none here, the newest.

    Raises:
        UserError: The lake does not hold it any more, or has none.
    """
    if not tokens.corpus_fingerprint:
        return find_step(lake, "mix", None, "Make a corpus first: `winnow corpus`.")
    hint = f"The model learned from its version {tokens.corpus_fingerprint}; the command that made it makes it again."
    return find_step(lake, "mix", tokens.name, hint, tokens.corpus_fingerprint)


def documents(lake: Lake, corpus: Step, most_bytes: int | None = None) -> Iterator[Document]:
    """First appearances of the corpus's documents, up to so many bytes of text; mixing has shuffled them."""
    left = most_bytes
    for shard in corpus.outputs_of("corpus"):
        for batch in iter_batches(lake.absolute(shard.path), ["text", "id", "domain", "epoch"], _ROWS):
            columns = (batch[name].to_pylist() for name in ("id", "domain", "text", "epoch"))
            for doc_id, domain, text, epoch in zip(*columns, strict=True):
                if epoch:
                    continue
                yield Document(doc_id, domain, text)
                if left is not None:
                    left -= len(text.encode())
                    if left <= 0:
                        return
