"""The rooms' walls: who may import whom, and no cycles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("flows", "pipeline", "model", "storage")
TORCH_FREE = ("model.config", "model.presets", "model.memory", "model.scaling")
ALLOWED = {  # room -> prefixes of our own modules it may import, besides its own
    "flows": ("pipeline", "storage", *TORCH_FREE),
    "pipeline": ("storage.schema", "storage.errors"),
    "model": ("storage.schema", "storage.errors", "storage.shards", "storage.files"),
    "storage": (),
}
HOMES = {"prefect": ("flows",), "torch": ("model",), "duckdb": ("storage.catalog",)}


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Every module a file imports, lazy imports too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def graph(root: Path) -> dict[str, set[str]]:
    files = {module_name(p, root): p for room in ROOMS for p in sorted((root / room).rglob("*.py"))}
    return {name: set(imports_of(path)) for name, path in files.items()}


def within(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(prefix + ".") for prefix in prefixes)


def test_imports_keep_to_the_walls(project_root: Path) -> None:
    broken = []
    for name, imported in graph(project_root).items():
        room = name.split(".")[0]
        for target in imported:
            top = target.split(".")[0]
            if top in ROOMS and top != room and target != top and not within(target, ALLOWED[room]):
                if not any(prefix.startswith(target + ".") or prefix == target for prefix in ALLOWED[room]):
                    broken.append(f"{name} imports {target}")
            if top in HOMES and not within(name, HOMES[top]):
                broken.append(f"{name} imports {target}: only {', '.join(HOMES[top])} may")
    assert not broken, "\n".join(sorted(broken))


def test_torch_free_parts_are_torch_free(project_root: Path) -> None:
    """What flows may import of model must not pull torch in by another module of model."""
    edges = graph(project_root)
    for start in edges:
        if within(start, TORCH_FREE):
            for target in edges[start]:
                assert not within(target, ("model",)) or within(target, (*TORCH_FREE, "model")) and (
                    target not in edges or within(target, TORCH_FREE) or target == "model"
                ), f"{start} imports {target}, which may need torch"


def test_no_cycles(project_root: Path) -> None:
    edges = {name: {t for t in targets} for name, targets in graph(project_root).items()}
    edges = {name: {t for t in targets if t in edges and t != name} for name, targets in edges.items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, "import cycle: " + " -> ".join((*path[path.index(name) :], name))
        if name in done:
            return
        for target in sorted(edges[name]):
            visit(target, (*path, name))
        done.add(name)

    for name in sorted(edges):
        visit(name, ())


def test_init_files_are_empty(project_root: Path) -> None:
    full = [p for room in ROOMS for p in (project_root / room).rglob("__init__.py") if p.read_text()]
    assert not full, f"__init__.py stays empty: {full}"


def test_nothing_of_flows_is_named_like_a_room(project_root: Path) -> None:
    """Prefect puts a flow file's folder first on sys.path, so flows/storage.py would shadow the room."""
    assert not [p.name for p in (project_root / "flows").glob("*") if p.stem in ROOMS]
