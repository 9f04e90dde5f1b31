"""Flows without Prefect: tasks are done where they are submitted, phases are calls. What a flow does, in a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import Task

from flows import corpus_flow, watch_flow
from flows.corpus_flow import CorpusResult
from flows.corpus_plan import CorpusRequest
from storage.errors import WinnowError
from storage.files import list_files, sha256_of
from tests.flows.archives import article, page, write_jsonl, write_warc


class Done:
    """The future of a task that has ended."""

    def __init__(self, task: Task[..., Any], arguments: tuple[Any, ...]) -> None:
        self.task_run_id = uuid4()
        self._value: Any = None
        self._error: WinnowError | None = None
        try:
            self._value = task.fn(*arguments)
        except WinnowError as error:
            self._error = error

    def add_done_callback(self, call: Callable[[Done], None]) -> None:
        """It has ended: the call is made."""
        call(self)

    def result(self) -> Any:
        """What the task returned, or what it raised."""
        if self._error:
            raise self._error
        return self._value


@contextmanager
def without_prefect() -> Iterator[None]:
    """Every flow called through its `fn` runs in this process and thread, in the order written."""

    def call(name: str, runner: object, body: Callable[[], Any]) -> Any:
        return body()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "submit", lambda task, *arguments: Done(task, arguments))
        patch.setattr(corpus_flow, "phase", call)
        patch.setattr(watch_flow, "corpus_flow", run_corpus)
        yield


def run_corpus(request: CorpusRequest) -> CorpusResult:
    """The corpus flow's body."""
    result: CorpusResult = corpus_flow.corpus_flow.fn(request)
    return result


def run_watch(request: CorpusRequest) -> CorpusResult | None:
    """The watch flow's body."""
    result: CorpusResult | None = watch_flow.watch_flow.fn(request)
    return result


def arrive(folder: Path, number: int, pages: int = 3) -> Path:
    """An archive with pages of its own, and one that every archive has."""
    texts = {f"http://h{number}.test/{n}": page(article(10 * number + n)) for n in range(pages)}
    return write_warc(folder / f"{number}.warc.gz", texts | {f"http://copy{number}.test/": page(article(999))})


@dataclass(frozen=True)
class SmallCrawl:
    """Three archives with copies within and between them, a curated source, and the lake made of them.

    Attributes:
        inbox: Their folder.
        lake: Made in one process and one thread, without Prefect.
        result: What the run gave.
        digests: Of the lake.
    """

    inbox: Path
    lake: str
    result: CorpusResult
    digests: Mapping[str, str]

    def request(self, lake: Path, workers: int = 1, reverse: bool = False) -> CorpusRequest:
        """A request for all of it in a lake."""
        return small_request(self.inbox, lake, workers, reverse)


def small_request(inbox: Path, lake: Path, workers: int = 1, reverse: bool = False) -> CorpusRequest:
    """A request for the archives and the curated source of a folder."""
    inputs = [*map(str, sorted(inbox.glob("*.warc.gz"))), f"books={inbox / 'verse.jsonl.gz'}"]
    return CorpusRequest(
        recipe="fineweb", inputs=tuple(inputs[::-1] if reverse else inputs), lake=str(lake), workers=workers
    )


def make_small_crawl(folder: Path) -> SmallCrawl:
    """Write the archives and make the lake."""
    (inbox := folder / "inbox").mkdir()
    for number in range(3):
        pages = {f"http://h{number}.test/{n}": page(article(10 * number + n)) for n in range(8)}
        pages["http://copy.test/exact"] = page(article(3))
        pages[f"http://copy{number}.test/near"] = page(article(4) + f"\nPrinted on day {number} of the month.")
        pages[f"http://intl{number}.test/"] = page("Das Amt ist am Montag und am Dienstag geöffnet. " * 12)
        write_warc(inbox / f"crawl-{number}.warc.gz", pages)
    write_jsonl(inbox / "verse.jsonl.gz", ["Roses are red", "Violets are blue", "Roses are red"])
    with without_prefect():
        result = run_corpus(small_request(inbox, folder / "lake"))
    return SmallCrawl(inbox, str(folder / "lake"), result, digests(folder / "lake"))


def asking(folder: Path, lake: Path, **more: object) -> CorpusRequest:
    """A request for one look, or run, at a folder."""
    values = {"recipe": "raw", "changes": ("dedup.enabled=true",), "workers": 1} | more
    return CorpusRequest.model_validate({"inputs": (str(folder),), "lake": str(lake)} | values)


def digests(lake: Path) -> dict[str, str]:
    """Every file that must come out the same, by its path in the lake."""
    tables = ("pages/", "documents/", "bands/", "pii/", "duplicates/", "corpus/")
    names = {str(Path(path).relative_to(lake)): path for path in list_files(str(lake))}
    return {name: sha256_of(path) for name, path in names.items() if name.startswith(tables)}
