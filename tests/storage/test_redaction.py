"""Secrets of URLs are in no error, no row and no name."""

from __future__ import annotations

import pickle
import traceback

import pytest

from storage.errors import ShardFailed, Transient, UserError
from storage.inputs import expand_inputs
from storage.patience import Patience
from storage.redaction import redacted
from storage.sources import Source

SECRETS = ("hunter2", "4fsig", "AKIAX", "sas1", "tok2", "gkey")
URL = "https://me:hunter2@127.0.0.1:1/a.warc.gz?X-Amz-Credential=AKIAX%2F2026&X-Amz-Signature=4fsig&part=7"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (URL, "https://***@127.0.0.1:1/a.warc.gz?X-Amz-Credential=***&X-Amz-Signature=***&part=7"),
        ("at s3://bucket/key@home it is", "at s3://bucket/key@home it is"),
        ("(url: /x?sv=1&sig=sas1&se=2)", "(url: /x?sv=1&sig=***&se=2)"),
        ("http://h/x?access_token=tok2#a and ftp://u@h/", "http://h/x?access_token=***#a and ftp://***@h/"),
        ("https://h/x?api-key=gkey; keyword=kept", "https://h/x?api-key=*** keyword=kept"),
        ("mail me@example.org, a=b?monkey=1", "mail me@example.org, a=b?monkey=1"),
        ("", ""),
    ],
)
def test_what_is_hidden_and_what_is_not(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_an_error_never_holds_one() -> None:
    error = pickle.loads(pickle.dumps(ShardFailed(f"{URL} failed.", f"Try {URL}")))
    assert not [secret for secret in SECRETS if secret in f"{error!r} {error} {error.hint}"]


def test_nor_does_its_traceback(pauses: list[float]) -> None:
    with pytest.raises((UserError, Transient)) as caught:
        expand_inputs([URL])
    said = "".join(traceback.format_exception(caught.value))
    assert "127.0.0.1:1" in said and not [secret for secret in SECRETS if secret in said]
    with pytest.raises(Transient) as caught_too:
        try:
            raise ConnectionError(URL)
        except ConnectionError:
            for _ in range(9):
                Patience("h").wait(Transient("it failed"))
            patience = Patience("h")
            for _ in range(9):
                patience.wait(Transient("it failed"))
    assert "hunter2" not in "".join(traceback.format_exception(caught_too.value))


def test_nor_the_lake_and_a_new_signature_is_the_same_archive() -> None:
    first = Source(URL, "a.warc.gz", "local", "web", 10, None, '"e"')
    second = Source(URL.replace("4fsig", "5gsig"), "a.warc.gz", "local", "web", 10, None, '"e"')
    assert first.content == second.content
    assert not [secret for secret in SECRETS if secret in first.to_json()]
    assert Source.from_json(first.to_json()).content == first.content
