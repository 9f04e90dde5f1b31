"""What several tests of flows begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows import plain


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Path]:
    """A folder with two archives in `inbox` and the lake that was made of them, without Prefect in the block."""
    (tmp_path / "inbox").mkdir()
    for number in range(2):
        plain.arrive(tmp_path / "inbox", number)
    with plain.without_prefect():
        plain.run_corpus(plain.asking(tmp_path / "inbox", tmp_path / "lake"))
        yield tmp_path
