"""One lake with something of everything, and hostile names in it, for all tests of the report."""

from __future__ import annotations

import pytest

from storage.lake import Lake
from tests.flows.full_lake import add_everything


@pytest.fixture(scope="session")
def hostile_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    add_everything(lake, hostile=True)
    return lake
