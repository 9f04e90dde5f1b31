"""Which domain a page belongs to: what its source declares, else its address, else its form, else its topic.

The first of the four that has something to say decides, and `domain_evidence` says which it was and on what grounds:
`declared`, `host:*.wikipedia.org`, `path:/forum/*`, `code_line_frac=0.71`, `classifier:math=0.93`, or `default`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import Field, field_validator

from pipeline.batch import DocumentBatch
from pipeline.domains.structure import SIGNALS, measure_structure
from pipeline.domains.tables import DEFAULT, DOMAINS, HOSTS, PATHS, DomainRules, read_rules
from pipeline.domains.topics import TOPIC_SIGNALS, name_topics
from pipeline.quality.limits import Switches
from pipeline.stage import Columns, Stage, signal

_ADDS = (
    signal("domain", f"domain for mixing: {', '.join(DOMAINS)} or one the recipe adds", type=pa.string()),
    signal(
        "domain_evidence",
        "declared, host:<rule>, path:<rule>, <signal of form>=<value>, classifier:<topic>=<probability>, or default",
        type=pa.string(),
    ),
)


class DomainsConfig(Switches):
    """How a page's domain is told. What a source declares always wins; "off" switches a limit off."""

    hosts: dict[str, str] = Field(
        {}, description="glob of a host to its domain: added to the table of the house, and stronger than it"
    )
    paths: dict[str, str] = Field({}, description="the same for globs of a URL's path")
    rule_files: tuple[str, ...] = Field(
        (), description="files of such rules, a glob and its domain a line; a glob of a path begins with /"
    )
    min_equations_per_kchar: float | None = Field(4.0, gt=0, description="from which on a page is math")
    min_code_line_frac: float | None = Field(0.4, gt=0, le=1, description="from which on a page is code")
    min_forum_marks: float | None = Field(1, gt=0, description="marks of forum software that make it conversations")
    min_turn_line_frac: float | None = Field(0.8, gt=0, le=1, description="the same for lines that are speakers' turns")
    model: str | None = Field(None, description="fastText model of topics that `winnow domains train` wrote")
    min_prob: float = Field(0.7, ge=0, le=1, description="least probability of a topic; below it a page is web")

    @field_validator("hosts", "paths")
    @classmethod
    def _lower(cls, rules: dict[str, str]) -> dict[str, str]:
        if not all(glob and domain for glob, domain in rules.items()):
            raise ValueError("a rule needs a glob and a domain, neither of them empty")
        return {glob.lower(): domain for glob, domain in rules.items()}

    def stages(self) -> tuple[Stage, ...]:
        """The stage, or nothing where it is switched off."""
        adds = pa.schema([*_ADDS, *SIGNALS, *TOPIC_SIGNALS])
        return (Stage("domain", adds, lambda batch: tell_domains(batch, self), version=2),) if self.enabled else ()

    def files(self) -> dict[str, str]:
        """Files whose content decides what a page's domain is: key and place in it, and path."""
        named = {f"rule_files.{place}": path for place, path in enumerate(self.rule_files)}
        return named | ({"model": self.model} if self.model else {})

    def by_form(self) -> tuple[tuple[str, str, float], ...]:
        """Signal, the domain it tells of, and its least value; in the order in which they are asked."""
        limits = (
            ("equations_per_kchar", "math", self.min_equations_per_kchar),
            ("forum_mark_count", "conversations", self.min_forum_marks),
            ("code_line_frac", "code", self.min_code_line_frac),
            ("turn_line_frac", "conversations", self.min_turn_line_frac),
        )
        return tuple((name, domain, least) for name, domain, least in limits if least is not None)


def tell_domains(batch: DocumentBatch, config: DomainsConfig) -> Columns:
    """Domain, evidence and every signal of form; topics only of pages that nothing else tells of."""
    rules = _rules(config)
    measured = dict(measure_structure(batch)) if "text" in batch.names else _unmeasured(batch.num_rows)
    values = {name: measured[name].to_pylist() for name in measured}
    told: list[tuple[str, str] | None] = []
    rows = zip(*(_strings(batch, name) for name in ("domain", "host", "url")), strict=True)
    for place, (declared, host, url) in enumerate(rows):
        form = {name: column[place] for name, column in values.items()}
        told.append(_declared(declared) or rules.judge(host, _path(url)) or _by_form(config, form))
    topics = name_topics(batch, [one is None for one in told], config.model, config.min_prob)
    decided = [one or topic or (DEFAULT, "default") for one, topic in zip(told, topics.told, strict=True)]
    return {
        "domain": pa.array([domain for domain, _ in decided], pa.string()),
        "domain_evidence": pa.array([evidence for _, evidence in decided], pa.string()),
        **measured,
        "topic_prob": pa.array(topics.probs, pa.float64()),
    }


def _rules(config: DomainsConfig) -> DomainRules:
    hosts, paths = {**HOSTS}, {**PATHS}
    for path in config.rule_files:
        more_hosts, more_paths = read_rules(path)
        hosts, paths = {**hosts, **more_hosts}, {**paths, **more_paths}
    return _ready(_items({**hosts, **config.hosts}), _items({**paths, **config.paths}))


@lru_cache(maxsize=8)
def _ready(hosts: tuple[tuple[str, str], ...], paths: tuple[tuple[str, str], ...]) -> DomainRules:
    return DomainRules(dict(hosts), dict(paths))


def _items(rules: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(rules.items())


def _declared(domain: str | None) -> tuple[str, str] | None:
    return (domain, "declared") if domain and domain != DEFAULT else None


def _by_form(config: DomainsConfig, form: Mapping[str, float | None]) -> tuple[str, str] | None:
    for name, domain, least in config.by_form():
        value = form[name]
        if value is not None and value >= least:
            return domain, f"{name}={value:.3g}"
    return None


def _unmeasured(rows: int) -> dict[str, pa.Array[Any]]:
    return {column.name: pa.nulls(rows, column.type) for column in SIGNALS}


def _strings(batch: DocumentBatch, name: str) -> list[str | None]:
    return batch.column(name).to_pylist() if name in batch.names else [None] * batch.num_rows


def _path(url: str | None) -> str:
    try:
        return urlsplit(url or "").path
    except ValueError:  # an unclosed bracket in the host: the URL says nothing
        return ""
