"""The kernels once more in plain Python: slow, obvious, and what the compiled ones must equal."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

from pipeline.kernels import boundaries, classes
from pipeline.kernels.line_filter import LineLimits

ABBREVIATIONS = frozenset(boundaries.ABBREVIATIONS.split())
UNITS = frozenset(boundaries.UNITS.split())
EDGE_MARKS = frozenset(classes.STOPS_AND_BRACKETS + classes.QUOTES)
RANGES = {
    name: classes.parse_ranges(getattr(classes, name))
    for name in ("TERMINAL_RANGES", "SYMBOL_RANGES", "UNSPACED_RANGES")
}


def in_ranges(c: str, name: str) -> bool:
    return any(first <= ord(c) <= last for first, last in RANGES[name])


def is_terminal(c: str) -> bool:
    return in_ranges(c, "TERMINAL_RANGES")


def is_symbol(c: str) -> bool:
    return in_ranges(c, "SYMBOL_RANGES") or is_terminal(c)


@cache
def category(c: str) -> str:
    """General category; beyond plane 3, which the kernels leave alone, none."""
    return unicodedata.category(c) if ord(c) < 0x34000 else "--"


def is_letter(c: str) -> bool:
    return category(c)[0] in "LM"


def is_alpha(c: str) -> bool:
    return category(c)[0] == "L"


def is_digit(c: str) -> bool:
    return category(c) == "Nd"


def is_lower(c: str) -> bool:
    return is_alpha(c) and category(c) not in ("Lu", "Lt")


def is_upper(c: str) -> bool:
    return is_alpha(c) and category(c) != "Ll"


def precedes_stop(c: str) -> bool:
    return is_digit(c) or is_lower(c) or c in EDGE_MARKS or c in "%²-+"


# Words


def split_words(text: str) -> list[str]:
    """The words of `find_words`."""
    return [part for chunk in text.split() for word in split_chunk(chunk) for part in split_unspaced(word)]


def split_chunk(chunk: str) -> Iterator[str]:
    head: list[str] = []
    tail: list[str] = []
    while chunk and chunk not in ABBREVIATIONS:
        prefix = prefix_of(chunk)
        rest = chunk[len(prefix) :]
        if prefix and rest in ABBREVIATIONS:
            head.append(prefix)
            chunk = rest
            break
        suffix = suffix_of(rest)
        if not prefix and not suffix:
            break
        head += [prefix] if prefix else []
        tail += [suffix] if suffix else []
        chunk = rest[: len(rest) - len(suffix)]
    yield from head
    if chunk:
        yield from split_core(chunk)
    yield from reversed(tail)


def prefix_of(chunk: str) -> str:
    if chunk[0] in EDGE_MARKS or chunk[0] in "§%=—–" or category(chunk[0]) in ("So", "Sc"):
        return chunk[0]
    if chunk[0] == "+" and not (len(chunk) > 1 and is_digit(chunk[1])):
        return "+"
    return dots(chunk) if len(dots(chunk)) > 1 else ""


def dots(chunk: str) -> str:
    return chunk[: len(chunk) - len(chunk.lstrip("."))]


def suffix_of(chunk: str) -> str:
    if not chunk:
        return ""
    run = len(chunk) - len(chunk.rstrip("."))
    if run > 1:
        return "." * run
    if run == 1:
        upper = len(chunk) > 2 and is_upper(chunk[-2]) and is_upper(chunk[-3])
        return "." if len(chunk) > 1 and (precedes_stop(chunk[-2]) or upper) else ""
    if chunk[-1] in EDGE_MARKS or chunk[-1] in "—–" or category(chunk[-1]) == "So":
        return chunk[-1]
    if len(chunk) > 1 and chunk[-1] in "sS" and chunk[-2] in "'’":
        return chunk[-2:]
    if len(chunk) > 1 and is_digit(chunk[-2]) and (chunk[-1] == "+" or category(chunk[-1]) == "Sc"):
        return chunk[-1]
    for length in (4, 3, 2, 1):
        if len(chunk) > length and chunk[-length:] in UNITS and is_digit(chunk[-length - 1]):
            return chunk[-length:]
    return ""


def split_core(core: str) -> Iterator[str]:
    if core in ABBREVIATIONS or is_weblike(core):
        yield core
        return
    clitic = re.search(r"(n['’]t|['’](ll|ve|re|d|m))$", core, re.ASCII | re.IGNORECASE)
    if clitic and clitic.start() > 0 and is_alpha(core[clitic.start() - 1]):
        yield core[: clitic.start()]
        yield clitic.group()
        return
    start, i = 0, 1
    while i < len(core):
        joint = joint_at(core, i)
        if joint:
            if i > start:
                yield core[start:i]
            yield core[i : i + joint]
            start = i = i + joint
        else:
            i += 1
    if start < len(core):
        yield core[start:]


def joint_at(core: str, i: int) -> int:
    c = core[i]
    if category(c) == "So" or c == "…":
        return 1
    if c == "." and len(dots(core[i:])) > 1:
        return len(dots(core[i:]))
    if i + 1 == len(core):
        return 0
    before, after = core[i - 1], core[i + 1]
    if c == ".":
        left, right = is_lower(before) or before in classes.QUOTES, is_upper(after) or after in classes.QUOTES
        return int(left and right)
    if c == ",":
        return int(is_letter(before) and is_letter(after))
    if c in "+-*^" and is_digit(before) and (is_digit(after) or after == "-"):
        return 1
    if not (is_letter(before) or is_digit(before)):
        return 0
    if c in ":<>=/":
        return int(is_letter(after))
    run = re.match(r"-{1,3}|–{1,3}|—{1,3}|~", core[i:])
    end = i + len(run.group()) if run else len(core)
    return end - i if end < len(core) and is_letter(core[end]) else 0


LABEL = r"[a-zA-Z0-9_\-\u00a1-\uffff]"
END = r"(?::[0-9]{2,5})?(?:[/?#].*)?$"
HOST = re.compile(rf"((?:{LABEL}*[a-zA-Z0-9\u00a1-\uffff]\.)+)({LABEL}{{2,}}){END}", re.DOTALL)
NUMBERS = re.compile(rf"(\d+\.){{3}}\d+{END}", re.DOTALL)


def is_weblike(core: str) -> bool:
    if "." not in core:
        return False
    colon = core.find(":", 2, len(core) - 3)
    if colon > 0 and core[colon : colon + 3] == "://":
        core = core[colon + 3 :]
    starts = [0, *(i + 1 for i in range(1, len(core) - 1) if core[i] == "@")]
    return any(is_host(core[start:]) for start in starts)


def is_host(text: str) -> bool:
    host = HOST.match(text)
    return bool(NUMBERS.match(text)) or (host is not None and all(is_lower(c) for c in host[2]))


def split_unspaced(word: str) -> list[str]:
    parts = [""]
    for i, c in enumerate(word):
        joined = i and (in_ranges(c, "UNSPACED_RANGES") or in_ranges(word[i - 1], "UNSPACED_RANGES"))
        if joined and category(c)[0] != "M":
            parts.append("")
        parts[-1] += c
    return parts


# Repetition


def repeated(pieces: Sequence[str]) -> tuple[int, int, int, int]:
    """How many, how many equal to an earlier one, the characters of these and of all."""
    seen: set[str] = set()
    again = [piece for piece in pieces if piece in seen or seen.add(piece)]  # type: ignore[func-returns-value]
    return len(pieces), len(again), sum(map(len, again)), sum(map(len, pieces))


def lines(text: str) -> list[str]:
    return re.split(r"\n+", text)


def paragraphs(text: str) -> list[str]:
    return re.split(r"\n{2,}", text.strip())


def filled_lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def top_gram(words: Sequence[str], n: int) -> int:
    grams = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    return max(grams.values()) * len(" ".join(max(grams, key=grams.__getitem__))) if grams else 0


def repeated_grams(words: Sequence[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    chars = i = 0
    while i < len(words) - n + 1:
        gram = tuple(words[i : i + n])
        if gram in seen:
            chars += len("".join(gram))
            i += n
        else:
            seen.add(gram)
            i += 1
    return chars


# Counts


def sentences(line: str) -> int:
    count, ended = 0, True
    for place, word in enumerate(split_words(line)):
        terminal = len(word) == 1 and is_terminal(word)
        if place == 0 or (ended and not terminal and any(category(c)[0] != "P" for c in word)):
            count, ended = count + 1, False
        ended = ended or terminal
    return count


def ends_in_ellipsis(line: str) -> bool:
    return line.rstrip().endswith(("...", "…"))


def begins_with_bullet(line: str) -> bool:
    return line.lstrip().startswith(("•", "-"))


# C4's lines

CAUSES = ("long_word", "no_terminal", "few_words", "lorem_ipsum", "javascript", "curly_bracket", "policy")


def filter_text(text: str, limits: LineLimits, policy: Sequence[str]) -> tuple[str, Counter[str]]:
    counts: Counter[str] = Counter()
    kept = []
    for raw in text.splitlines():
        line = raw.strip()
        words = line.split()
        if limits.citations:
            line = re.sub(r"\[[0-9]*\]|\[edit\]|\[citation needed\]", "", line)
        cause = cause_of(line, words, limits, policy)
        counts[cause] += 1
        if cause in ("", "lorem_ipsum", "curly_bracket"):
            kept.append(line)
    return "\n".join(kept).strip(), counts


def cause_of(line: str, words: Sequence[str], limits: LineLimits, policy: Sequence[str]) -> str:
    lower = re.sub("[A-Z]", lambda match: match.group().lower(), line)
    tests = {
        "long_word": any(len(word) > limits.max_word_chars for word in words),
        "no_terminal": limits.terminal and (not line.endswith((".", "?", "!", '"', "'")) or line.endswith("...")),
        "few_words": len(words) < limits.min_words,
        "lorem_ipsum": "lorem ipsum" in lower,
        "javascript": limits.javascript and "javascript" in lower,
        "curly_bracket": "{" in line,
        "policy": limits.policy and any(phrase.lower() in lower for phrase in policy),
    }
    return next((cause for cause, holds in tests.items() if holds), "")
