"""A search for duplicates in one process: the units that flows share out, one after another."""

from __future__ import annotations

from typing import Any

from flows.dedup_buckets import link_bands, plan_bands
from flows.dedup_job import DedupJob
from flows.dedup_parts import gather_texts, judge_part, plan_parts, plan_texts
from flows.dedup_results import write_duplicates
from flows.dedup_task import rank_pages
from storage.shards import Output


def find_duplicates(job: DedupJob, units: int = 1) -> tuple[list[Output], dict[str, Any]]:
    """What `write_duplicates` gives, the bands cut into so many units."""
    rank_pages(job)
    ranges = plan_bands(job, units)
    for bands in ranges:
        link_bands(job, bands)
    parts = plan_parts(job, ranges)
    for number in plan_texts(job):
        gather_texts(job, number)
    for part in range(parts):
        judge_part(job, part)
    return write_duplicates(job)
