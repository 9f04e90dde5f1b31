"""What is installed is what was pinned, as it was packed; and, where advisories can be asked, nothing known is wrong.

    make audit
    python -m tests.audit --lock REPORT.json > requirements.lock

Every installed package must have the version that constraints.txt pins, and every file of it the sha256 that the wheel
recorded. `pip-audit`, where it is installed and its service answers, says which versions have known vulnerabilities;
where not, that is said, and only the first two are vouched for. Exit code 1 when something is wrong.

requirements.lock pins the same versions to the sha256 of their wheels, for Linux on x86-64 and CPython 3.11 (torch as
built for CPUs). `make setup LOCKED=1` takes nothing else. It is made of what pip finds for the constraints:

    pip install --dry-run --ignore-installed --no-deps --only-binary :all: --report REPORT.json -r constraints.txt
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata, util
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
OURS = frozenset({"winnow", "pip", "setuptools", "wheel"})
"""What is no dependency: this project, and what every virtual environment begins with."""


def normal(name: str) -> str:
    """A package's name in the one form that counts (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(text: str) -> dict[str, str]:
    """Version by package of lines like `name==1.2`."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    pairs = (line.partition("==") for line in lines if "==" in line)
    return {normal(name): version.partition(";")[0].strip() for name, _, version in pairs}


def unpinned(installed: Mapping[str, str], pins: Mapping[str, str]) -> Iterator[str]:
    """A sentence a package whose version is not the one pinned; a local part (`+cpu`) is the same version."""
    for name, version in sorted(installed.items()):
        if name in OURS:
            continue
        if name not in pins:
            yield f"{name} {version} is installed and not pinned."
        elif version.partition("+")[0] != pins[name].partition("+")[0]:
            yield f"{name} {version} is installed, {pins[name]} is pinned."


def changed(distribution: metadata.Distribution) -> Iterator[str]:
    """A sentence a file that is not what the wheel recorded. (A package may overwrite another's: see the Makefile.)"""
    for file, recorded, *_ in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        mode, _, wanted = recorded.partition("=")
        if not wanted or file.endswith(".pyc"):
            continue
        path = Path(str(distribution.locate_file(file)))
        if not path.is_file():
            yield f"{distribution.name}: {file} is gone."
            continue
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, mode).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != wanted:
            yield f"{distribution.name}: {file} is not what was packed."


def known_vulnerabilities() -> tuple[bool, str]:
    """Whether none is known, and what was asked or why not."""
    if util.find_spec("pip_audit") is None:
        return True, "Advisories were not asked: pip-audit is not installed (pip install pip-audit)."
    asked = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--skip-editable"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode and "vulnerabilit" not in asked.stdout + asked.stderr:
        return True, f"Advisories could not be asked: {(asked.stderr.strip().splitlines() or ['no word'])[-1]}"
    return not asked.returncode, f"pip-audit: {asked.stdout.strip() or asked.stderr.strip()}"


def audit(distributions: Iterable[metadata.Distribution], pins: Mapping[str, str]) -> list[str]:
    """Everything that is not as pinned or packed."""
    found = list(distributions)
    installed = {normal(one.name): one.version for one in found}
    return [*unpinned(installed, pins), *(sentence for one in found for sentence in changed(one))]


def locked(report: Mapping[str, Any]) -> Iterator[str]:
    """A line a package of pip's installation report, in its own order: name, version, sha256 of the wheel."""
    for one in report["install"]:
        name, digest = one["metadata"]["name"], one["download_info"]["archive_info"]["hashes"]["sha256"]
        yield f"{normal(name)}=={one['metadata']['version'].partition('+')[0]} --hash=sha256:{digest}"


def main() -> int:
    """Audit this environment and say what was looked at; or, with `--lock`, print a lock."""
    if sys.argv[1:2] == ["--lock"]:
        report = json.loads(Path(sys.argv[2]).read_text())
        print("# See tests/audit.py, which makes it.", *sorted(locked(report)), sep="\n")
        return 0
    found = list(metadata.distributions())
    problems = audit(found, read_pins(CONSTRAINTS.read_text()))
    sound, said = known_vulnerabilities()
    print("\n".join(problems))
    print(f"{len(found)} packages: {len(problems)} problems with versions or files. {said}")
    return 1 if problems or not sound else 0


if __name__ == "__main__":
    sys.exit(main())
