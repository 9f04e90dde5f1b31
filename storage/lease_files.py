"""The files a lease is made of, `leases/<area>.<generation>.json`: who holds it, as each owner writes it down."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

from storage import files
from storage.exclusive import create_new, read_now
from storage.uris import is_local, join

FOLDER = "leases"
_MOMENT = 0.05  # seconds; a lease is a few hundred bytes


@dataclass(frozen=True, slots=True)
class Holder:
    """What a lease's file says.

    Attributes:
        area: What is held.
        generation: How many owners there were, this one included.
        token: Tells this owner from any other.
        purpose: What for, in words, and `run` its id once it is known.
        host, process: Where, for a person.
        machine: Boot and process namespace in which `process` and `began` mean something; empty where unknown.
        began: When the process began, in the machine's own ticks.
        since: Wall clock, for a person only.
        beat: Counts the heartbeats.
        released: Whether the owner gave it back.
    """

    area: str
    generation: int
    token: str
    purpose: str
    host: str
    process: int
    machine: str
    began: str
    since: str
    run: str = ""
    beat: int = 0
    released: bool = False

    def sentence(self) -> str:
        """Who holds it, since when."""
        run = f", run {self.run}" if self.run else ""
        return f"{self.purpose}{run}, process {self.process} on {self.host}, since {self.since}"


def current(root: str, area: str) -> Holder | None:
    """The file of the highest generation; None where there never was one."""
    for generation in sorted(generations(root, area), reverse=True):
        path = _path(root, area, generation)
        data = read_now(path)
        if data is None:  # gone between listing and reading
            continue
        if found := _parsed(data):
            return found
        time.sleep(_MOMENT)  # being written, where that is not one step
        data = read_now(path) or b""
        return _parsed(data) or Holder(area, generation, data.hex()[:32], "an unreadable lease", "?", 0, "", "", "?")
    return None


def create(root: str, holder: Holder) -> bool:
    """Write the file of a new owner; whether it is the first of its generation."""
    return create_new(_path(root, holder.area, holder.generation), _bytes(holder))


def rewrite(root: str, holder: Holder) -> None:
    """Write an owner's file again, with another beat."""
    files.write_bytes(_path(root, holder.area, holder.generation), _bytes(holder))


def remove(root: str, area: str, generation: int) -> None:
    """Remove the file of a former owner."""
    files.remove(_path(root, area, generation))


def generations(root: str, area: str) -> list[int]:
    """Numbers of the owners that have a file, in no order."""
    prefix = join(root, FOLDER)
    found = files.list_files(prefix) if is_local(root) else list(files.list_stamps(prefix))  # past the cache
    names = [uri.rpartition("/")[2] for uri in found]
    ours = [name.removeprefix(f"{area}.").removesuffix(".json") for name in names if name.startswith(f"{area}.")]
    return [int(number) for number in ours if number.isdigit()]


def lock_path(root: str, area: str) -> str:
    """The file that is locked while an owner commits, or while another process takes its place."""
    return join(root, f"{FOLDER}/{area}.lock")


def _path(root: str, area: str, generation: int) -> str:
    return join(root, f"{FOLDER}/{area}.{generation:08}.json")


def _parsed(data: bytes) -> Holder | None:
    try:
        return Holder(**json.loads(data))
    except (ValueError, TypeError):
        return None


def _bytes(holder: Holder) -> bytes:
    return json.dumps(asdict(holder), indent=1).encode()
