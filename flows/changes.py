"""`section.key=value`, as `--set` has it: one change to a table of settings."""

from __future__ import annotations

import tomllib
from typing import Any

from storage.errors import UserError


def apply_change(data: dict[str, Any], change: str) -> None:
    """Set one key of a nested table, whose sections are made where they are missing.

    Args:
        data: Changed in place.
        change: Its value is TOML, or a bare word, which is a string: `extract.engine=trafilatura`.

    Raises:
        UserError: It is no change, or names a key below one that is no section.
    """
    key, equals, text = change.partition("=")
    *sections, last = key.strip().split(".")
    if not equals or not last:
        raise UserError(f"--set {change!r} is not [section.]key=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise UserError(f"--set {change!r}: {section} is no section.")
    data[last] = value
