"""The audit of dependencies: another version, a changed file and a missing one are found."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.audit import CONSTRAINTS, audit, locked, read_pins

LOCK = CONSTRAINTS.with_name("requirements.lock")


def installed(folder: Path, content: bytes) -> metadata.Distribution:
    """A package of one file, recorded as `content`."""
    info = folder / "some_thing-1.2.dist-info"
    info.mkdir()
    (folder / "some.py").write_bytes(content)
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Some_Thing\nVersion: 1.2\n")
    (info / "RECORD").write_text(f"some.py,sha256={digest},{len(content)}\nsome_thing-1.2.dist-info/RECORD,,\n")
    [found] = metadata.distributions(path=[str(folder)])
    return found


def test_what_is_found(tmp_path: Path) -> None:
    one = installed(tmp_path, b"x = 1\n")
    assert audit([one], {"some-thing": "1.2"}) == []
    assert audit([one], {"some-thing": "1.3"}) == ["some-thing 1.2 is installed, 1.3 is pinned."]
    assert audit([one], {}) == ["some-thing 1.2 is installed and not pinned."]
    (tmp_path / "some.py").write_bytes(b"x = 2\n")
    assert audit([one], {"some-thing": "1.2"}) == ["Some_Thing: some.py is not what was packed."]
    (tmp_path / "some.py").unlink()
    assert audit([one], {"some-thing": "1.2"}) == ["Some_Thing: some.py is gone."]


def test_every_dependency_is_pinned_to_one_version() -> None:
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert len(read_pins("\n".join(lines))) == len(lines) > 100


def test_the_lock_has_the_wheel_of_every_pin() -> None:
    lines = LOCK.read_text().splitlines()[1:]
    assert all(re.fullmatch(r"\S+==\S+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)
    versions = dict(line.split()[0].split("==") for line in lines)
    assert versions == {name: version.partition("+")[0] for name, version in read_pins(CONSTRAINTS.read_text()).items()}
    assert len({line.split()[1] for line in lines}) == len(lines)


def test_a_lock_is_made_of_what_pip_reports() -> None:
    named = {"metadata": {"name": "Some_Thing", "version": "1.2+cpu"}}
    found: dict[str, Any] = named | {"download_info": {"archive_info": {"hashes": {"sha256": "0" * 64}}}}
    assert list(locked({"install": [found]})) == [f"some-thing==1.2 --hash=sha256:{'0' * 64}"]
