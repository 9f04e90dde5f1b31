"""Text from a trained model: words go in and come out here, ids and torch stay in a child process."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from flows.child import run_child
from flows.importing import imported_models
from flows.rungs import is_rung
from flows.training_task import absolute
from model.config import ModelConfig
from model.specs import GenerationSpec
from model.token_set import TokenSet
from pipeline.tokens import Tokenizer
from storage import files
from storage.errors import UserError
from storage.lake import Lake


@dataclass(frozen=True)
class Piece:
    """Some more text of one prompt.

    Attributes:
        row: Number of the prompt.
        text: May be empty: a token can be part of a character, or of what might become a stop string.
        token: Text of the token that brought it; None for what was held back.
        why: The likeliest tokens at its place: text, the model's probability, the probability of drawing it.
    """

    row: int
    text: str
    token: str | None = None
    why: tuple[tuple[str, float, float], ...] = ()


def generate(lake: Lake, prompt: str, training: str = "latest", **settings: Any) -> Iterator[str]:
    """Pieces of text that follow one prompt, as they come; see `write`."""
    return (piece.text for piece in write(lake, [prompt], training, **settings) if piece.text)


def write(
    lake: Lake, prompts: Sequence[str], training: str = "latest", stop: Sequence[str] = (), **settings: Any
) -> Iterator[Piece]:
    """What follows some prompts, as it comes; each is taken as a document's beginning, for a T5 as its source. A
    mistake is told before anything comes.

    Args:
        lake: Where trainings are.
        prompts: May be empty texts. A T5 fills in where they say <extra_id_0>, <extra_id_1>...
        training: Id, its beginning, the name of a training, or "latest".
        stop: Strings that end a text, themselves left out.
        settings: Of `GenerationSpec`.

    Raises:
        UserError: No such training, or its model does not write.
    """
    row = find_training(lake, training)
    directory = row["checkpoint"].rpartition("/")[0]
    tokenizer, tokens = load_language(lake, directory)
    model = ModelConfig.model_validate(json.loads(row["config"])["model"])
    spec = GenerationSpec(
        weights=absolute(lake, row["checkpoint"]),
        prompts=tuple(_prompt_ids(prompt, tokenizer, tokens, model) for prompt in prompts),
        stop_id=tokens.end_id,
        pad_id=tokens.pad_id,
        **settings,
    )
    return _pieces(spec, tokenizer, [Text(tokenizer, stop) for _ in prompts])


def _pieces(spec: GenerationSpec, tokenizer: Tokenizer, texts: Sequence[Text]) -> Iterator[Piece]:
    with closing(run_child("model.generate", "-", spec.model_dump_json())) as events:
        for event in events:
            if event["event"] == "token" and not texts[event["row"]].ended:
                text = texts[event["row"]].add(event["id"])
                why = tuple((_spell(tokenizer, token), *chances) for token, *chances in event.get("why", ()))
                yield Piece(event["row"], text, _spell(tokenizer, event["id"]), why)
                if all(text.ended for text in texts):
                    break
    for number, text in enumerate(texts):
        if rest := text.finish():
            yield Piece(number, rest)


def _prompt_ids(prompt: str, tokenizer: Tokenizer, tokens: TokenSet, model: ModelConfig) -> tuple[int, ...]:
    if model.kind != "encoder_decoder":
        return (tokens.end_id, *tokenizer.encode(prompt).tolist())
    ids: list[int] = []
    for part in re.split(r"(<extra_id_\d+>)", prompt):
        sentinel = re.fullmatch(r"<extra_id_(\d+)>", part)
        ids += [sentinel_id(tokens, part, int(sentinel[1]))] if sentinel else tokenizer.encode(part).tolist()
    return (*ids, tokens.end_id)


def sentinel_id(tokens: TokenSet, name: str, number: int) -> int:
    """Id of what stands for a hidden span: the tokenizer's own, or behind its ids (`model.objective_config`)."""
    return tokens.specials.get(name, tokens.vocab_size + number)


def _spell(tokenizer: Tokenizer, token: int) -> str:
    return tokenizer.decode([token]) if token < tokenizer.vocab_size else f"<extra_id_{token - tokenizer.vocab_size}>"


class Text:
    """One prompt's text as its tokens come: characters whole, stop strings never shown.

    Attributes:
        ended: A stop string came.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str]) -> None:
        self.ended = False
        self._tokenizer, self._stop = tokenizer, [text for text in stop if text]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def add(self, token: int) -> str:
        """The text that can be shown now."""
        if token < self._tokenizer.vocab_size:
            self._held += self._decoder.decode(self._tokenizer.decode_bytes([token]))
        else:
            self._held += _spell(self._tokenizer, token)
        return self._release()

    def finish(self) -> str:
        """What was held back, at the end."""
        if self.ended:
            return ""
        self._held += self._decoder.decode(b"", final=True)
        shown = self._release()
        return shown if self.ended else shown + self._held

    def _release(self) -> str:
        found = [place for text in self._stop if (place := self._held.find(text)) >= 0]
        if found:
            self.ended = True
            return self._held[: min(found)]
        begun = [n for text in self._stop for n in range(1, len(text)) if self._held.endswith(text[:n])]
        keep = len(self._held) - max(begun, default=0)
        shown, self._held = self._held[:keep], self._held[keep:]
        return shown


def find_training(lake: Lake, which: str) -> dict[str, Any]:
    """The newest training (or imported model) with that name, or whose id begins so.

    "latest" is the newest of all; a rung of a ladder only where there is nothing else.

    Raises:
        UserError: There is none; says which there are.
    """
    rows = sorted(
        [*lake.rows("trainings"), *imported_models(lake)], key=lambda row: (row["finished_at"], row["training_id"])
    )
    found = [row for row in rows if which == row["name"] or row["training_id"].startswith(which)]
    if which == "latest":
        found = [row for row in rows if not is_rung(row["name"])] or rows
    if found:
        return found[-1]
    known = ", ".join(f"{row['training_id']} ({row['name']})" for row in rows[-5:])
    raise UserError(
        f"there is no training {which!r} in the lake {lake.root}.",
        f"There are: {known}." if known else "Train one: `winnow pretrain`.",
    )


def load_language(lake: Lake, directory: str, name: str = "tokens.json") -> tuple[Tokenizer, TokenSet]:
    """The tokenizer kept beside some weights, and the tokens they learned from."""
    with files.open_read(lake.absolute(f"{directory}/{name}")) as stream:
        tokens = TokenSet.model_validate_json(stream.read())
    with files.open_read(lake.absolute(f"{directory}/tokenizer.json")) as stream:
        return Tokenizer(stream.read().decode(), tokens.end_of_document, tokens.padding), tokens
