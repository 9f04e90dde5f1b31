"""Domains by address: the house's table of hosts and paths, lines that a recipe or a file adds, and how they are read.

Rules are data. A file has a line a rule, the glob and its domain with white space between; a glob that begins with `/`
is of a path, and `#` begins a remark:

    *.example.org   recipes
    /blog/*         blogs
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from pipeline.quality.named_files import state_of
from storage.errors import UserError

DOMAINS = ("web", "code", "books", "academic", "wikipedia", "conversations", "math", "other")
"""The eight domains the house knows; a recipe may use any other name."""

DEFAULT = "web"

HOSTS: dict[str, str] = {
    "*.wikipedia.org": "wikipedia",
    "*.wikibooks.org": "books", "*.wikisource.org": "books",
    "*.wikiversity.org": "academic",
    "github.com": "code", "gist.github.com": "code", "*.github.io": "code", "gitlab.com": "code",
    "bitbucket.org": "code", "codeberg.org": "code", "sourceforge.net": "code", "*.readthedocs.io": "code",
    "docs.python.org": "code", "docs.rs": "code", "developer.mozilla.org": "code", "pkg.go.dev": "code",
    "stackoverflow.com": "code", "*.stackoverflow.com": "code", "rosettacode.org": "code",
    "math.stackexchange.com": "math", "mathoverflow.net": "math", "mathworld.wolfram.com": "math",
    "*.proofwiki.org": "math", "planetmath.org": "math", "ncatlab.org": "math", "oeis.org": "math",
    "artofproblemsolving.com": "math", "encyclopediaofmath.org": "math", "stacks.math.columbia.edu": "math",
    "arxiv.org": "academic", "*.arxiv.org": "academic", "*.biorxiv.org": "academic",
    "*.medrxiv.org": "academic", "*.ncbi.nlm.nih.gov": "academic", "*.plos.org": "academic",
    "aclanthology.org": "academic", "openreview.net": "academic", "*.semanticscholar.org": "academic",
    "*.frontiersin.org": "academic", "*.mdpi.com": "academic", "*.springer.com": "academic",
    "*.sciencedirect.com": "academic", "*.jstor.org": "academic", "hal.science": "academic",
    "*.gutenberg.org": "books", "standardebooks.org": "books", "*.bookrix.com": "books",
    "*.stackexchange.com": "conversations", "*.reddit.com": "conversations", "*.quora.com": "conversations",
    "news.ycombinator.com": "conversations", "*.discourse.org": "conversations",
    "*.superuser.com": "conversations", "*.serverfault.com": "conversations",
    "*.askubuntu.com": "conversations", "forum.*": "conversations", "forums.*": "conversations",
    "community.*": "conversations", "lists.*": "conversations",
}  # fmt: skip
"""Host to domain; `*.` in front also means the bare name."""

PATHS: dict[str, str] = {
    "/forum/*": "conversations",
    "/forums/*": "conversations",
    "/viewtopic.php*": "conversations",
}
"""Path to domain, for hosts that no line of the host table names."""


class DomainRules:
    """The tables made ready: exact hosts in a dictionary, globs by length, the longest (most particular)
    first.
    """

    def __init__(self, hosts: Mapping[str, str], paths: Mapping[str, str]) -> None:
        self.exact = {glob: domain for glob, domain in hosts.items() if "*" not in glob}
        self.hosts = _ordered({glob: domain for glob, domain in hosts.items() if "*" in glob})
        self.paths = _ordered(paths)

    def judge(self, host: str | None, path: str) -> tuple[str, str] | None:
        """Domain and evidence of a page; None where no line says anything."""
        name = (host or "").rstrip(".").lower()
        bare = name.removeprefix("www.")
        if bare in self.exact:
            return self.exact[bare], f"host:{bare}"
        for glob, pattern, domain in self.hosts:
            if pattern.fullmatch(name) or pattern.fullmatch(bare):
                return domain, f"host:{glob}"
        for glob, pattern, domain in self.paths:
            if pattern.fullmatch(path):
                return domain, f"path:{glob}"
        return None


def _ordered(rules: Mapping[str, str]) -> list[tuple[str, re.Pattern[str], str]]:
    globs = sorted(rules, key=lambda glob: (-len(glob), glob))
    return [(glob, _compile(glob), rules[glob]) for glob in globs]


@lru_cache(maxsize=1024)
def _compile(glob: str) -> re.Pattern[str]:
    """`*` is any run of characters; `*.example.org` is example.org and every host under it."""
    subdomains, rest = ("(?:.*\\.)?", glob[2:]) if glob.startswith("*.") else ("", glob)
    return re.compile(subdomains + ".*".join(map(re.escape, rest.split("*"))), re.IGNORECASE)


def read_rules(path: str) -> tuple[dict[str, str], dict[str, str]]:
    """Rules of a file: globs of hosts, and of paths, to domains; read again only when the file has changed.

    Raises:
        UserError: It cannot be read, or a line is not a glob and a domain.
    """
    try:
        return _read(path, state_of(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the table of domains {path} cannot be read: {error}.", "See domains.rule_files.") from error


@cache
def _read(path: str, _state: tuple[int, int]) -> tuple[dict[str, str], dict[str, str]]:
    hosts: dict[str, str] = {}
    paths: dict[str, str] = {}
    for number, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1):
        words = line.partition("#")[0].split()
        if len(words) not in (0, 2):
            raise UserError(f"{path}, line {number}: {line.strip()!r} is not a glob and a domain.")
        if words:
            (paths if words[0].startswith("/") else hosts)[words[0].lower()] = words[1]
    return hosts, paths
