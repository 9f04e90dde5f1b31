"""Word sequences that stand in a text more than once, compiled: from a suffix array to the stretches that may go.

Source: Lee et al. 2022, "Deduplicating Training Data Makes Language Models Better" (exact substrings); Kasai et al.
2001 (longest common prefixes in linear time).
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import compiled


@compiled
def common_prefixes(sequence: np.ndarray, suffixes: np.ndarray) -> np.ndarray:
    """int32[n]: symbols that suffixes[i] and suffixes[i - 1] begin with alike; 0 for the first."""
    n = len(sequence)
    place, common = np.empty(n, np.int32), np.zeros(n, np.int32)
    for i in range(n):
        place[suffixes[i]] = i
    length = 0
    for start in range(n):
        if place[start] == 0:
            length = 0
            continue
        other = suffixes[place[start] - 1]
        while start + length < n and other + length < n and sequence[start + length] == sequence[other + length]:
            length += 1
        common[place[start]] = length
        length = max(length - 1, 0)
    return common


@compiled
def link_repeats(suffixes: np.ndarray, common: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """For every place, where the sequence of `least` symbols that begins there is met first, and how often it is met.

    Returns:
        first int32[n] (the place itself where it is the first; -1 where the sequence is met once), times int32[n].
    """
    n = len(suffixes)
    first, times = np.full(n, -1, np.int32), np.zeros(n, np.int32)
    start = 0
    while start < n:
        end = start + 1
        least_place = suffixes[start]
        while end < n and common[end] >= least:
            least_place = min(least_place, suffixes[end])
            end += 1
        if end - start > 1:
            for i in range(start, end):
                first[suffixes[i]], times[suffixes[i]] = least_place, end - start
        start = end
    return first, times


@compiled
def find_runs(first: np.ndarray, times: np.ndarray, least: int) -> np.ndarray:
    """Stretches whose every symbol is part of a sequence met before, and of none that is met here first.

    The first copy of each repeated sequence so stays whole.

    Args:
        first: As `link_repeats` gives it; numbers below -1 stand for copies elsewhere, before everything here.
        times: How often each is met.
        least: Symbols of a sequence.

    Returns:
        int64[runs, 4]: start, end, `first` and `times` of the last sequence that begins by the start; at least `least`
        symbols each.
    """
    n = len(first)
    found = np.empty((n // max(least, 1) + 1, 4), np.int64)
    runs, start = 0, -1
    covered_to, protected_to, source, met = 0, 0, 0, 0
    for at in range(n + 1):
        if at < n and first[at] == at:
            protected_to = at + least
        if at < n and first[at] != -1 and first[at] != at:
            source, met = first[at], times[at]
            covered_to = at + least
        gone = at < n and at < covered_to and at >= protected_to
        if gone and start < 0:
            start = at
            from_source, from_met = source, met
        if not gone and start >= 0:
            # a sequence met here first that begins before the stretch ends has cut it there already
            if at - start >= least:
                found[runs, 0], found[runs, 1] = start, at
                found[runs, 2], found[runs, 3] = from_source, from_met
                runs += 1
            start = -1
    return found[:runs]
