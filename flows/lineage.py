"""From a document to the steps of a training that saw it: which sequences hold it, and when those were drawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flows.training_task import read_token_set
from model.order import Order
from storage.lake import Lake
from storage.shards import read_table


@dataclass(frozen=True)
class Seen:
    """What a training saw of some documents.

    Attributes:
        sequences: Numbers of the training sequences that hold some of one, over all files of the split.
        steps: Steps whose batch had one of those, from 1.
    """

    sequences: tuple[int, ...]
    steps: tuple[int, ...]


def sequences_with(
    lake: Lake, tokens_dir: str, names: Sequence[str], doc_ids: Collection[str]
) -> npt.NDArray[np.int64]:
    """Numbers of the sequences, over these files of a token set in order, that hold some of these documents."""
    wanted, found, before = np.array(sorted(doc_ids), object), [np.zeros(0, np.int64)], 0
    for name in names:
        lists: Any = read_table(lake.absolute(f"{tokens_dir}/{name}"), ["doc_ids"])["doc_ids"].combine_chunks()
        hits = np.flatnonzero(np.isin(lists.flatten().to_numpy(zero_copy_only=False).astype(object), wanted))
        ends = np.cumsum(lists.value_lengths().to_numpy(zero_copy_only=False))
        found.append(before + np.unique(np.searchsorted(ends, hits, "right")))
        before += len(lists)
    return np.concatenate(found)


def steps_that_saw(lake: Lake, training: dict[str, Any], tokens_dir: str, doc_ids: Collection[str]) -> Seen:
    """What a finished training saw of some documents.

    Args:
        lake: Where both are.
        training: Its `TRAININGS` row; steps are exact where it never went back to a checkpoint (`events`).
        tokens_dir: The token set it read, relative to the lake.
        doc_ids: The documents.
    """
    tokens = read_token_set(lake, tokens_dir)
    rows = sequences_with(lake, tokens_dir, tokens.train.files, doc_ids)
    batch = training["batch_tokens"] // tokens.sequence_length
    seen = training["train_tokens"] // tokens.sequence_length
    positions = Order(tokens.train.sequences, training["seed"]).positions_of(rows.tolist(), seen)
    return Seen(tuple(rows.tolist()), tuple(np.unique(positions // batch + 1).tolist()))
