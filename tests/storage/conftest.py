"""Time for tests of stores: nobody waits."""

from __future__ import annotations

import pytest

from storage import patience
from storage.patience import pace_of


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited for, in seconds, in order."""
    waited: list[float] = []
    monkeypatch.setattr(patience, "sleep", waited.append)
    pace_of.cache_clear()
    return waited
