"""Lists of hosts and words in the formats they come in."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipeline.lists import digest_of, read_hosts, read_words
from storage.errors import UserError


def hosts(tmp_path: Path, text: str):
    path = tmp_path / "list.txt"
    path.write_text(text)
    return read_hosts((str(path),))


@pytest.mark.parametrize(
    "line",
    [
        "bad.test", "*.bad.test", ".bad.test", "0.0.0.0 bad.test", "127.0.0.1\tbad.test # ads", "||bad.test^",
        "||bad.test^$third-party", "address=/bad.test/0.0.0.0", 'local-zone: "bad.test" always_nxdomain',
        "bad.test CNAME .", "bad.test. 300 IN CNAME .", "http://bad.test/", "BAD.test", "0.0.0.0 worse.test bad.test",
        "::1 bad.test", "||bad.test^$all,domain=x.test", "address=/bad.test/", "server=/bad.test/",
    ],
)  # fmt: skip
def test_every_format_lists_the_host_and_its_subdomains(tmp_path, line) -> None:
    found = hosts(tmp_path, f"# a remark\n! another\n[Adblock Plus 2.0]\n\n{line}\n")
    assert found.lists("bad.test", None) and found.lists("www.Bad.test", None)
    assert not found.lists("notbad.test", None) and not found.lists("test", None) and not found.lists(None, None)


def test_exceptions_and_paths(tmp_path) -> None:
    found = hosts(tmp_path, "||bad.test^\n@@||good.bad.test^\nsite.test/adult/\n##.banner\n0.0.0.0 localhost\n")
    assert found.lists("x.bad.test", None) and not found.lists("www.good.bad.test", None)
    assert found.lists("site.test", "http://www.site.test/adult/page.html?x=1")
    assert not found.lists("site.test", "http://site.test/adulthood") and not found.lists("localhost", None)


def test_addresses_are_hosts_and_half_an_address_is_no_error(tmp_path) -> None:
    found = hosts(tmp_path, "192.0.2.7\nsite.test/x\n")
    assert found.lists("192.0.2.7", None) and not found.lists("192.0.2.70", None)
    assert not found.lists(None, "http://[2001:db8")


def test_a_directory_of_categories(tmp_path) -> None:
    (tmp_path / "adult").mkdir()
    (tmp_path / "adult" / "domains").write_text("one.test\n")
    (tmp_path / "adult" / "urls.gz").write_bytes(gzip.compress(b"two.test/x\n"))
    (tmp_path / "adult" / "usage").write_text("black\n")
    (tmp_path / "adult" / "expressions").write_text("(adultsight|adultsite|s[e3]x)\n")
    found = read_hosts((str(tmp_path / "adult"),))
    assert found.lists("one.test", None) and found.lists("two.test", "https://two.test/x/y")


@pytest.mark.parametrize("content", [None, "# nothing\n"])
def test_a_list_that_is_none_is_refused(tmp_path, content) -> None:
    path = tmp_path / f"list-{content is None}"
    if content is not None:
        path.write_text(content)
    for read in (read_hosts, read_words):
        with pytest.raises(UserError, match=r"cannot be read|lists no"):
            read((str(path),))


def test_a_list_whose_hosts_another_has_too_is_no_empty_one(tmp_path) -> None:
    for name, content in (("long", "one.test\ntwo.test\n"), ("short", "two.test\n")):
        (tmp_path / name).write_text(content)
    found = read_hosts((str(tmp_path / "long"), str(tmp_path / "short")))
    assert found.lists("one.test", None) and found.lists("two.test", None)


def test_a_damaged_list_is_refused(tmp_path) -> None:
    path = tmp_path / "list.gz"
    path.write_bytes(gzip.compress(b"one.test")[:10] + b"\xff" * 12)
    with pytest.raises(UserError, match="cannot be read"):
        read_hosts((str(path),))


def test_words_and_phrases_are_counted_whatever_their_case_and_marks(tmp_path) -> None:
    path = tmp_path / "words"
    path.write_text("darn\nbad word # a phrase\nDÉJÀ\n")
    words = read_words((str(path),))
    assert words.count("Darn! A bad-word, a BAD  word; deja vu, darned.") == (3, 9)
    assert words.count("") == (0, 0) and words.count("darn") == (1, 1)


def test_the_digest_is_of_what_is_in_the_files(tmp_path) -> None:
    path = tmp_path / "words"
    path.write_text("a")
    before = digest_of(str(path))
    path.write_text("b")
    assert digest_of(str(path)) != before
    path.write_text("a")
    assert digest_of(str(path)) == before
