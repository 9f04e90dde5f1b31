"""Whether the words around a number make it personal: a linear classifier for the candidates that a validator doubts.

An averaged perceptron over hashed features of the context: the words on either side, what else the line holds, the
number's own shape. All its arithmetic is in integers, so training gives the same weights on every machine. It is
trained at its first use, in a fraction of a second, on `pipeline.pii.generated`; `winnow pii train` adds labelled text.

Source: Freund and Schapire (1999), voted perceptron; averaging after Collins (2002).
"""

from __future__ import annotations

import json
import random
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pipeline.pii.generated import generate
from pipeline.pii.word_groups import groups_of
from storage.errors import UserError

BUCKETS = 1 << 14
EPOCHS = 5
SEED = 20
MARGIN = 50
"""Examples decided by less than this move the weights too: what is learnt then holds for templates not seen."""

DOUBT = -55
"""Where a candidate is given up: the highest limit at which 98 % of personal numbers stay, by cross-validation among
the templates trained on (`python -m tests.bench.bench_contexts`).
"""

GROUP_WEIGHT = 3
"""Times that a group of words counts against a single word: groups hold for words not met in training."""

DOUBTFUL = 0.9
"""Hits surer than this are no question for the classifier: a check digit, a plan and a word have said yes."""

KINDS = frozenset(("phone", "ssn", "ip", "mac", "national_id"))
"""Kinds whose candidates are numbers that could be something else."""

WINDOW = 80
WORD = re.compile(r"[^\W\d_]{2,}")
NUMBER = re.compile(r"\d[\d.,\-/]*")


class Example(NamedTuple):
    """A candidate in its text, and whether it is personal."""

    kind: str
    text: str
    start: int
    end: int
    personal: bool


@dataclass(frozen=True)
class Model:
    """Weights by feature; a context whose weights add up to less than the limit makes a candidate no personal data."""

    weights: tuple[int, ...]
    limit: int

    def score(self, kind: str, text: str, start: int, end: int) -> int:
        """The weights of a candidate's context, added up."""
        return sum(self.weights[feature] for feature in features(kind, text, start, end))

    def is_personal(self, kind: str, text: str, start: int, end: int) -> bool:
        """False where the context says that the candidate is something else."""
        return self.score(kind, text, start, end) >= self.limit

    def dump(self) -> str:
        """As JSON: the weights that are not zero."""
        kept = {str(i): weight for i, weight in enumerate(self.weights) if weight}
        return json.dumps({"buckets": BUCKETS, "limit": self.limit, "weights": kept}, indent=0)


def load_model(data: str, name: str) -> Model:
    """What `dump` wrote; UserError where it is something else."""
    try:
        read = json.loads(data)
        if read["buckets"] != BUCKETS:
            raise ValueError("it has another number of features")
        weights = [0] * BUCKETS
        for place, weight in read["weights"].items():
            weights[int(place)] = int(weight)
        limit = int(read["limit"])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UserError(f"{name} is no model of personal data: {error}.", "`winnow pii train` makes one.") from error
    return Model(tuple(weights), limit)


def features(kind: str, text: str, start: int, end: int) -> list[int]:
    """Hashed features of a candidate's context."""
    left, right = text[max(0, start - WINDOW) : start], text[end : end + WINDOW]
    before = [word.lower() for word in WORD.findall(left)][-7:]
    after = [word.lower() for word in WORD.findall(right)][:5]
    line = left.rpartition("\n")[2] + " " + right.partition("\n")[0]
    numbers = len(NUMBER.findall(line))
    shape = re.sub(r"\d+", lambda match: str(len(match[0])), text[start:end])
    found = [f"{kind}|shape|{shape}", f"{kind}|numbers|{min(numbers, 4)}", f"{kind}|ends|{left[-1:]}|{right[:1]}"]
    found += [f"before|{word}" for word in before] + [f"{kind}|before|{word}" for word in before[-3:]]
    found += [f"after|{word}" for word in after] + [f"first|{before[-1]}" if before else "first|"]
    found += [f"line|{sign}" for sign in "|\t$€£%=*+;{[\\" if sign in line]
    found += [f"words|{min(len(WORD.findall(line)), 4)}|{min(numbers, 4)}"]
    for side, words in (("before", before), ("near", before[-2:]), ("after", after)):
        found += [f"group|{side}|{group}|{copy}" for group in groups_of(words) for copy in range(GROUP_WEIGHT)]
    return [zlib.crc32(name.encode("utf-8", "replace")) % BUCKETS for name in found]


def train(examples: Iterable[Example], epochs: int = EPOCHS) -> Model:
    """The averaged weights after so many passes, in an order of our own drawing."""
    known = [(features(e.kind, e.text, e.start, e.end), 1 if e.personal else -1) for e in examples]
    order = random.Random(SEED)
    weights, totals = [0] * BUCKETS, [0] * BUCKETS
    step = 1
    for _ in range(epochs):
        order.shuffle(known)
        for places, label in known:
            if label * sum(weights[place] for place in places) <= MARGIN:
                for place in places:
                    weights[place] += label
                    totals[place] += label * step
            step += 1
    averaged = tuple(weight * step - total for weight, total in zip(weights, totals, strict=True))
    return Model(averaged, DOUBT * step)


@lru_cache(maxsize=1)
def default_model() -> Model:
    """The model trained on generated text alone; once a process."""
    return train(generated_examples())


def generated_examples(held_out: bool | None = None) -> Sequence[Example]:
    """Generated contexts as examples: all, or those of the templates held out (or not)."""
    return [Example(*row) for row in generate(held_out)]
