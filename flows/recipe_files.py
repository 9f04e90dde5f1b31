"""Files that a recipe names, wherever the command is given.

A relative path means the directory of the command, or, where there is no such file, the recipe's own. A lake keeps
whole paths, so that it can be asked from anywhere; fingerprints go by what is in the files and by the recipe as it was
given, so the same command makes the same lake wherever it is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from storage.uris import is_local, local_path, whole_uri

FILES: Final = (
    *("url.host_files", "url.word_files", "url.soft_word_files", "url.string_files"),
    *("domains.rule_files", "domains.model", "language.model"),
    *("perplexity.models", "perplexity.pieces", "perplexity.calibration", "classifier.model", "classifier.calibration"),
    *("toxicity.host_lists", "toxicity.word_lists", "toxicity.model", "toxicity.spam_model"),
    *("decontaminate.benchmarks.path", "pii.model", "mix.tokenizer", "tokens.tokenizer"),
)
"""Keys whose values are paths of files; a list's or table's values are each one."""


def whole_paths(values: dict[str, Any]) -> dict[str, Any]:
    """A recipe's values with every path of a local file from the root on."""
    return _with_files(values, whole_uri)


def found_paths(values: dict[str, Any], recipe: Path) -> dict[str, Any]:
    """A recipe's values with the paths of files that lie beside the recipe and not where the command is given.

    What is in neither place gets a whole path: whoever misses it then says where it was looked for.
    """

    def found(path: str) -> str:
        here = local_path(path)
        if here.exists():
            return path
        beside = recipe.parent.resolve() / here
        return str((beside if beside.exists() else here).absolute())

    return _with_files(values, found)


def _with_files(values: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    for key in FILES:
        values = _at(values, key.split("."), lambda path: change(path) if is_local(path) else path)
    return values


def _at(value: Any, keys: list[str], change: Callable[[str], str]) -> Any:
    """The value with all strings under a key changed; as it is where it has another form than a recipe's."""
    if keys and isinstance(value, dict):
        return value | {keys[0]: _at(value[keys[0]], keys[1:], change)} if keys[0] in value else value
    if isinstance(value, list | tuple):
        return [_at(item, keys, change) for item in value]
    if isinstance(value, dict):
        return {name: _at(item, keys, change) for name, item in value.items()}
    return change(value) if isinstance(value, str) and not keys else value
