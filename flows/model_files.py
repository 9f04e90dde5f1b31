"""Model files that a recipe names: their digests stand for them in fingerprints, and must fit one another.

A model moved elsewhere is the same model; one trained anew under the same path is another.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pipeline.quality.calibration import load_calibration
from storage.errors import UserError
from storage.files import sha256_of
from storage.uris import is_local, local_path


def identity_of(section: Any) -> Any:
    """A section as a fingerprint sees it: files by their content, not by where they lie.

    Raises:
        UserError: A file is not there, or a calibration is of another model.
    """
    named: dict[str, str] = section.files() if hasattr(section, "files") else {}
    if not named:
        return section
    digests = {key: digest_of(path) for key, path in sorted(named.items())}
    _check_calibration(section, digests)
    keys = {key.split(".")[0] for key in named}
    settings = {key: value for key, value in section.model_dump(mode="json").items() if key not in keys}
    return type(section).__name__, settings, digests


def digest_of(path: str) -> str:
    """sha256 of a file, found once for as long as it does not change."""
    if not is_local(path):
        raise UserError(f"the model file {path} is not on this machine;", "copy it here and name its path.")
    try:
        state = local_path(path).stat()
    except OSError as error:
        raise UserError(
            f"the model file {path} cannot be read: {error.strerror}.",
            "`winnow quality --help` tells how to train one.",
        ) from error
    return _digest(path, state.st_size, state.st_mtime_ns)


@cache
def _digest(path: str, size: int, changed: int) -> str:
    return sha256_of(path)


def _check_calibration(section: Any, digests: dict[str, str]) -> None:
    path = getattr(section, "calibration", None)
    if path is None:
        return
    signal = type(section).__name__.removesuffix("Config").lower()
    for language, entry in load_calibration(path, signal).items():
        used = digests.get("model") or digests.get(f"models.{language}")
        if used and entry.get("model") != used:
            raise UserError(
                f"the calibration {path} is of another {signal} model than the recipe's (language {language}).",
                "Run `winnow quality calibrate` again with this model.",
            )
