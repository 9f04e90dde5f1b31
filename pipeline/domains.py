"""Which domain a page belongs to: what its source declares, else rules over host and path, else the web.

Rules are data: a recipe extends the table or replaces single lines of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import Field, field_validator

from pipeline.batch import DocumentBatch
from pipeline.stage import Columns, Stage, signal
from storage.schema import Section

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


class DomainsConfig(Section):
    """How a page's domain is told. What a source declares always wins."""

    enabled: bool = True
    hosts: dict[str, str] = Field(
        {}, description="glob of a host to its domain: added to the table of the house, and stronger than it"
    )
    paths: dict[str, str] = Field({}, description="the same for globs of a URL's path")

    @field_validator("hosts", "paths")
    @classmethod
    def _lower(cls, rules: dict[str, str]) -> dict[str, str]:
        if not all(glob and domain for glob, domain in rules.items()):
            raise ValueError("a rule needs a glob and a domain, neither of them empty")
        return {glob.lower(): domain for glob, domain in rules.items()}

    def stages(self) -> tuple[Stage, ...]:
        """The stage, or nothing where it is switched off."""
        return (_stage(self),) if self.enabled else ()


class DomainRules:
    """The tables made ready: exact hosts in a dictionary, globs by length, the longest (most particular)
    first.
    """

    def __init__(self, hosts: Mapping[str, str], paths: Mapping[str, str]) -> None:
        self.exact = {glob: domain for glob, domain in hosts.items() if "*" not in glob}
        self.hosts = _ordered({glob: domain for glob, domain in hosts.items() if "*" in glob})
        self.paths = _ordered(paths)

    def judge(self, host: str | None, path: str) -> tuple[str, str]:
        """Domain and evidence of a page."""
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
        return DEFAULT, "default"


def _ordered(rules: Mapping[str, str]) -> list[tuple[str, re.Pattern[str], str]]:
    globs = sorted(rules, key=lambda glob: (-len(glob), glob))
    return [(glob, _compile(glob), rules[glob]) for glob in globs]


@lru_cache(maxsize=1024)
def _compile(glob: str) -> re.Pattern[str]:
    """`*` is any run of characters; `*.example.org` is example.org and every host under it."""
    subdomains, rest = ("(?:.*\\.)?", glob[2:]) if glob.startswith("*.") else ("", glob)
    return re.compile(subdomains + ".*".join(map(re.escape, rest.split("*"))), re.IGNORECASE)


def _stage(config: DomainsConfig) -> Stage:
    rules = DomainRules({**HOSTS, **config.hosts}, {**PATHS, **config.paths})

    def compute(batch: DocumentBatch) -> Columns:
        rows = zip(*(_strings(batch, name) for name in ("domain", "host", "url")), strict=True)
        judged = [_judge(rules, *row) for row in rows]
        return {
            "domain": pa.array([domain for domain, _ in judged], pa.string()),
            "domain_evidence": pa.array([evidence for _, evidence in judged], pa.string()),
        }

    adds = pa.schema(
        [
            signal("domain", f"domain for mixing: {', '.join(DOMAINS)} or one the recipe adds", type=pa.string()),
            signal("domain_evidence", "declared, host:<rule>, path:<rule> or default", type=pa.string()),
        ]
    )
    return Stage("domain", adds, compute)


def _strings(batch: DocumentBatch, name: str) -> list[str | None]:
    return batch.column(name).to_pylist() if name in batch.names else [None] * batch.num_rows


def _judge(rules: DomainRules, declared: str | None, host: str | None, url: str | None) -> tuple[str, str]:
    if declared and declared != DEFAULT:
        return declared, "declared"
    return rules.judge(host, _path(url))


def _path(url: str | None) -> str:
    try:
        return urlsplit(url or "").path
    except ValueError:  # an unclosed bracket in the host: the URL says nothing
        return ""
