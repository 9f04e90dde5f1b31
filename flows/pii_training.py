"""Training of the classifier that judges contexts: generated examples, and candidates in labelled text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.pii.context import DOUBTFUL, Example, Model, generated_examples
from pipeline.pii.context import KINDS as JUDGED
from pipeline.pii.context import train as train_model
from pipeline.pii.spans import find_spans
from storage.errors import UserError
from storage.files import write_bytes

HELD_OUT = 0.2


def train_context(labelled: Path | None, output: Path) -> dict[str, Any]:
    """Measure with a part held out, then train on everything and write the model.

    Returns:
        examples, sha256 of the model, and `parts`: for generated and labelled examples held out, how many were personal
        and the share of them kept, how many were not and the share of those removed.

    Raises:
        UserError: The labelled file cannot be read, or is no JSON lines of texts and spans.
    """
    own = list(_examples(labelled)) if labelled else []
    parts: dict[bool, list[Example]] = {True: [], False: []}
    for example in own:
        parts[_share(example.text) < HELD_OUT].append(example)
    measured = train_model([*generated_examples(False), *parts[False]])
    everything = [*generated_examples(), *own]
    digest = write_bytes(str(output), train_model(everything).dump().encode())
    tables = [_measure("generated", measured, list(generated_examples(True)))]
    tables += [_measure("labelled", measured, parts[True])] if own else []
    return {"examples": len(everything), "sha256": digest.sha256, "parts": tables}


def _measure(part: str, model: Model, examples: list[Example]) -> dict[str, Any]:
    kept = [(model.is_personal(e.kind, e.text, e.start, e.end), e.personal) for e in examples]
    personal = sum(truth for _, truth in kept)
    others = len(kept) - personal
    return {
        "part": part,
        "personal": personal,
        "kept_frac": sum(stays and truth for stays, truth in kept) / personal if personal else None,
        "others": others,
        "removed_frac": sum(not (stays or truth) for stays, truth in kept) / others if others else None,
    }


def _examples(path: Path) -> Iterator[Example]:
    """Doubtful candidates of each text: personal where they meet a label of their kind."""
    for number, line in enumerate(_lines(path)):
        try:
            row = json.loads(line)
            text = str(row["text"])
            gold = [(str(s["kind"]), int(s["start"]), int(s["end"])) for s in row["spans"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"line {number + 1} of {path} is no labelled text.",
                'Give JSON lines: {"text": "...", "spans": [{"kind": "phone", "start": 3, "end": 15}]}.',
            ) from error
        for span in find_spans(text, sorted(JUDGED)):
            if span.confidence < DOUBTFUL:
                meets = any(kind == span.kind and s < span.end and span.start < e for kind, s, e in gold)
                yield Example(span.kind, text, span.start, span.end, meets)


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _share(text: str) -> float:
    """A number in 0..1 that is the text's own: copies of a text stay on one side."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8]) / 2**64
