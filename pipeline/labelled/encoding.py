"""Labelled examples as token ids: one text or two between special tokens, and where in them the targets are.

Words and answers find their tokens by the tokenizer's offsets, never by counting pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.labelled.examples import Asked, Example, Instructed, Labelled, Tagged
from pipeline.tokens import Tokenizer
from storage.errors import UserError

Offsets = npt.NDArray[np.int64]

_MOST_QUESTION = 64
"""Tokens of a question; what is longer is cut (Devlin et al. 2019, run_squad.py)."""
_LEAST_CONTEXT = 8


@dataclass(frozen=True, slots=True)
class Marks:
    """Ids of the special tokens around texts: [CLS] a [SEP] b [SEP] for an encoder; others have but one."""

    first: int
    between: int
    last: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a model is shown of an example, or of a part of it that fits.

    Attributes:
        example: Number of the example among those encoded together.
        ids: Tokens, special ones included.
        second_at: Where the second segment begins; the number of ids where there is none.
        places: Tagging: where each word begins. qa: first token of the context, and the one behind its last.
        targets: Classification, pairs: the class. tagging: a tag a word. qa: the answer's first and last token, none
            where this part has it not. instruction: where the answer begins.
        value: Similarity: the number.
        offsets: qa: characters of the context that each of its tokens stands for.
    """

    example: int
    ids: tuple[int, ...]
    second_at: int
    places: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()
    value: float | None = None
    offsets: tuple[tuple[int, int], ...] = ()


def encode_examples(
    examples: Sequence[Example],
    tokenizer: Tokenizer,
    marks: Marks,
    classes: Mapping[str, int],
    max_tokens: int,
    stride_tokens: int = 32,
) -> list[Encoded]:
    """Encode examples of one task, in order; long sentences and contexts become several parts.

    Examples without label, tags or answers have no targets, and are else encoded as those with.

    Args:
        classes: Number of each class, or tag.
        max_tokens: Ids of a sequence, special ones included.
        stride_tokens: qa: tokens of a context that neighbouring parts share.

    Raises:
        UserError: `max_tokens` leaves no room.
    """
    if max_tokens < 16:
        raise UserError(f"sequences of {max_tokens} tokens are too short.", "Set --max-tokens to at least 16.")
    found: list[Encoded] = []
    for number, example in enumerate(examples):
        match example:
            case Labelled():
                found.append(_labelled(number, example, tokenizer, marks, classes, max_tokens))
            case Tagged():
                found += _tagged(number, example, tokenizer, marks, classes, max_tokens)
            case Asked():
                found += _asked(number, example, tokenizer, marks, max_tokens, stride_tokens)
            case Instructed():
                found.append(_instructed(number, example, tokenizer, marks, max_tokens))
    return found


def _labelled(
    number: int, example: Labelled, tokenizer: Tokenizer, marks: Marks, classes: Mapping[str, int], most: int
) -> Encoded:
    first = tokenizer.encode(example.text).tolist()
    second = None if example.second is None else tokenizer.encode(example.second).tolist()
    while (over := len(first) + len(second or ()) + 2 + (second is not None) - most) > 0:
        longest = first if second is None or len(first) >= len(second) else second
        other = len(first) + len(second or ()) - len(longest)
        del longest[-min(over, max(1, len(longest) - other)) :]  # the longer one loses its end first
    ids = (marks.first, *first, marks.last)
    second_at = len(ids)
    if second is not None:
        ids = (marks.first, *first, marks.between, *second, marks.last)
        second_at = len(first) + 2
    targets = () if example.label is None else (classes[example.label],)
    return Encoded(number, ids, second_at, targets=targets, value=example.value)


def _tagged(
    number: int, example: Tagged, tokenizer: Tokenizer, marks: Marks, classes: Mapping[str, int], most: int
) -> Iterator[Encoded]:
    """Parts of whole words, as many as fit."""
    ids, offsets = tokenizer.encode_with_offsets(" ".join(example.words))
    starts = np.cumsum([0, *(len(word) + 1 for word in example.words[:-1])])
    begins = np.minimum(first_tokens(offsets, starts), max(len(ids) - 1, 0))
    ends, room, word = [*begins[1:].tolist(), len(ids)], most - 2, 0
    while word < len(example.words):
        start, stop = int(begins[word]), word + 1
        while stop < len(example.words) and ends[stop] - start <= room:
            stop += 1
        shown = ids[start : min(max(ends[stop - 1], start + 1), start + room)].tolist()
        places = tuple(min(int(place) - start, len(shown) - 1) + 1 for place in begins[word:stop])
        targets = tuple(classes[tag] for tag in example.tags[word:stop])
        yield Encoded(number, (marks.first, *shown, marks.last), len(shown) + 2, places, targets)
        word = stop


def first_tokens(offsets: Offsets, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The first token that stands for something behind each character position: the one a word begins with.

    Args:
        offsets: Characters of each token, int64[tokens, 2], ascending.
        starts: Positions, int64[words].
    """
    return np.searchsorted(offsets[:, 1], starts, "right")


def _asked(
    number: int, example: Asked, tokenizer: Tokenizer, marks: Marks, most: int, stride: int
) -> Iterator[Encoded]:
    question = tokenizer.encode(example.question).tolist()[: min(_MOST_QUESTION, most - 3 - _LEAST_CONTEXT)]
    ids, offsets = tokenizer.encode_with_offsets(example.context)
    room = most - 3 - len(question)
    step = max(1, room - min(stride, room // 2))
    low, high = _answer_tokens(example, offsets)
    head = (marks.first, *question, marks.between)
    for begin in range(0, max(len(ids) - room + step, 1), step):
        shown = ids[begin : begin + room].tolist()
        shift = len(head) - begin
        inside = begin <= low <= high < begin + len(shown)  # never of a question without answers
        yield Encoded(
            number, (*head, *shown, marks.last), len(head), (len(head), len(head) + len(shown)),
            (low + shift, high + shift) if inside else (),
            offsets=tuple((int(a), int(b)) for a, b in offsets[begin : begin + room]),
        )  # fmt: skip


def _answer_tokens(example: Asked, offsets: Offsets) -> tuple[int, int]:
    """First and last token of the first accepted answer; where none is known, nothing: 0 and -1."""
    if not example.answers:
        return 0, -1
    start, text = example.answers[0]
    low = int(first_tokens(offsets, np.array([start]))[0])
    return low, int(np.searchsorted(offsets[:, 0], start + len(text), "left")) - 1


def _instructed(number: int, example: Instructed, tokenizer: Tokenizer, marks: Marks, most: int) -> Encoded:
    """As a document: its end before and behind. A prompt that is too long loses its beginning. Answers may lack."""
    bare = example.prompt.rstrip()
    gap = example.prompt[len(bare) :] or (" " if bare else "")
    answer = tokenizer.encode(gap + example.answer.strip()).tolist()[: most // 2] if example.answer.strip() else []
    prompt = tokenizer.encode(bare).tolist()
    prompt = prompt[max(0, len(prompt) - (most - 2 - len(answer))) :]
    ids: tuple[Any, ...] = (marks.first, *prompt, *answer, marks.last)
    return Encoded(number, ids, len(ids), targets=(1 + len(prompt),))
