"""What is hidden from a model, and what it is then asked for: plain arrays, drawn anew each time a sequence is seen.

The noise of a sequence is a matter of the seed, of how far the training is, and of its own tokens, not of the batch
it is in: any number of ranks and parts of a batch draw the same.
Source: Devlin et al. 2019, section 3.1 and appendix A.1 (masking, next sentence); Raffel et al. 2020, section 3.1.4,
and text-to-text-transfer-transformer, t5/data/preprocessors.py, random_spans_noise_mask (spans).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

IGNORED = -1
"""Target of a position that nothing is asked of."""


@dataclass(frozen=True)
class Vocabulary:
    """What noise must know of the token ids.

    Attributes:
        size: Ids in all, those added for the model included.
        special: bool[size]: never hidden, never drawn.
        opens, closes: bool[size]: begins (ends) with something else than a letter or digit, so a word does not reach
            over the token's beginning (end).
        end_id, pad_id, mask_id, class_id, separator_id: Ids of those tokens.
        sentinels: Ids that stand for hidden spans, in order.
    """

    size: int
    special: Flags
    opens: Flags
    closes: Flags
    end_id: int
    pad_id: int
    mask_id: int
    class_id: int
    separator_id: int
    sentinels: Ids


def generator_of(seed: int, position: int, tokens: Ids) -> np.random.Generator:
    """Of one sequence, seen at a position of the training."""
    digest = hashlib.blake2b(tokens.tobytes(), digest_size=8).digest()
    key = np.array([seed, int.from_bytes(digest, "little") ^ (position % 2**63)], np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def mask_tokens(
    tokens: Ids, vocabulary: Vocabulary, generator: np.random.Generator, frac: float, keep: float, swap: float,
    whole_words: bool,
) -> tuple[Ids, Ids]:  # fmt: skip
    """A sequence with tokens hidden, and what they were; `IGNORED` where nothing is asked.

    Args:
        frac: Share of the tokens asked for; of words, where `whole_words`.
        keep, swap: Shares of those that stay as they are, and that become any other token; the rest are masked.
    """
    usable = ~vocabulary.special[tokens]
    if whole_words:
        words = words_of(tokens, vocabulary)
        chosen = (generator.random(words[-1] + 1) < frac)[words] & usable
    else:
        chosen = (generator.random(len(tokens)) < frac) & usable
    dice = generator.random(len(tokens))
    drawn = np.flatnonzero(~vocabulary.special)[generator.integers(0, (~vocabulary.special).sum(), len(tokens))]
    shown = np.where(chosen & (dice >= keep + swap), vocabulary.mask_id, tokens)
    shown = np.where(chosen & (dice >= keep) & (dice < keep + swap), drawn, shown)
    return shown, np.where(chosen, tokens, IGNORED)


def words_of(tokens: Ids, vocabulary: Vocabulary) -> Ids:
    """Number of the word each token is of: a word goes on where letters or digits touch."""
    begins = np.ones(len(tokens), bool)
    opens = vocabulary.opens | vocabulary.special
    closes = vocabulary.closes | vocabulary.special
    begins[1:] = opens[tokens[1:]] | closes[tokens[:-1]]
    return np.cumsum(begins) - 1


def corrupt_spans(
    tokens: Ids, vocabulary: Vocabulary, generator: np.random.Generator, frac: float, mean_span: float
) -> tuple[Ids, Ids]:
    """T5's source and target: spans become one sentinel each; the target tells sentinels and what they hide.

    Both end with `end_id`. At least one token is hidden and one is not.

    Args:
        tokens: At least two, no end of document among them.
    """
    hidden = span_mask(len(tokens), generator, frac, mean_span, len(vocabulary.sentinels))
    first = hidden & ~np.concatenate([[False], hidden[:-1]])
    names = vocabulary.sentinels[np.cumsum(first) - 1]
    end = np.array([vocabulary.end_id])
    source = np.where(first, names, tokens)[~hidden | first]
    pieces = np.stack([names, tokens], axis=1).ravel()
    target = pieces[np.stack([first, hidden], axis=1).ravel()]
    return np.concatenate([source, end]), np.concatenate([target, end])


def span_mask(length: int, generator: np.random.Generator, frac: float, mean_span: float, most: int) -> Flags:
    """Which tokens are hidden, bool[length]: spans and what lies between them, of random lengths, a span last."""
    hidden = min(max(round(length * frac), 1), length - 1)
    spans = min(max(round(hidden / mean_span), 1), length - hidden, most)
    between = _parts(length - hidden, spans, generator)
    edges = np.cumsum(np.stack([between, _parts(hidden, spans, generator)], axis=1).ravel())[:-1]
    marks = np.zeros(length, bool)
    marks[edges] = True
    return np.logical_xor.accumulate(marks)


def _parts(total: int, parts: int, generator: np.random.Generator) -> Ids:
    """`total` in so many parts of at least 1, each division as likely."""
    cuts = np.sort(generator.choice(total - 1, parts - 1, replace=False)) + 1 if parts > 1 else np.zeros(0, np.int64)
    return np.diff(np.concatenate([[0], cuts, [total]]))


def pair_pieces(first: Ids, second: Ids, vocabulary: Vocabulary, length: int) -> tuple[Ids, Ids]:
    """[CLS] first [SEP] second [SEP] and its segments, at most `length`; the longer one gives way.

    Source: google-research/bert, create_pretraining_data.py, truncate_seq_pair.
    """
    room = length - 3
    one, two = len(first), len(second)
    if one + two > room:
        one, two = max(room - two, min(one, (room + 1) // 2)), max(room - one, min(two, room // 2))
    opening, separator = [vocabulary.class_id], [vocabulary.separator_id]
    tokens = np.concatenate([opening, first[:one], separator, second[:two], separator]).astype(np.int64)
    return tokens, np.repeat([0, 1], [one + 2, two + 1])
