"""The rooms' walls: who may import whom, and no cycles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOMS = ("flows", "pipeline", "model", "storage")
TORCH_FREE = tuple(
    f"model.{name}"
    for name in (
        *("config", "parts", "presets", "specs", "token_set", "objective_config", "memory", "memory_plan"),
        *("order", "rules"),
        *("embedding", "flops", "probing", "scaling", "scoring", "finetune.config", "finetune.metrics"),
    )
)
ALLOWED = {  # room -> prefixes of our own modules it may import, besides its own
    "flows": ("pipeline", "storage", *TORCH_FREE),
    "pipeline": ("storage.schema", "storage.errors"),
    "model": ("storage.schema", "storage.errors", "storage.shards", "storage.mapped", "storage.files", "storage.uris"),
    "storage": (),
}
HOMES = {"prefect": ("flows",), "torch": ("model",), "duckdb": ("storage.catalog", "storage.database")}


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


@cache
def graph(root: Path) -> dict[str, set[str]]:
    files = {module_name(p, root): p for room in ROOMS for p in sorted((root / room).rglob("*.py"))}
    return {name: set(imports_of(path)) for name, path in files.items()}


def within(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(prefix + ".") for prefix in prefixes)


def may_import(name: str, target: str) -> bool:
    """Whether the walls let module `name` import `target`, or a package on the way to an allowed part."""
    room, top = name.split(".")[0], target.split(".")[0]
    if top not in ROOMS or top == room or target == top:
        return True
    return within(target, ALLOWED[room]) or any(within(prefix, (target,)) for prefix in ALLOWED[room])


def test_imports_keep_to_the_walls(project_root: Path) -> None:
    broken = []
    for name, imported in graph(project_root).items():
        for target in imported:
            if not may_import(name, target):
                broken.append(f"{name} imports {target}")
            home = HOMES.get(target.split(".")[0])
            if home and not within(name, home):
                broken.append(f"{name} imports {target}: only {', '.join(home)} may")
    assert not broken, "\n".join(sorted(broken))


def test_torch_free_parts_are_torch_free(project_root: Path) -> None:
    """What flows may import of model must not pull torch in by another module of model."""
    edges = graph(project_root)
    for start in (name for name in edges if within(name, TORCH_FREE)):
        inner = {target for target in edges[start] if target in edges and within(target, ("model",))}
        assert all(within(target, TORCH_FREE) for target in inner - {"model"}), f"{start} imports {inner}"


def test_no_cycles(project_root: Path) -> None:
    found = graph(project_root)
    edges = {name: {t for t in targets if t in found and t != name} for name, targets in found.items()}
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
