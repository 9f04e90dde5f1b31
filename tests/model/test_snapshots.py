"""Checkpoints: whole or not there, old ones removed, a full disk survived."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
import safetensors.torch
import torch

from model import snapshots
from model import train as training
from model.checkpoint import read_tensors, write_tensors
from model.optim import make_optimizer
from model.snapshots import Progress, Writer
from model.transformer import Transformer
from storage import files
from storage.errors import Fatal

from .conftest import SHORT, TINY
from .test_train import Killed, kill_after, losses_of, spec_of


def snapshot(step: int) -> snapshots.Snapshot:
    model = Transformer(TINY)
    return snapshots.take(model, make_optimizer(model, SHORT), Progress(step=step), "mine")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_only_the_newest_stay(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), 2)
    for step in (3, 9, 12, 100):
        writer.write(snapshot(step))
    writer.wait()
    assert names(tmp_path) == ["step-00000012.safetensors", "step-00000100.safetensors"]
    assert writer.trouble() is None


def test_what_is_written_is_the_state_at_that_moment(tmp_path: Path) -> None:
    model = Transformer(TINY)
    taken = snapshots.take(model, make_optimizer(model, SHORT), Progress(step=1), "mine")
    before = model.head.weight.detach().clone()
    model.head.weight.data.zero_()  # training goes on while the thread writes
    writer = Writer(str(tmp_path), 1)
    writer.write(taken)
    writer.wait()
    found = snapshots.load(str(tmp_path), "mine")
    assert found is not None
    progress = snapshots.restore(found, model, make_optimizer(model, SHORT))
    assert progress.step == 1 and model.head.weight.equal(before)


def test_a_checkpoint_of_a_multiple_before_a_step_is_found(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), 9)
    for step in (4, 8, 9):
        writer.write(snapshot(step))
    writer.wait()
    for before, step in ((20, 8), (9, 8), (8, 4)):
        found = snapshots.load(str(tmp_path), "mine", before, 4)
        assert found is not None and found.header["step"] == step
    assert snapshots.load(str(tmp_path), "mine", 4, 4) is None


def fill_disk(patch: pytest.MonkeyPatch, after: int) -> None:
    """Every write of a checkpoint past so many finds no room."""
    write, count = files.write_atomic, [0]

    def full(path: str, body: Callable[[BinaryIO], None]) -> files.Digest:
        count[0] += "step-" in path
        if "step-" not in path or count[0] <= after:
            return write(path, body)

        def torn(stream: BinaryIO) -> None:
            stream.write(b"so far there was room")
            with files.write_errors(path):
                raise OSError(errno.ENOSPC, "No space left on device")

        return write(path, torn)

    patch.setattr(files, "write_atomic", full)


def test_any_type_and_shape_comes_back_and_others_read_it(tmp_path: Path) -> None:
    kinds = (torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.bool)
    tensors = {str(kind): (torch.arange(15) % 2).reshape(3, 5).to(kind) for kind in kinds}
    tensors |= {"number": torch.tensor(7.0), "nothing": torch.zeros(0, 4), "turned": torch.rand(4, 3).T}
    path = str(tmp_path / "all.safetensors")
    write_tensors(path, tensors, {"step": 3})
    found, header = read_tensors(path)
    theirs = safetensors.torch.load((tmp_path / "all.safetensors").read_bytes())
    assert header == {"step": 3} and found.keys() == theirs.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype and found[name].shape == tensor.shape
        assert torch.equal(found[name], tensor) and torch.equal(theirs[name], tensor)


def test_a_full_disk_costs_checkpoints_not_the_training(
    tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.train(spec_of(tokens_dir, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        fill_disk(patch, 1)
        kill_after(patch, 9)
        with pytest.raises(Killed):
            training.train(spec_of(tokens_dir, tmp_path / "out"))
    assert "step-00000004.safetensors" in names(tmp_path / "out")  # the second, of step 8, found no room
    assert "step-00000008.safetensors" not in names(tmp_path / "out")
    assert not list((tmp_path / "out").glob(".*.tmp"))
    with monkeypatch.context() as patch:
        fill_disk(patch, 0)
        result = training.train(spec_of(tokens_dir, tmp_path / "out"))
    assert losses_of(tmp_path / "out") == losses_of(tmp_path / "whole")
    assert any("could not be written" in text and "No room" in text for text in result.events)


def test_asked_to_end_on_a_full_disk_it_says_so(
    tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = training.StopSignal()
    stop.asked = True
    fill_disk(monkeypatch, 0)
    with pytest.raises(Fatal, match=r"step 1 could not be saved.*No room"):
        training.train(spec_of(tokens_dir, tmp_path / "out"), stop=stop)
