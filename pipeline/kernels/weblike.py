"""Whether a chunk is an address of the web (URL, host name, e-mail): such a chunk is one word."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from pipeline.kernels.classes import DIGIT, LOWER
from pipeline.kernels.compiled import called, inlined

_DOT, _COLON, _SLASH, _AT, _MINUS, _UNDERSCORE, _QUERY, _HASH = 0x2E, 0x3A, 0x2F, 0x40, 0x2D, 0x5F, 0x3F, 0x23


@called
def is_weblike(points, classes, low, high):
    """[scheme://] [user@] labels and a lower-case last label of two letters or more [:port] [path, query,
    fragment].

    Dotted numbers of four parts pass as hosts too, as in the pattern this follows.
    Source: spaCy's URL pattern, after Diego Perini's (gist.github.com/dperini/729294).
    """
    dot = -1
    for i in range(low, high):
        if points[i] == _DOT:
            dot = i
            break
    if dot < 0:
        return False
    start = _after_scheme(points, low, high)
    if _is_host_to_end(points, classes, start, high):
        return True
    for i in range(start + 1, high - 1):  # noqa: SIM110  numba compiles no generators into a caller
        if points[i] == _AT and _is_host_to_end(points, classes, i + 1, high):
            return True
    return False


@inlined
def _after_scheme(points, low, high):
    for i in range(low + 2, high - 3):
        if points[i] == _COLON:
            return i + 3 if points[i + 1] == _SLASH and points[i + 2] == _SLASH else low
    return low


@called
def _is_host_to_end(points, classes, start, high):
    """Labels from `start`, then a port or a path, or the end."""
    i = label = start
    labels = 0
    lower = numeric = True
    while (i < high and _is_label_part(points[i])) or (i < high and points[i] == _DOT and i > label):
        if points[i] == _DOT:
            if points[i - 1] == _MINUS or points[i - 1] == _UNDERSCORE:
                return False
            labels += 1
            label = i + 1
            lower = True
        else:
            lower = lower and (classes[i] & LOWER) != 0
            numeric = numeric and (classes[i] & DIGIT) != 0
        i += 1
    if labels == 0 or not _ends_host(points, i, high):
        return False
    return (lower and i - label >= 2) or (numeric and labels == 3 and i > label)


@inlined
def _ends_host(points, i, high):
    if i == high:
        return True
    if points[i] == _COLON:
        port = i + 1
        while port < high and 0x30 <= points[port] <= 0x39:
            port += 1
        return 2 <= port - i - 1 <= 5 and (port == high or _opens_path(points[port]))
    return _opens_path(points[i])


@inlined
def _opens_path(point):
    return point in (_SLASH, _QUERY, _HASH)


@inlined
def _is_label_part(point):
    lower = point | 0x20
    ascii_part = 0x61 <= lower <= 0x7A or 0x30 <= point <= 0x39 or point in (_MINUS, _UNDERSCORE)
    return ascii_part or 0xA1 <= point <= 0xFFFF
