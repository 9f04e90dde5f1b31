"""Domains: what the source declares, then host and path, then the form of the page, then the web."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.batch import DocumentBatch
from pipeline.domains.config import DomainsConfig
from pipeline.domains.tables import HOSTS
from pipeline.judging import run_stages
from storage.errors import UserError


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


PROSE = "The harbour was quiet that morning. Nobody had told the pilot that the tide would turn so early.\n" * 6
CODE = "import os\n\ndef main(path):\n    for name in os.listdir(path):\n        print(name)\n    return\n\nmain('x')\n"
MATHS = "Let $x \\in X$ and $f\\colon X \\to Y$. Then $f(x) = \\sum_{i} a_i x^i$ and $\\lim f = 0$ for all $x$.\n" * 3
TURNS = "USER: I would like a table for four.\nSYSTEM: At which time shall that be?\nUSER: At seven in the evening.\n"


def judge_form(text: str | None, body: bytes | None = None, **settings: object) -> tuple[str, str]:
    batch = DocumentBatch({"text": pa.array([text], pa.string()), "body": pa.array([body], pa.binary())})
    row = run_stages(batch, DomainsConfig(**settings).stages()).table.to_pylist()[0]
    return row["domain"], row["domain_evidence"]


@pytest.mark.parametrize(
    ("text", "body", "domain", "evidence"),
    [
        (CODE, None, "code", "code_line_frac=1"),
        (MATHS, None, "math", "equations_per_kchar="),
        (TURNS, None, "conversations", "turn_line_frac=1"),
        (PROSE, b'<html><meta name="generator" content="phpBB">', "conversations", "forum_mark_count=1"),
        (PROSE, b'<a href="/viewtopic.php?t=1">phpBB</a> and vBulletin are forum software', "web", "default"),
        (PROSE, b'{"@type":"DiscussionForumPosting"}', "conversations", "forum_mark_count=1"),
        (PROSE + 'He wrote: "if x = 1 then {y}".', None, "web", "default"),
        ("It costs $5 to $10 a day.\n" * 20, None, "web", "default"),
        ("$total = $price * $count; echo ${total} ${price}\n" * 20, None, "code", "code_line_frac=1"),
        ("", None, "web", "default"),
        (None, b"\xff\xfe\x00 <math", "web", "default"),
        ("Note: \nTip: \n: : :\n", None, "web", "default"),
    ],
)
def test_the_form_of_a_page_tells_and_says_how_it_knows(text, body, domain, evidence) -> None:
    found = judge_form(text, body)
    assert found[0] == domain and found[1].startswith(evidence)


def test_an_address_is_stronger_than_form_and_a_form_can_be_switched_off() -> None:
    batch = DocumentBatch({"text": pa.array([CODE]), "host": pa.array(["en.wikipedia.org"]), "url": pa.array([None])})
    assert run_stages(batch, DomainsConfig().stages()).table["domain"].to_pylist() == ["wikipedia"]
    assert judge_form(CODE, min_code_line_frac="off") == ("web", "default")


def test_a_file_extends_the_table_and_the_recipe_is_stronger(tmp_path) -> None:
    path = tmp_path / "rules.txt"
    path.write_text("# ours\n*.example.org  recipes # all of it\n\n/Blog/*  blogs\n")
    config = DomainsConfig(rule_files=(str(path),), hosts={"b.example.org": "books"})
    assert judge("https://a.example.org/", config=config) == ("recipes", "host:*.example.org")
    assert judge("https://b.example.org/", config=config) == ("books", "host:b.example.org")
    assert judge("https://c.net/blog/1", config=config) == ("blogs", "path:/blog/*")
    assert config.files() == {"rule_files.0": str(path)}
    path.write_text("*.example.org\n")
    with pytest.raises(UserError, match=r"line 1: .* is not a glob and a domain"):
        judge("https://a.example.org/", config=config)


def test_a_table_that_is_not_there_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match=r"nowhere\.txt cannot be read"):
        judge("https://a.example.org/", config=DomainsConfig(rule_files=("nowhere.txt",)))
