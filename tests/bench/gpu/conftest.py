"""What `make bench-gpu` finds is kept: a line of JSON each, with the device it was found on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from .measure import release

Note = Callable[..., None]


@pytest.fixture
def note(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Note:
    """Print figures, and add them to bench-gpu.jsonl in the folder that BENCH_OUT names (else build)."""

    def write(**figures: object) -> None:
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
        found = {"test": request.node.name, "device": device, "torch": torch.__version__, **figures}
        line = json.dumps(found | {"at": datetime.now(UTC).isoformat(timespec="seconds")})
        folder = Path(os.environ.get("BENCH_OUT", "build"))
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "bench-gpu.jsonl").open("a") as stream:
            stream.write(f"{line}\n")
        with capsys.disabled():
            print(f"\n{line}", flush=True)

    return write


@pytest.fixture(autouse=True)
def released() -> None:
    """What tests before this one took of the GPU's memory is given back first."""
    release()
