"""Whether a chunk is an address of the web (URL, host name, e-mail): such a chunk is one word."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from pipeline.kernels.classes import DIGIT, HOST_PART, LOWER
from pipeline.kernels.compiled import called, inlined

_DOT, _COLON, _SLASH, _AT, _MINUS, _UNDERSCORE, _QUERY, _HASH = 0x2E, 0x3A, 0x2F, 0x40, 0x2D, 0x5F, 0x3F, 0x23


@called
def is_weblike(codes, classes, low, high):
    """[scheme://] [user@] labels and a lower-case last label of two letters or more [:port] [path, query,
    fragment].

    Dotted numbers of four parts pass as hosts too, as in the pattern this follows.
    Source: spaCy's URL pattern, after Diego Perini's (gist.github.com/dperini/729294).
    """
    dot = -1
    for i in range(low, high):
        if codes[i] == _DOT:
            dot = i
            break
    if dot < 0:
        return False
    start = _after_scheme(codes, low, high)
    if _is_host_to_end(codes, classes, start, high):
        return True
    for i in range(start + 1, high - 1):  # noqa: SIM110  numba compiles no generators into a caller
        if codes[i] == _AT and _is_host_to_end(codes, classes, i + 1, high):
            return True
    return False


@inlined
def _after_scheme(codes, low, high):
    for i in range(low + 2, high - 3):
        if codes[i] == _COLON:
            return i + 3 if codes[i + 1] == _SLASH and codes[i + 2] == _SLASH else low
    return low


@called
def _is_host_to_end(codes, classes, start, high):
    """Labels from `start`, then a port or a path, or the end."""
    i = label = start
    labels = 0
    lower = numeric = True
    while (i < high and classes[codes[i]] & HOST_PART) or (i < high and codes[i] == _DOT and i > label):
        if codes[i] == _DOT:
            if codes[i - 1] == _MINUS or codes[i - 1] == _UNDERSCORE:
                return False
            labels += 1
            label = i + 1
            lower = True
        else:
            lower = lower and (classes[codes[i]] & LOWER) != 0
            numeric = numeric and (classes[codes[i]] & DIGIT) != 0
        i += 1
    if labels == 0 or not _ends_host(codes, i, high):
        return False
    return (lower and i - label >= 2) or (numeric and labels == 3 and i > label)


@inlined
def _ends_host(codes, i, high):
    if i == high:
        return True
    if codes[i] == _COLON:
        port = i + 1
        while port < high and 0x30 <= codes[port] <= 0x39:
            port += 1
        return 2 <= port - i - 1 <= 5 and (port == high or _opens_path(codes[port]))
    return _opens_path(codes[i])


@inlined
def _opens_path(point):
    return point in (_SLASH, _QUERY, _HASH)
