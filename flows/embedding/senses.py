"""Words with two senses and sentences written for each: `senses.toml`, or a file of the same form."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from pipeline.embedding.uses import Use
from storage.errors import UserError
from storage.files import open_read

FORM = "[word.sense] sentences = [...], each with the word once, in lower case, after a space"


def read_senses(uri: str | None = None) -> dict[str, list[Use]]:
    """Word to its written uses, labelled by sense; of a file, or the shipped ones.

    Raises:
        UserError: It is no TOML of that form; says which sentence is not.
    """
    name = uri or "senses.toml"
    if uri is None:
        content = (resources.files("flows.embedding") / name).read_bytes()
    else:
        with open_read(uri) as stream:
            content = stream.read()
    try:
        data = tomllib.loads(content.decode())
        return {word: _uses(word, senses) for word, senses in data.items()}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{name} is no list of senses: {error}.", f"Its form is {FORM}.") from error


def _uses(word: str, senses: Mapping[str, Any]) -> list[Use]:
    found = []
    for sense, told in senses.items():
        for sentence in told["sentences"]:
            places = [match.start() for match in re.finditer(rf"(?<= ){re.escape(word)}(?!\w)", sentence)]
            if len(places) != 1:
                raise UserError(f"this sentence of {word}.{sense} is not of the form: {sentence!r}.", FORM)
            found.append(Use(word, sentence, places[0], places[0] + len(word), sense))
    return found
