"""Single pages read again from where a ledger row says they lie, and the texts they give.

Where each record of an archive can be fetched alone, only its bytes are read. Offsets that count decompressed bytes or
rows point at nothing that can be fetched: such an archive is read from its start, and what is not wanted passed over.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from flows.annotate_rows import batch_of, describe, identify
from flows.annotate_task import AnnotateJob
from flows.batching import Batching
from pipeline.archive.config import ArchiveConfig
from pipeline.archive.page import to_page
from pipeline.archive.reader import read_archive
from pipeline.archive.records import Item, Page, Record
from pipeline.judging import Verdicts, run_stages
from pipeline.pii.config import PiiConfig, find_personal_data
from pipeline.pii.spans import scrub
from pipeline.stage import Stage
from storage.errors import ShardFailed
from storage.files import open_read
from storage.ranges import read_ranges

Archive = Mapping[str, Any]
"""A committed row of `ARCHIVES`."""

Place = tuple[int, int]
"""Offset and length of a record, as its ledger row has them."""


def read_records(archive: Archive, places: Sequence[Place], config: ArchiveConfig) -> Iterator[Record]:
    """The records at those places, in the order of their offsets, as reading the whole archive gives them.

    Raises:
        ShardFailed: No record begins there: the archive is not the one the ledger was made from.
        UserError: The archive is not there any more.
        Transient: Its store stayed busy.
    """
    wanted = sorted(places)
    with ExitStack() as stack:
        whole: Iterator[Item] | None = None
        for place, data in _with_bytes(archive, wanted):
            record: Item | None = _alone(data, place, archive, config) if data is not None else None
            if record is None:  # cannot be fetched alone; the places ascend, so one pass serves all of them
                whole = whole or _items(archive, config, stack)
                record = next((item for item in whole if item.offset >= place[0]), None)
            if not isinstance(record, Record) or (record.offset, record.length) != place:
                raise _changed(archive["uri"], place)
            yield record


def judge_again(
    job: AnnotateJob, records: Iterable[Record], digests: Mapping[int, str | None], stages: Sequence[Stage]
) -> Iterator[Verdicts]:
    """What the stages say of records read again, in batches, in order.

    Args:
        job: The task of their archive.
        records: Those of pages, as `read_records` yields them.
        digests: Offset to the digest of the body that the ledger has.
        stages: What to run.

    Raises:
        ShardFailed: A body is not the one the ledger was made from.
    """
    pages: list[tuple[dict[str, Any], Page]] = []
    batching = Batching()
    for record in records:
        page = to_page(record, job.recipe.archive)
        row = identify(record, job.source) | (describe(page) if isinstance(page, Page) else {})
        if not isinstance(page, Page) or row["payload_digest"] != digests[record.offset]:
            raise _changed(job.source.uri, (record.offset, record.length))
        pages.append((row, page))
        batching.add(page)
        if batching.is_full(len(pages)):
            batching.judged(verdicts := run_stages(batch_of(pages), stages))
            yield verdicts
            pages = []
    if pages:
        yield run_stages(batch_of(pages), stages)


def texts_as_extracted(job: AnnotateJob, archive: Archive, pages: Sequence[Mapping[str, Any]]) -> dict[int, str | None]:
    """The extracted texts of ledger rows of one archive, by offset, personal data replaced; None: nothing found.

    Personal data is looked for even where the recipe keeps it: what is printed is not what is trained on.
    """
    stages = [replace(stage, rules=()) for stage in job.recipe.extract.stages()]
    digests = {row["offset"]: row["payload_digest"] for row in pages}
    spoken = {row["offset"]: row.get("language") for row in pages}
    records = read_records(archive, [(row["offset"], row["length"]) for row in pages], job.recipe.archive)
    texts: dict[int, str | None] = {}
    for verdicts in judge_again(job, records, digests, stages):
        for row in verdicts.table.select(["offset", "host", "text"]).to_pylist():
            texts[row["offset"]] = _masked(row["text"], job.recipe.pii, spoken[row["offset"]], row["host"])
    return texts


def _masked(text: str | None, config: PiiConfig, language: str | None, host: str | None) -> str | None:
    if text is None:
        return None
    return scrub(text, find_personal_data(text, config if config.enabled else PiiConfig(), language, host))


def _with_bytes(archive: Archive, places: Sequence[Place]) -> Iterator[tuple[Place, bytes | None]]:
    """Each place with its bytes in the file; None where offsets do not count those."""
    if archive["offsets_in"] != "file":
        yield from ((place, None) for place in places)
    else:
        yield from zip(places, read_ranges(archive["uri"], places), strict=True)


def _alone(data: bytes, place: Place, archive: Archive, config: ArchiveConfig) -> Record | None:
    """The one record those bytes are; None where they are not one, such as a part of a shared member."""
    items = list(read_archive(io.BytesIO(data), archive["archive"], len(data), config))
    if len(items) != 1 or not isinstance(items[0], Record) or items[0].length != place[1]:
        return None
    return items[0]._replace(offset=place[0])


def _items(archive: Archive, config: ArchiveConfig, stack: ExitStack) -> Iterator[Item]:
    stream = stack.enter_context(open_read(archive["uri"]))
    return iter(read_archive(stream, archive["archive"], stream.seek(0, io.SEEK_END), config))


def _changed(uri: str, place: Place) -> ShardFailed:
    return ShardFailed(
        f"{uri} is not the archive that the ledger was made from: at {place[0]:,} it holds another record.",
        "`winnow corpus` reads it anew.",
    )
