"""Rules about addresses: lists, the limit itself, what files name them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.recipe import Recipe, load_recipe
from flows.url_lists import UrlSection
from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.quality.url import UrlConfig
from storage.errors import UserError


def row(url: str | None, section: UrlConfig | None = None, host: str | None = None) -> dict[str, Any]:
    columns = {"url": pa.array([url], pa.string()), "host": pa.array([host], pa.string())}
    found: dict[str, Any] = run_stages(DocumentBatch(columns), (section or UrlConfig()).stages()).table.to_pylist()[0]
    return found


@pytest.mark.parametrize(
    ("url", "failed"),
    [
        ("https://example.org/essex/sussex-history", []),
        ("https://example.org/xxx/1", ["url.url_banned_word_count"]),
        ("https://example.org/adult-education", []),
        ("https://example.org/adult/sex", ["url.url_soft_word_count"]),
        ("https://free-porn.example.org/", ["url.url_banned_word_count", "url.url_banned_string_count"]),
        ("https://example.org/x-hamster.html", ["url.url_banned_string_count"]),
        (None, []),
    ],
)
def test_words(url: str | None, failed: list[str]) -> None:
    assert row(url)["failed_rules"] == failed


@pytest.mark.parametrize(
    ("host", "blocked"),
    [("bad.example", 1), ("www.BAD.example", 1), ("bad.example.", 1), ("notbad.example", 0), ("example", 0), (None, 0)],
)
def test_a_domain_blocks_the_hosts_in_it(host: str | None, blocked: int) -> None:
    found = row("https://x/", UrlConfig(hosts=("bad.example",)), host)
    assert found["url_host_blocked"] == blocked
    assert found["failed_rules"] == ["url.url_host_blocked"] * blocked


LISTED = UrlConfig(words=("xxx", "porn"), soft_words=("sex", "nude", "bet"), strings=("pornhub", "cam", "sexcam"))
ADDRESSES = st.lists(
    st.sampled_from(
        [
            "xxx",
            "porn",
            "hub",
            "Porn",
            "sex",
            "nude",
            "bet",
            "cam",
            "pornhub",
            "a",
            "7",
            "٣",
            "é",
            "\u212a",
            "-",
            "/",
            ".",
            "?",
        ]
    ),
    max_size=12,
).map("".join)


def plain_counts(url: str, config: UrlConfig) -> list[float]:
    """Characters, digits' share and what is listed, as `SIGNALS` says."""
    words, letters = set(re.split(r"[^a-z0-9]+", url.lower())), re.sub(r"[^a-z0-9]+", "", url.lower())
    longest_first = "|".join(sorted(config.strings, key=len, reverse=True))
    digits = sum(c.isdigit() for c in url) / len(url) if url else 0
    found = (words & set(config.words), words & set(config.soft_words), set(re.findall(longest_first, letters)))
    return [len(url), digits, *map(len, found)]


def datatrove_keeps(url: str, config: UrlConfig) -> bool:
    """datatrove 0.10's URLFilter, without its lists of domains, said again."""
    words, letters = set(re.split(r"[^a-zA-Z0-9]+", url)), re.sub(r"[^a-zA-Z0-9]+", "", url).lower()
    soft = len(words & set(config.soft_words))
    return not (words & set(config.words) or soft >= 2 or any(text in letters for text in config.strings))


@given(st.lists(st.one_of(ADDRESSES, st.text(max_size=30)), max_size=5))
@settings(deadline=None, max_examples=150)
def test_urls_equal_plain_python(urls: list[str]) -> None:
    (stage,) = LISTED.stages()
    table = run_stages(DocumentBatch({"url": pa.array(urls, pa.string())}), [stage]).table
    names = [name for name in stage.adds.names if name != "url_host_blocked"]
    assert [list(row.values()) for row in table.select(names).to_pylist()] == [
        plain_counts(url, LISTED) for url in urls
    ]


@given(ADDRESSES.map(str.lower))
@settings(deadline=None, max_examples=150)
def test_verdicts_are_datatroves_on_lower_case_urls(url: str) -> None:
    assert (row(url, LISTED)["failed_rules"] == []) == datatrove_keeps(url, LISTED)


def test_capitals_hide_no_word() -> None:
    """datatrove looks for words in the URL as it is written: there this one stays."""
    assert datatrove_keeps("http://a.example/XXX", LISTED)
    assert row("http://a.example/XXX", LISTED)["failed_rules"] == ["url.url_banned_word_count"]


def test_length_and_digits_on_the_limit() -> None:
    url = "http://a.b/12345"
    assert (row(url)["url_chars"], row(url)["url_digit_frac"]) == (16, 5 / 16)
    assert row(url)["failed_rules"] == []
    assert row(url, UrlConfig(max_chars=16, max_digit_frac=5 / 16))["failed_rules"] == []
    failed = row(url, UrlConfig(max_chars=15, max_digit_frac=0.3))["failed_rules"]
    assert failed == ["url.url_chars", "url.url_digit_frac"]


def test_lists_from_files_count_beside_those_of_the_section(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("# of ours\n\nBad.example\n", encoding="utf-8")
    (tmp_path / "words.gz").write_bytes(gzip.compress(b"gizmo\n"))
    section = UrlSection(host_files=(str(tmp_path / "hosts"),), word_files=(str(tmp_path / "words.gz"),))
    assert row("https://bad.example/gizmo/xxx", section, "bad.example")["url_banned_word_count"] == 2
    assert row("https://bad.example/", section, "bad.example")["url_host_blocked"] == 1


def recipe_with(path: Path) -> Recipe:
    return load_recipe("fineweb", [f'url.host_files=["{path}"]'])


def test_what_a_file_holds_is_known_to_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("bad.example\n", encoding="utf-8")
    before = recipe_with(path).files()[str(path)]
    path.write_text("worse.example and more\n", encoding="utf-8")
    assert recipe_with(path).files()[str(path)] != before


def test_a_missing_or_unreadable_list_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        recipe_with(tmp_path / "nowhere").files()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="One entry a line"):
        row("https://x/", UrlSection(host_files=(str(tmp_path / "binary"),)))
