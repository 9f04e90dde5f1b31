"""The demo's own pages do what they were written for: every rule has a page that breaks it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from flows.demo.hazards import TRAFFIC, english, gibberish
from flows.demo.site import Reply, VirtualHost
from flows.demo.world import written_hosts
from flows.recipe import load_recipe
from pipeline.batch import DocumentBatch
from pipeline.judging import Verdicts, run_stages

NOT_WORTH_A_PAGE = {"extract.html_bytes"}  # eight megabytes of HTML


@pytest.fixture(scope="module")
def verdicts() -> Verdicts:
    """The demo's recipe over every page written for it."""
    pages = [(host.name, path, host.reply(path)) for host in written_hosts() for path in paths(host)]
    html = [page for page in pages if page[2].status == 200 and "html" in page[2].content_type]
    columns = {
        "doc_id": pa.array([f"{number:032x}" for number in range(len(html))]),
        "url": pa.array([f"http://{host}{path}" for host, path, _ in html]),
        "host": pa.array([host for host, _, _ in html]),
        "domain": pa.array(["web"] * len(html)),
        "mime": pa.array(["text/html"] * len(html)),
        "charset": pa.nulls(len(html), pa.string()),
        "charset_hint": pa.array([charset(reply) for _, _, reply in html], pa.string()),
        "body": pa.array([reply.body for _, _, reply in html], pa.binary()),
        "text": pa.nulls(len(html), pa.string()),
    }
    return run_stages(DocumentBatch(columns), load_recipe("demo").stages())


def paths(host: VirtualHost) -> list[str]:
    links = [link.url for collection in host.collections for link in collection.entrances()]
    return [path for path in links if not path.startswith("/wiki/Python_")][:80]


def charset(reply: Reply) -> str | None:
    return reply.content_type.partition("charset=")[2] or None


def test_every_rule_is_broken_by_a_page_written_for_it(verdicts: Verdicts) -> None:
    broken = {rule for failed in verdicts.table["failed_rules"].to_pylist() for rule in failed}
    rules = {rule.name for rule in load_recipe("demo").rules()}
    assert rules - broken == NOT_WORTH_A_PAGE


def test_every_kind_of_personal_data_is_met(verdicts: Verdicts) -> None:
    kept = verdicts.survivors
    found = {kind: kept[f"pii_{kind}_count"].to_pylist() for kind in load_recipe("demo").pii.kinds}
    assert all(any(counts) for counts in found.values()), found
    assert not [text for text in kept["text"].to_pylist() if "jane.doe@" in text or "219-09-9999" in text]


def test_some_pages_of_every_english_host_survive(verdicts: Verdicts) -> None:
    hosts = set(verdicts.survivors["host"].to_pylist())
    assert {"encyclopedia.test", "people.test", "legacy.test"} <= hosts
    assert "intl.test" not in hosts


def test_generated_text_is_varied_and_the_same_every_time() -> None:
    sentences = english(120).split(". ")
    assert len(set(sentences)) == len(sentences) == 120
    assert gibberish("a", 50) == gibberish("a", 50) != gibberish("b", 50)


def test_broken_traffic_is_made_anew_for_every_request() -> None:
    assert all(make() == make() for make in TRAFFIC.values())
