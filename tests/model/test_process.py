"""A training as the process it is: what it says, and what it does when nobody listens any more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .conftest import SHORT
from .test_train import spec_of


def test_one_whose_listener_is_gone_saves_and_ends(tokens_dir: Path, tmp_path: Path, project_root: Path) -> None:
    endless = SHORT.model_copy(update={"train_tokens": 10**9, "checkpoint_steps": 10**6})
    spec = tmp_path / "spec.json"
    spec.write_text(spec_of(tokens_dir, tmp_path / "out", train=endless).model_dump_json())
    command = [sys.executable, "-m", "model.train", str(spec)]
    with subprocess.Popen(
        command, cwd=project_root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        started, step = json.loads(process.stdout.readline()), json.loads(process.stdout.readline())
        assert (started["event"], step["event"]) == ("start", "step") and step["step"] >= 1
        process.stdout.close()  # as when whoever started it is killed
        assert process.wait(60) == 2, process.stderr.read()
    saved = [path.name for path in (tmp_path / "out").glob("step-*.safetensors")]
    assert len(saved) == 1 and int(saved[0][5:13]) >= step["step"]
