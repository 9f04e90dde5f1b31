"""How often pairs of a measured similarity agree on a band, counted in the lake, beside what the formula says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from flows.report.source import Row, Source
from storage.shards import read_table

MOST_ARCHIVES = 8
"""Archives whose band keys are read."""
STEP = 0.025

Place = tuple[str, str, int]

PAIRS = """\
SELECT crawl, archive, "offset", survivor_crawl, survivor_archive, survivor_offset, jaccard
FROM duplicates WHERE kind = 'near' ORDER BY crawl, archive, "offset" LIMIT 200000"""


def measured_bands(source: Source, bands: int) -> list[Row]:
    """Found pairs by similarity, and the chance of finding such a pair that their bands speak for.

    A pair is only in the lake because it agrees on at least one band. Its agreeing share therefore overstates the
    chance p of agreeing on one: the p whose expected share, p / (1 − (1 − p)ᵇ), equals the mean share is the estimate.

    Returns:
        Rows of `jaccard` (middle of a step of 0.025), `pairs`, `shared_frac` (mean share of bands agreed on) and
        `found_prob` (1 − (1 − p)ᵇ), 0..1.
    """
    pairs = _pairs_of_few_archives(source.rows(PAIRS))
    keys = _keys(source, {place[:2] for pair in pairs for place in pair[:2]})
    shares: dict[int, list[float]] = {}
    for page, survivor, jaccard in pairs:
        mine, other = keys.get(page), keys.get(survivor)
        if mine and other and len(mine) == len(other) == bands:
            share = sum(a == b for a, b in zip(mine, other, strict=True)) / bands
            shares.setdefault(min(int(jaccard / STEP), int(1 / STEP) - 1), []).append(share)
    return [_row(step, values, bands) for step, values in sorted(shares.items()) if any(values)]


def _row(step: int, shares: list[float], bands: int) -> Row:
    mean = sum(shares) / len(shares)
    agree = agreement(mean, bands)
    return {
        "jaccard": (step + 0.5) * STEP,
        "pairs": len(shares),
        "shared_frac": mean,
        "found_prob": 1 - (1 - agree) ** bands,
    }


def agreement(shared: float, bands: int) -> float:
    """The chance of agreeing on one band, from the mean share among pairs that agree on at least one; by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        found = 1 - (1 - middle) ** bands
        low, high = (middle, high) if found and middle / found < shared else (low, middle)
    return high


def _pairs_of_few_archives(rows: Iterable[Row]) -> list[tuple[Place, Place, float]]:
    pairs = [
        (
            (row["crawl"], row["archive"], row["offset"]),
            (row["survivor_crawl"], row["survivor_archive"], row["survivor_offset"]),
            row["jaccard"],
        )
        for row in rows
    ]
    times = Counter(place[:2] for pair in pairs for place in pair[:2])
    kept = {archive for archive, _ in sorted(times.items(), key=lambda item: (-item[1], item[0]))[:MOST_ARCHIVES]}
    return [pair for pair in pairs if pair[0][:2] in kept and pair[1][:2] in kept]


def _keys(source: Source, archives: set[tuple[str, str]]) -> dict[Place, list[int]]:
    found: dict[Place, list[int]] = {}
    for row in source.rows("SELECT crawl, archive, outputs FROM archives"):
        if (row["crawl"], row["archive"]) in archives:
            for output in (one for one in row["outputs"] if one["table"] == "bands"):
                table = read_table(source.lake.absolute(output["path"]), ["crawl", "archive", "offset", "keys"])
                for page in table.to_pylist():
                    found[page["crawl"], page["archive"], page["offset"]] = page["keys"]
    return found
