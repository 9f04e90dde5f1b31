"""A small polite crawler: breadth first, one URL of each host in turn, robots.txt asked first and obeyed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from flows.demo.config import DemoConfig
from flows.demo.fetch import USER_AGENT, fetch
from flows.demo.recorder import Recorder
from flows.demo.server import serving
from flows.demo.site import Site

Progress = Callable[[int, int], None]


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


_Turn = tuple[_Host, str, str, int]
"""A host, a URL of it, the URL that led there and the links followed so far."""


def crawl_site(site: Site, config: DemoConfig, recorder: Recorder, progress: Progress) -> None:
    """Serve a site on this machine and record what a crawler sees of it, from each host's home page on.

    Args:
        site: What is served.
        config: How far to go.
        recorder: Takes every exchange, in the order of the crawl.
        progress: Called with the URLs fetched so far and at most.
    """
    hosts = {name: _Host(name) for name in site.hosts}
    with serving(site) as address:
        for number, turn in enumerate(_turns(hosts, config.max_pages), 1):
            _visit(hosts, address, turn, config.max_depth, recorder)
            progress(number, config.max_pages)


def _visit(hosts: dict[str, _Host], address: tuple[str, int], turn: _Turn, deepest: int, recorder: Recorder) -> None:
    host, url, via, depth = turn
    exchange = fetch(address, url)
    recorder.write(exchange, via, depth)
    if url.endswith("/robots.txt"):
        host.robots.parse(exchange.body.decode("utf-8", "replace").splitlines())
        host.add(f"http://{host.name}/", "", 0)
    for link in exchange.links if depth < deepest else ():
        target = hosts.get(urlsplit(link).netloc)
        if target is not None:
            target.add(link, url, depth + 1)


def _turns(hosts: dict[str, _Host], most: int) -> Iterator[_Turn]:
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
