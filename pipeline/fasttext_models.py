"""fastText models from their files: language identification, classifiers of quality, of topics, of toxic lines."""

from __future__ import annotations

from functools import cache
from typing import Any

import fasttext.FastText

from pipeline.quality.named_files import state_of
from storage.errors import UserError


def load_fasttext(path: str, what: str, hint: str) -> Any:
    """fastText's own model object, kept for as long as the file does not change.

    It is the binding itself: the package's wrapper around it fails on a string under NumPy 2, and of a list of texts
    gives every label the probability of the first.

    Args:
        path: Of the model.
        what: What the model is to whoever asked for it, for the error.
        hint: What to do where there is none.

    Raises:
        UserError: The file cannot be read, or is no fastText model.
    """
    try:
        return _load(path, state_of(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{what} {path} cannot be read: {reason}.", hint) from error


@cache
def _load(path: str, _state: tuple[int, int]) -> Any:
    return fasttext.FastText._FastText(model_path=path).f  # `load_model` prints a warning on every call
