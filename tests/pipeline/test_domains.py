"""Domains: what the source declares, then the host, then the path, then the web."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.batch import DocumentBatch
from pipeline.domains import HOSTS, DomainsConfig
from pipeline.stage import run_stages


def judge(url: str | None, domain: str = "web", config: DomainsConfig | None = None) -> tuple[str, str]:
    host = url.split("/")[2] if url and url.count("/") > 1 else None
    batch = DocumentBatch(
        {
            "url": pa.array([url], pa.string()),
            "host": pa.array([host], pa.string()),
            "domain": pa.array([domain]),
        }
    )
    table = run_stages(batch, (config or DomainsConfig()).stages()).table
    return table["domain"][0].as_py(), table["domain_evidence"][0].as_py()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://en.wikipedia.org/wiki/Sand", ("wikipedia", "host:*.wikipedia.org")),
        ("https://wikipedia.org/", ("wikipedia", "host:*.wikipedia.org")),
        ("https://github.com/a/b", ("code", "host:github.com")),
        ("https://www.github.com/a", ("code", "host:github.com")),
        ("https://math.stackexchange.com/q/1", ("math", "host:math.stackexchange.com")),
        ("https://cooking.stackexchange.com/q/1", ("conversations", "host:*.stackexchange.com")),
        ("https://forum.example.org/t/1", ("conversations", "host:forum.*")),
        ("https://example.org/forum/thread-1", ("conversations", "path:/forum/*")),
        ("https://notwikipedia.org/", ("web", "default")),
        ("https://wikipedia.org.evil.example/", ("web", "default")),
        ("https://example.org/", ("web", "default")),
        ("http://[broken", ("web", "default")),
        (None, ("web", "default")),
    ],
)
def test_host_then_path_then_web(url, expected) -> None:
    assert judge(url) == expected


def test_what_the_source_declares_wins() -> None:
    assert judge("https://en.wikipedia.org/wiki/Sand", "books") == ("books", "declared")


def test_a_recipe_adds_rules_and_replaces_those_of_the_house() -> None:
    config = DomainsConfig(
        hosts={"*.example.org": "recipes", "*.wikipedia.org": "encyclopedia"}, paths={"/blog/*": "blogs"}
    )
    assert judge("https://a.example.org/blog/1", config=config) == ("recipes", "host:*.example.org")
    assert judge("https://de.wikipedia.org/", config=config) == ("encyclopedia", "host:*.wikipedia.org")
    assert judge("https://b.net/blog/1", config=config) == ("blogs", "path:/blog/*")


def test_of_two_globs_the_more_particular_wins() -> None:
    config = DomainsConfig(hosts={"*.org": "wide", "*.deep.org": "narrow"})
    assert judge("https://x.deep.org/", config=config)[0] == "narrow"


def test_a_table_without_columns_of_its_own_is_all_web() -> None:
    table = run_stages(DocumentBatch.of_texts(["one", "two"]), DomainsConfig().stages()).table
    assert table["domain"].to_pylist() == ["web", "web"]


def test_switched_off_it_is_no_stage() -> None:
    assert DomainsConfig(enabled=False).stages() == ()


def test_a_rule_without_a_domain_is_refused() -> None:
    with pytest.raises(ValidationError):
        DomainsConfig(hosts={"*.example.org": ""})


def test_the_house_rules_are_lower_case() -> None:
    assert all(glob == glob.lower() for glob in HOSTS)
