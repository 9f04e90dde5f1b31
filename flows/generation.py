"""Text from a trained model: words go in and come out here, ids and torch stay in a child process."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

from flows.child import run_child
from flows.training_task import absolute
from model.config import GenerationSpec, TokenSet
from pipeline.tokens import Tokenizer
from storage import files
from storage.errors import UserError
from storage.lake import Lake


def generate(
    lake: Lake,
    prompt: str,
    training: str = "latest",
    *,
    max_tokens: int = 100,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 0.95,
    seed: int = 0,
    threads: int = 0,
) -> Iterator[str]:
    """Pieces of text that follow the prompt, as they come; the prompt is taken as a document's beginning.

    Args:
        lake: Where trainings are.
        prompt: May be empty.
        training: Id, its beginning, the name of a training, or "latest".
        max_tokens, temperature, top_k, top_p, seed, threads: As in `GenerationSpec`.

    Raises:
        UserError: No such training.
    """
    row = find_training(lake, training)
    directory = row["checkpoint"].rpartition("/")[0]
    tokenizer, end_id = _load_tokenizer(lake, directory)
    spec = GenerationSpec(
        weights=absolute(lake, row["checkpoint"]),
        prompt_ids=(end_id, *tokenizer.encode(prompt).tolist()),
        max_tokens=max_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stop_id=end_id,
        threads=threads,
    )
    yield from _decode(tokenizer, run_child("model.generate", "-", spec.model_dump_json()))


def find_training(lake: Lake, which: str) -> dict[str, Any]:
    """The newest training with that name, or whose id begins so; of all where `which` is "latest".

    Raises:
        UserError: There is none; says which there are.
    """
    rows = sorted(lake.rows("trainings"), key=lambda row: (row["finished_at"], row["training_id"]))
    found = [row for row in rows if which in ("latest", row["name"]) or row["training_id"].startswith(which)]
    if found:
        return found[-1]
    known = ", ".join(f"{row['training_id']} ({row['name']})" for row in rows[-5:])
    raise UserError(
        f"there is no training {which!r} in the lake {lake.root}.",
        f"There are: {known}." if known else "Train one: `winnow pretrain`.",
    )


def _load_tokenizer(lake: Lake, directory: str) -> tuple[Tokenizer, int]:
    """The tokenizer kept beside the weights."""
    with files.open_read(lake.absolute(f"{directory}/tokens.json")) as stream:
        tokens = TokenSet.model_validate_json(stream.read())
    with files.open_read(lake.absolute(f"{directory}/tokenizer.json")) as stream:
        return Tokenizer(stream.read().decode(), tokens.end_of_document, tokens.padding), tokens.end_id


def _decode(tokenizer: Tokenizer, events: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Text of token events; a character spread over several tokens comes with the last of them."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for event in events:
        if event["event"] == "token" and (text := decoder.decode(tokenizer.decode_bytes([event["id"]]))):
            yield text
    if rest := decoder.decode(b"", final=True):
        yield rest
