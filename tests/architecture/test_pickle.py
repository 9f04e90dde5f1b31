"""Nothing that is read is unpickled: a pickle runs what its writer wanted, and lakes and models come from others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = ("flows", "pipeline", "model", "storage")
MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "shelve"}
CALLS = {"read_pickle", "unpickle", "loads_pickle", "unsafe_load", "full_load"}
"""Of pandas and PyYAML, among others, whatever they are called on."""

CAREFUL = {"torch.load": "weights_only", "yaml.load": "Loader", "hub.load": ""}
"""Calls that unpickle unless told otherwise, by what they are to be told; nothing makes the last one safe."""


def unpickles(tree: ast.AST) -> Iterator[str]:
    """A sentence for everything in a module that reads pickles."""
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        yield from (f"line {node.lineno} imports {name}" for name in names if name.partition(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        called, given = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
        told = next((word for name, word in CAREFUL.items() if f".{called}".endswith(f".{name}")), None)
        if called.startswith("safetensors."):
            continue
        if called.rpartition(".")[2] in CALLS or given.get("allow_pickle", "False") != "False":
            yield f"line {node.lineno} calls {called}"
        if told is not None and given.get(told) not in ("True", "yaml.SafeLoader", "yaml.CSafeLoader"):
            yield f"line {node.lineno} calls {called} without {told}"


def test_no_module_unpickles(project_root: Path) -> None:
    paths = [path for room in ROOMS for path in sorted((project_root / room).rglob("*.py"))]
    found = {path.name: list(unpickles(ast.parse(path.read_text()))) for path in paths}
    assert len(paths) > 300 and not {name: said for name, said in found.items() if said}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "numpy.load(path, allow_pickle=True)",
        "pandas.read_pickle(path)",
        "yaml.load(text, Loader=yaml.Loader)",
        "torch.hub.load('a/b', 'c')",
    ],
)
def test_what_would_is_found(line: str) -> None:
    assert list(unpickles(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    ["torch.load(path, weights_only=True)", "safetensors.torch.load(data)", "np.load(path)", "yaml.safe_load(text)"],
)
def test_what_would_not_is_not(line: str) -> None:
    assert not list(unpickles(ast.parse(line)))
