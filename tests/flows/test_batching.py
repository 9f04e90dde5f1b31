"""Where batches end: by pages, by markup, and by the text that is to be expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flows import batching
from flows.annotate_task import annotate
from flows.batching import Batching
from pipeline.archive.records import Page
from pipeline.judging import Verdicts
from tests.flows.archives import article, page, write_warc
from tests.flows.test_annotate_task import job_for


def markup(size: int) -> Page:
    return Page(None, None, None, "text/html", None, b"x" * size, None)


def verdicts(*texts: str | None) -> Verdicts:
    return Verdicts(pa.table({"text": pa.array(texts, pa.string())}), np.ones(len(texts), bool))


def test_a_batch_ends_by_pages_markup_or_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_MARKUP", 100_000)
    monkeypatch.setattr(batching, "MOST_TEXT", 50_000)
    batch = Batching()
    assert not batch.is_full(7) and batch.is_full(8)  # the first
    batch.judged(verdicts())
    batch.add(markup(99_999))
    assert not batch.is_full(127) and batch.is_full(128)
    batch.add(markup(1))
    assert batch.is_full(2)
    batch.judged(verdicts(None, ""))
    batch.add(Page(None, None, None, None, None, b"", "é" * 49_999))
    assert not batch.is_full(1)
    batch.add(Page(None, None, None, None, None, b"", "é"))
    assert batch.is_full(2)


def test_what_is_text_of_the_markup_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_MARKUP", 100 << 20)
    monkeypatch.setattr(batching, "MOST_TEXT", 1 << 20)
    sizes = []
    for share in (0.0, 1.0):
        batch, read = Batching(), 0
        batch.judged(verdicts())
        while read < 64 << 20:
            size = 0
            while not batch.is_full(0):
                batch.add(markup(64 << 10))
                size += 64 << 10
            batch.judged(verdicts("x" * int(size * share)))
            read += size
        sizes.append(size)
    assert sizes[0] > 64 << 20 and 1 << 20 <= sizes[1] < 1.2 * (1 << 20)


def test_where_batches_end_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {f"http://a.test/{number}": page(article(number)) for number in range(8)}
    pages["http://a.test/mail"] = page(article(3) + "\nWrite to jane.doe@mill-museum.org before you come.")
    pages |= {"http://a.test/short": page("Too short."), "http://a.test/none": page("")}
    archive = write_warc(tmp_path / "a.warc.gz", pages)
    written = set()
    for name, limit in (("FIRST_SHARE", 1), ("FIRST_SHARE", 128), ("MOST_PAGES", 1), ("MOST_TEXT", 500)):
        with monkeypatch.context() as patch:
            patch.setattr(batching, name, limit)
            row = annotate(job_for(archive, tmp_path / f"{name}-{limit}"))
        written.add(tuple(output["sha256"] for output in row["outputs"] if output["table"] != "costs"))
    assert len(written) == 1 and len(next(iter(written))) == 4
