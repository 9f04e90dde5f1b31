"""Repeated lines, paragraphs and word sequences of files of documents: found, cut, told; whatever the groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flows import repeated_sequences, spans_task
from pipeline.dedup.config import DedupConfig
from storage.shards import Output, read_table
from tests.flows.duplicates import find_duplicates
from tests.flows.test_dedup_task import Page, make_job, words

SEQUENCES = DedupConfig(near=False, repeated_substrings="remove", substring_words=10)


def all_at_once(units: Mapping[str, tuple[Any, ...]]) -> None:
    for work, *arguments in units.values():
        work(*arguments)


def find(
    root: Path, files: Sequence[Sequence[Page]], config: DedupConfig
) -> tuple[list[Output], dict[str, int], list[dict[str, Any]], list[str]]:
    """Files written, counts, rows of table spans, and the texts as they are mixed."""
    job = make_job(root, files, config)
    duplicates, _ = find_duplicates(job)
    found, counts = spans_task.find_spans(job, duplicates, all_at_once)
    outputs = found["c"]
    rows = [row for o in outputs if o.table == "spans" for row in read_table(str(root / o.path)).to_pylist()]
    trimmed = {o.path.rpartition("/")[2]: o.path for o in outputs if o.table == "trimmed"}
    paths = [trimmed.get(output.path.rpartition("/")[2], output.path) for output in job.documents]
    return outputs, counts, rows, [text for path in paths for text in read_table(str(root / path))["text"].to_pylist()]


def archive(number: int, texts: Sequence[str]) -> list[Page]:
    return [Page(text, f"doc{number}{i}", f"a{number}", offset=i) for i, text in enumerate(texts)]


def test_groups_of_files_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A licence in three of four files, a chorus twice in the second and again in the last."""
    licence, chorus = words(900, 930), words(800, 815)
    files = [
        archive(0, [words(0, 30), words(30, 50) + " " + licence]),
        archive(1, [licence + " " + words(60, 80), chorus, words(90, 99) + " " + chorus]),
        archive(2, [words(100, 140)]),
        archive(3, [words(150, 160) + " " + licence + " " + chorus, words(200, 240)]),
    ]
    expected = find(tmp_path / "one", files, SEQUENCES)
    monkeypatch.setattr(repeated_sequences, "BYTES_A_WORD", 1 << 40)
    seen = []
    monkeypatch.setattr(spans_task, "find_sequences", lambda *given: seen.append(given[2]) or find_sequences(*given))
    find_sequences = repeated_sequences.find_sequences
    found = find(tmp_path / "many", files, SEQUENCES)
    assert seen == [[0], [1], [2], [3]]
    assert found == expected, "outputs carry the digests of the files"
    _, counts, rows, texts = found
    kept = {(row["archive"], row["offset"]): (row["survivor_archive"], row["survivor_offset"]) for row in rows}
    assert kept == {("a1", 0): ("a0", 1), ("a1", 2): ("a1", 1), ("a3", 0): ("a0", 1)}
    assert [sum(text.count(one) for text in texts) for one in (licence, chorus)] == [1, 1], "one copy stays"
    assert counts["substring_spans"] == len(rows) and texts[2] == words(60, 80)


def test_a_repeated_paragraph_goes_whole_and_its_lines_stay_elsewhere(tmp_path: Path) -> None:
    banner = "We use cookies.\nAccept all of them?"
    pages = [
        Page(
            f"{words(40 * i, 40 * i + 30)}\n\n{banner}\n\n{words(40 * i + 30, 40 * i + 40)}",
            f"p{i}",
            offset=i,
            host="h",
        )
        for i in range(4)
    ]
    lone = Page(f"{words(500, 540)}\nAccept all of them?", "lone", offset=4, host="h")
    other = Page(f"{banner}\n\n{words(600, 640)}", "other", offset=5, host="elsewhere")
    config = DedupConfig(near=False, repeated_paragraphs="remove", line_min_pages=4)
    _, counts, rows, texts = find(tmp_path / "remove", [[*pages, lone, other]], config)
    assert [(row["offset"], row["kind"], row["pages"], row["removed"]) for row in rows] == [
        (i, "paragraph", 4, True) for i in (1, 2, 3)
    ]
    assert {row["survivor_offset"] for row in rows} == {0}
    assert [banner in text for text in texts] == [True, False, False, False, False, True]
    assert texts[1] == f"{words(40, 70)}\n\n{words(70, 80)}" and texts[4] == lone.text
    assert counts["paragraph_spans"] == 3 and counts["paragraph_span_chars"] == 3 * len(banner)

    measured = config.model_copy(update={"repeated_paragraphs": "measure"})
    _, counts, rows, texts = find(tmp_path / "measure", [[*pages, lone, other]], measured)
    assert counts["paragraph_spans"] == 3 and not any(row["removed"] for row in rows)
    assert texts == [page.text for page in [*pages, lone, other]]
    rarer = config.model_copy(update={"line_min_pages": 5})
    assert find(tmp_path / "rarer", [[*pages, lone, other]], rarer)[2] == []


def test_a_page_of_a_banner_alone_is_a_duplicate(tmp_path: Path) -> None:
    pages = [
        Page("We use cookies.\nAccept?" + f"\n\n{words(9, i)}" * (i > 20), f"p{i}", offset=i, host="h")
        for i in range(19, 24)
    ]
    config = DedupConfig(near=False, exact=False, repeated_paragraphs="remove", line_min_pages=3)
    outputs, counts, _, texts = find(tmp_path, [pages], config)
    [emptied] = [o for o in outputs if o.table == "duplicates"]
    [row] = read_table(str(tmp_path / emptied.path)).to_pylist()
    assert (row["offset"], row["survivor_offset"], row["kind"]) == (20, 19, "span")
    assert counts["span"] == 1 and texts[1] == ""
