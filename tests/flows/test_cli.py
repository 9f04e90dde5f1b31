"""How the program ends: a mistake is a sentence and exit code 2, Ctrl-C a sentence and 130, never a traceback."""

from __future__ import annotations

import gzip
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import query
from flows.cli import app, main
from storage.errors import Fatal, UserError
from tests.flows.archives import article

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before, warned = signal.getsignal(signal.SIGINT), list(sys.warnoptions)
    yield
    signal.signal(signal.SIGINT, before)
    sys.warnoptions[:] = warned


def ending(error: BaseException) -> Callable[..., None]:
    def raise_it(*arguments: object) -> None:
        raise error

    return raise_it


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("there is no such thing.", "Name another."), 2, "winnow: there is no such thing. Name another.\n"),
        (Fatal("the disk is full."), 1, "winnow: the disk is full.\n"),
        (KeyboardInterrupt(), 130, "winnow: interrupted; nothing is lost, the same command goes on from here.\n"),
    ],
)
def test_the_last_words_of_a_command(
    error: BaseException, code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(query, "print_view", ending(error))
    monkeypatch.setattr(sys, "argv", ["winnow", "funnel", "--lake", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (code, said)


@pytest.mark.parametrize(("words", "code"), [(["recipe"], 0), (["funnel", "--no-such-option"], 2)])
def test_other_ends_are_as_they_come(
    words: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys, "argv", ["winnow", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code and "interrupted" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "text", "said"),
    [
        (
            "gopher",
            "short text",
            "fails gopher.word_count: 2, wanted at least 50 and at most 100,000 (gopher.min_words, ",
        ),
        ("gopher", "<p></p>", "fails extract.text_chars: not measured, wanted at least 1 (extract.min_text_chars)\n"),
        ("c4", "\n".join(article(1).split("\n")[:6]), "passes extract and c4\n"),
    ],
)
def test_try_says_what_the_rules_say(section: str, text: str, said: str) -> None:
    result = CliRunner().invoke(app, ["try", section, "-"], input=text)
    assert result.exit_code == 0 and said in result.output


def test_it_says_which_version_it_is() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert (said.exit_code, said.output) == (0, f"winnow {metadata.version('winnow')}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("try url page.txt --url http://[half", "http://[half is no URL"),
        ("try url page.txt --url http://a.org/ --recipe listed.toml", "the list broken.gz cannot be read"),
        ("finetune classification page.txt --set lora=4 --set lora.rank=2", "lora is no section"),
        ("import model", "config.json in model is not JSON"),
        ("import model --name ../outside", "'../outside' is no name"),
        ("domains train broken.jsonl.gz", "broken.jsonl.gz cannot be read"),
        ("domains train spaced.jsonl", "line 1, is no record"),
        ("toxicity train labels.csv --held-out 0 --output page.txt/toxic.bin", "Cannot write page.txt/toxic.bin"),
        ("toxicity train labels.csv --held-out 0 --output /proc/toxic.bin", "Cannot write /proc/toxic.bin"),
    ],
)
def test_a_mistake_is_a_sentence(
    words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("page.txt").write_text("A page of text.")
    Path("broken.gz").write_bytes(b"\x1f\x8b\x08\x00no block of a deflated stream")
    Path("broken.jsonl.gz").write_bytes(gzip.compress(b'{"domain": "web", "text": "some"}\n')[:20])
    Path("listed.toml").write_text('[url]\nhost_files = ["broken.gz"]\n')
    Path("spaced.jsonl").write_text('{"domain": "open source", "text": "some"}\n')
    Path("labels.csv").write_text("text,label\n" + "bad words,1\ngood words,0\n" * 9)
    Path("model").mkdir()
    Path("model/config.json").write_text("{")
    Path("model/tokenizer.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["winnow", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err
    assert said in told and ended.value.code == 2
