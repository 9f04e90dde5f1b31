"""What is begun first is there, and files that share a slow fixture stay together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scheduling import LONG, SHARED, scope_of


def test_every_name_is_of_something(project_root: Path) -> None:
    files = [str(path.relative_to(project_root)) for path in (project_root / "tests").rglob("test_*.py")]
    scopes = {scope_of(file) for file in files}
    assert set(LONG) <= scopes and set(SHARED.values()) <= scopes


@pytest.mark.parametrize(
    ("file", "scope"),
    [
        ("tests/flows/test_corpus_workers.py", "prefect"),
        ("tests/flows/what_if/test_apply_flow.py", "prefect"),
        ("tests/flows/report/test_browser.py", "report"),
        ("tests/flows/trained/test_lineage.py", "trained"),
        ("tests/test_scheduling.py", "tests/test_scheduling.py"),
    ],
)
def test_a_file_goes_with_those_that_wait_for_the_same(file: str, scope: str) -> None:
    assert scope_of(file) == scope
