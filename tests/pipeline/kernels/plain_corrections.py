"""RefinedWeb's line corrections and NeMo Curator's counts once more, in plain Python."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from pipeline.kernels.classes import BULLETS
from pipeline.kernels.english import ELLIPSIS_MARKS
from pipeline.kernels.line_corrections import Corrections
from tests.pipeline.kernels.plain import category, in_ranges

Keeps = Callable[[str], bool]


def spaced_words(line: str) -> list[str]:
    """Words between white space, every letter of an unspaced script with its marks for itself."""
    words = []
    for chunk in line.split():
        start = 0
        for i, c in enumerate(chunk):
            near = in_ranges(c, "UNSPACED_RANGES") or (i > 0 and in_ranges(chunk[i - 1], "UNSPACED_RANGES"))
            if i and near and category(c)[0] != "M":
                words.append(chunk[start:i])
                start = i
        words.append(chunk[start:])
    return words


def counted_words(text: str) -> int:
    return sum(word[0].isalnum() for word in spaced_words(text))


def correct(text: str, corrections: Corrections) -> tuple[str, Counter[str]]:
    """The text that stays and how many lines went, by cause."""
    counts: Counter[str] = Counter(words=counted_words(text))
    kept = []
    for line in text.split("\n") if text else []:
        counts["lines"] += 1
        cause, left = corrected_line(line, corrections)
        if cause:
            counts[cause] += 1
        else:
            counts["edited"] += left != line
            kept.append(left)
    left = "\n".join(kept).strip()
    counts["left"] = counted_words(left)
    return left, counts


def corrected_line(line: str, c: Corrections) -> tuple[str, str]:
    """Why the line goes ("" where it stays), and what is left of it."""
    if not line:
        return "", line
    if sum(x.isupper() for x in line) / len(line) > c.max_capital_frac:
        return "capitals", ""
    if sum(x.isdigit() for x in line) / len(line) > c.max_numeral_frac:
        return "numerals", ""
    if c.counted and is_counter(line, c.counted):
        return "counter", ""
    if len(spaced_words(line)) < c.min_words:
        return "few_words", ""
    if len(spaced_words(line)) > c.phrase_words:
        return "", line
    patterns = [rf"\s?{p}" for p in c.anywhere] + [rf"\s?{p}$" for p in c.at_end] + [rf"^{p}\s?" for p in c.at_start]
    for pattern in patterns:
        cut = ascii_sub(pattern, line) if len(line.split()) <= c.phrase_words else line
        if cut != line and not cut.strip():
            return "phrase", ""
        line = cut
    return "", line


def is_counter(line: str, counted: tuple[str, ...]) -> bool:
    lowered = re.sub("[A-Z]", lambda m: m.group().lower(), line)
    return bool(re.fullmatch(rf"\W*\d[,.\d]*[kmb]?\s+(?:{'|'.join(counted)})\W*", lowered))


def ascii_sub(pattern: str, line: str) -> str:
    """Without what matches whatever the case of ASCII letters."""
    lowered = re.sub("[A-Z]", lambda m: m.group().lower(), line)
    kept, at = [], 0
    for match in re.finditer(pattern.replace("$", r"\Z"), lowered):
        kept.append(line[at : match.start()])
        at = match.end()
    return "".join([*kept, line[at:]])


def filled(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def english(text: str, common: tuple[str, ...]) -> list[int]:
    """The columns of `count_english`."""
    words, lines = text.split(), [line.strip() for line in filled(text)]
    return [
        len(re.findall(r"[a-zA-Z0-9\n?!,.]", text)),
        sum(category(c) == "Nd" for c in text),
        sum(c in "\t\n\r\b " for c in text),
        len(re.findall(r"[{}⟨⟩\[\]()]", text)),
        sum(map(len, re.findall(r"http[s]?://[a-zA-Z0-9$-_!]+", text))),
        len(words),
        sum(map(len, words)),
        max(map(len, words), default=0),
        sum(any(category(c)[0] == "L" for c in word) for word in words),
        sum(word in ELLIPSIS_MARKS or len(re.findall("#+", word)) / len(word) > 0.5 for word in words),
        sum(word in common for word in words),
        len(lines),
        sum(not line.endswith((".", "?", "!", '"', "'")) for line in lines),
        sum(re.sub("[A-Z]", lambda m: m.group().lower(), line).endswith(ELLIPSIS_MARKS) for line in lines),
        sum(line.startswith(tuple(BULLETS)) for line in lines),
    ]


def paragraphs(text: str, phrases: tuple[str, ...]) -> list[int]:
    """The columns of `count_paragraphs`."""
    pieces = text.split("\n\n")
    lowered = [re.sub("[A-Z]", lambda m: m.group().lower(), piece) for piece in pieces]
    seen: set[str] = set()
    again = [piece for piece in pieces if piece in seen or seen.add(piece)]  # type: ignore[func-returns-value]
    phrased = sum(any(phrase in piece for phrase in phrases) for piece in lowered)
    if any("lorem ipsum" in piece for piece in lowered):
        phrased = len(pieces)
    return [len(pieces), len(again), sum(map(len, pieces)), sum(map(len, again)), phrased]
