"""Crawls the demo's site breadth first, one host after another, and records what was on the wire."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from flows.demo.config import DemoConfig
from flows.demo.fetch import USER_AGENT, fetch
from flows.demo.installed import inventory
from flows.demo.recorder import Recorder
from flows.demo.server import serving
from flows.demo.world import build_site
from storage.files import sha256_of, write_bytes

MANIFEST = "crawl.json"
VERSION = 1
"""Raised whenever the site or the crawler changes what is recorded."""


def crawl_documentation(
    folder: Path, config: DemoConfig | None = None, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """WARC files of the documentation on this machine, crawled from a server on it.

    Files appear whole, the manifest last; a crawl that is complete is not done again, and doing an unfinished
    one again gives the same bytes.

    Args:
        folder: Where the files go; created.
        config: How much, and how the files are cut.
        progress: Called with the URLs fetched so far and at most.

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
    site = build_site(config)
    recorder = Recorder(folder, config.file_bytes)
    with serving(site) as address:
        _crawl(list(site.hosts), address, config, recorder, progress or (lambda fetched, most: None))
    paths = recorder.finish(config.cut_last_record)
    _drop_others(folder, paths)
    digests = {name: digest.sha256 for name, digest in recorder.files.items()}
    manifest = json.dumps({"identity": identity, "files": digests}, indent=2).encode()
    write_bytes(str(folder / MANIFEST), manifest)
    return paths


@dataclass
class _Host:
    """The crawler's state of one host: what may be fetched, what was seen, what waits."""

    name: str
    robots: RobotFileParser = field(default_factory=RobotFileParser)
    waiting: deque[tuple[str, str, int]] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)

    def add(self, url: str, via: str, depth: int) -> None:
        """Queue a URL unless it was queued before or must not be fetched."""
        if url not in self.seen and self.robots.can_fetch(USER_AGENT, url):
            self.seen.add(url)
            self.waiting.append((url, via, depth))


def _crawl(
    names: list[str],
    address: tuple[str, int],
    config: DemoConfig,
    recorder: Recorder,
    progress: Callable[[int, int], None],
) -> None:
    hosts = {name: _Host(name) for name in names}
    for number, (host, url, via, depth) in enumerate(_turns(hosts, config.max_pages), 1):
        exchange = fetch(address, url)
        recorder.write(exchange, via, depth)
        progress(number, config.max_pages)
        if url.endswith("/robots.txt"):
            host.robots.parse(exchange.body.decode("utf-8", "replace").splitlines())
            host.add(f"http://{host.name}/", "", 0)
        for link in exchange.links if depth < config.max_depth else ():
            target = hosts.get(urlsplit(link).netloc)
            if target is not None:
                target.add(link, url, depth + 1)


def _turns(hosts: dict[str, _Host], most: int) -> Iterator[tuple[_Host, str, str, int]]:
    """What to fetch next: every host's robots.txt, then one URL of each host in turn until nothing waits."""
    for host in hosts.values():
        host.waiting.append((f"http://{host.name}/robots.txt", "", 0))
    while True:
        round_ = [host for host in hosts.values() if host.waiting]
        if not round_:
            return
        for host in round_:
            if most <= 0:
                return
            most -= 1
            yield host, *host.waiting.popleft()


def _identity(config: DemoConfig) -> str:
    """What the crawl's bytes depend on: its numbers, this code's version, what is installed."""
    parts = [str(VERSION), config.model_dump_json(), *inventory()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


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
