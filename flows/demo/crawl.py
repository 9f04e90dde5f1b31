"""The embedded default's source: documentation already on this machine, as a crawler's archives."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from flows.demo.config import DemoConfig
from flows.demo.crawler import Progress, crawl_site
from flows.demo.installed import inventory
from flows.demo.recorder import Recorder
from flows.demo.site import Site
from flows.demo.world import build_site
from storage.files import sha256_of, write_bytes

MANIFEST = "crawl.json"


def crawl_documentation(
    folder: Path,
    config: DemoConfig | None = None,
    progress: Progress = lambda fetched, most: None,
    build: Callable[[DemoConfig], Site] = build_site,
) -> list[Path]:
    """WARC files of the documentation on this machine, crawled from a server on it.

    Files appear whole, the manifest last; a crawl that is complete is not done again, and doing an unfinished
    one again gives the same bytes.

    Args:
        folder: Where the files go; created.
        config: How much, and how the files are cut.
        progress: Called with the URLs fetched so far and at most.
        build: What is crawled.

    Returns:
        The files, in the order they were written.

    Raises:
        UserError: The folder cannot be written to.
        Fatal: The disk is full.
    """
    config = config or DemoConfig()
    identity = _identity(config)
    done = _complete(folder, identity)
    if done:
        return done
    recorder = Recorder(folder, config.file_bytes)
    crawl_site(build(config), config, recorder, progress)
    paths = recorder.finish(config.cut_last_record)
    _drop_others(folder, paths)
    digests = {name: digest.sha256 for name, digest in recorder.files.items()}
    manifest = {"identity": identity, "files": digests}
    write_bytes(str(folder / MANIFEST), json.dumps(manifest, indent=2).encode())
    return paths


def _identity(config: DemoConfig) -> str:
    """What the crawl's bytes depend on: its numbers, this folder's code and texts, what is installed."""
    own = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in _files(resources.files("flows.demo")))
    return hashlib.sha256("\n".join([config.model_dump_json(), *own, *inventory()]).encode()).hexdigest()


def _files(folder: Traversable) -> list[Traversable]:
    entries = [entry for entry in folder.iterdir() if entry.name != "__pycache__"]
    return [file for entry in entries for file in (_files(entry) if entry.is_dir() else [entry])]


def _complete(folder: Path, identity: str) -> list[Path]:
    """The files of a complete crawl with that identity, digests checked; none otherwise."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    files = manifest.get("files", {}) if manifest.get("identity") == identity else {}
    paths = [folder / name for name in files]
    whole = all(path.is_file() and sha256_of(str(path)) == files[path.name] for path in paths)
    return paths if whole else []


def _drop_others(folder: Path, paths: list[Path]) -> None:
    """Remove archives an earlier crawl with other numbers left: the folder holds one crawl."""
    for path in sorted(folder.glob("*.warc.gz")):
        if path not in paths:
            path.unlink()
