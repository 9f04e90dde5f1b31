"""Labelled files as the two sides of a fine-tuning: what is learned from, and what is measured on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from model.finetune.config import Task
from pipeline.labelled.examples import Example, Labelled, Tagged, split
from pipeline.labelled.formats import read_examples
from storage import files
from storage.errors import UserError


@dataclass(frozen=True)
class Data:
    """Labelled examples to learn from and to measure on.

    Attributes:
        name: Of the data set.
        digests: sha256 of every file, and how it was split; part of every run's id.
    """

    name: str
    task: Task
    train: tuple[Example, ...]
    measure: tuple[Example, ...]
    digests: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of all classes or tags, sorted."""
        found: set[str] = set()
        for example in (*self.train, *self.measure):
            if isinstance(example, Labelled) and example.label is not None:
                found.add(example.label)
            elif isinstance(example, Tagged):
                found.update(example.tags)
        return tuple(sorted(found))


def read_data(
    task: Task,
    train: str,
    measure: str | None = None,
    *,
    name: str | None = None,
    sentences: str | None = None,
    encoding: str = "utf-8",
    held_out_frac: float = 0.2,
    split_seed: int = 0,
) -> Data:
    """Examples of one file or two.

    Args:
        task: What they are examples of.
        train: File to learn from.
        measure: File to measure on; None: a share of the other, whole texts by a hash.
        name: Of the data set; by default the training file's.
        sentences: QAMR's file of sentences.
        encoding: Of the files.
        held_out_frac: That share.
        split_seed: Of that split.

    Raises:
        UserError: No such file, another encoding, or a line that is no example; says which.
    """
    contents = [_read(uri, encoding) for uri in (train, measure, sentences) if uri]
    digests = [hashlib.sha256(content.encode()).hexdigest() for content in contents]
    texts = _read(sentences, encoding) if sentences else None
    learned = read_examples(contents[0], task, _base(train), texts)
    if measure:
        measured = read_examples(contents[1], task, _base(measure), texts)
    else:
        learned, measured = split(learned, held_out_frac, split_seed)
        digests.append(f"{held_out_frac} {split_seed}")
    for side, what in ((learned, "learn from"), (measured, "measure on")):
        if len(side) < 2:
            raise UserError(f"there is too little to {what} in {train}.", "Give more examples.")
    return Data(name or _base(train), task, tuple(learned), tuple(measured), tuple(digests))


def _read(uri: str, encoding: str) -> str:
    if not files.exists(uri):
        raise UserError(f"there is no file {uri}.", "Give a file of labelled examples.")
    with files.open_read(uri) as stream:
        content = stream.read()
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"line {line} of {uri} is not {encoding}.", "Name its --encoding, latin-1 say.") from error
    except LookupError as error:
        raise UserError(f"there is no encoding {encoding!r}.") from error


def _base(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[2]
