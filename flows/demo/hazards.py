"""Collections of what makes a crawl hard: pages that break one rule each, and traffic that breaks HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from flows.demo.markup import paragraphs_html
from flows.demo.site import HTML, LOGO, Link, Page, Reply, VirtualHost

OPENINGS = (
    *("The ferry to the island", "An old map of the coast", "Nobody in the village", "Her younger brother"),
    *(
        "The baker on the corner",
        "Every letter from abroad",
        "A narrow path behind the mill",
        "The last train home",
    ),
    *("My neighbour with the dog", "The choir of the school", "Rain in the late summer"),
)
MIDDLES = (
    *(
        "was said to have",
        "has never quite",
        "would have liked to have",
        "had always somehow",
        "may well have",
    ),
    *(
        "could not have been what",
        "seldom turned out as it",
        "has since been what",
        "must once have been what",
    ),
    *("is thought to be what", "will hardly be what", "used to be all that", "ought to have been what"),
)
ENDINGS = (
    *(
        "brought the two families together",
        "kept the harbour awake at night",
        "made him return to the mountains",
    ),
    *(
        "frightened the horses in autumn",
        "filled the small library with visitors",
        "decided the election that year",
    ),
    *(
        "paid for a new church roof",
        "taught them patience and arithmetic",
        "ended the quarrel about the well",
    ),
    *("changed the colour of the river", "was drawn on the kitchen wall", "gave the street its curious name"),
    *(
        "nobody wanted to be reminded of",
        "the gardener remembered with a smile",
        "sailors told each other for decades",
    ),
    *("outlived three mayors and a war", "cost more than the whole bridge"),
)
"""English in pieces that combine into many different sentences, for pages that fail one rule and no other."""
SYLLABLES = (
    "ka",
    "ro",
    "mi",
    "te",
    "su",
    "lan",
    "dor",
    "ve",
    "pri",
    "ok",
    "na",
    "ul",
    "fi",
    "gra",
    "bo",
    "xe",
)
GIBBERISH_PAGES = 24
ADDRESSES = ("/porn/harbour.html", "/poker/slots/harbour.html", "/online-casino-harbour.html")
"""Addresses that break a rule about addresses each, of pages that break no other."""
TINY = ("a", "be", "to", "of", "it", "is", "we", "do", "in", "on", "at", "by", "no", "so", "up", "an", "as")


def english(sentences: int, start: int = 0) -> str:
    """A paragraph of that many sentences, all different: the choices are prime in number."""
    return " ".join(f"{_sentence(number)}." for number in range(start, start + sentences))


def _sentence(number: int) -> str:
    pieces = (OPENINGS, MIDDLES, ENDINGS)
    return " ".join(choices[number * stride % len(choices)] for choices, stride in zip(pieces, (1, 2, 3), strict=True))


def gibberish(seed: str, words: int) -> str:
    """Pseudo-words from a seed, the same on every machine."""
    stream = hashlib.shake_256(seed.encode()).digest(words * 5)
    pick = [stream[n * 5 : n * 5 + 5] for n in range(words)]
    spelled = ("".join(SYLLABLES[byte % len(SYLLABLES)] for byte in five[: 1 + five[4] % 4]) for five in pick)
    return " ".join(spelled)


def rule_breakers() -> dict[str, Page]:
    """Pages that each break a rule of the quality filters, by path; the path says which."""
    texts = {f"/rules/{name}.html": text for name, text in RULE_BREAKERS.items()}
    for n in range(GIBBERISH_PAGES):
        texts[f"/gibberish/{n}.html"] = _lines(gibberish(f"{n} {part}", 90) for part in range(3))
    for n, path in enumerate(ADDRESSES):
        texts[path] = _lines([english(9, 18 * n), english(9, 18 * n + 9)])
    return {path: _page(path, text) for path, text in texts.items()}


def listed_pages() -> dict[str, Page]:
    """A page with nothing wrong but its host, which the demo's recipe lists."""
    path = "/a-quiet-page.html"
    return {path: _page(path, _lines([english(9), english(9, 9)]))}


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _page(path: str, text: str) -> Page:
    title = path.rpartition("/")[2].removesuffix(".html").replace("-", " ")
    return Page(path, title, paragraphs_html(text).replace("\n", "<br>"))


RULE_BREAKERS = {
    "few-words": "There is nothing here yet, but we will have it with you soon.",
    "many-words": _lines(english(9, 9 * n) for n in range(860)),
    "long-words": " ".join(f"{gibberish(str(n), 1)}internationalization of the telecommunication." for n in range(60)),
    "short-words": " ".join(f"{a} {b} {c}." for a in TINY for b in reversed(TINY) for c in TINY[::5] if a != b),
    "hashes": _lines(f"{_sentence(n)} #deal #now{n}." for n in range(14)),
    "ellipses": " ... ".join(english(14).split()[n] + " to be" for n in range(90)) + ".",
    "bullets": _lines(f"\u2022 {_sentence(n)}." for n in range(24)),
    "read-more": _lines(f"{_sentence(n)}..." for n in range(14)) + "\n" + english(6, 14),
    "numbers": _lines(f"{_sentence(n)}: {' '.join(str(n * k + k) for k in range(7, 23))}." for n in range(12)),
    "no-stop-words": "Cats purr loudly. Dogs bark. Birds sing sweetly. Fish swim. Horses gallop swiftly. " * 4,
    "repeated-lines": _lines([f"{_sentence(0)}."] * 8 + [english(9, 1)]),
    "repeated-paragraphs": "\n\n".join([english(2)] * 6 + [english(8, 2)]),
    "repeated-phrase": "The offer is here and " + "you can have the offer of the day today, " * 30 + "so be quick.",
    "curly-brackets": _lines(f"{_sentence(n)} {{footnote {n}}}." for n in range(12)),
    "no-sentences": english(9).replace(".", ";"),
    "no-punctuation": _lines(_sentence(n) for n in range(14)),
    "short-lines": _lines(" ".join(_sentence(n).split()[:5]) + "." for n in range(30)),
    "menu": _lines(["Home", "Products", "About us", "Contact", "Sign in", "Read more", "0 items in cart"] * 4),
    "one-line-a-word": _lines(english(12).split()),
    "long-token": _lines([english(9), "x" * 1200, english(4, 9)]),
    "cookies": _lines([english(7), "This site uses cookies and needs javascript.", english(7, 7)]),
}
"""Page name to its text: what each one is too much or too little of."""


@dataclass(frozen=True)
class Mirror:
    """Another host's pages, byte for byte, under this host's name."""

    original: VirtualHost

    def entrances(self) -> Sequence[Link]:
        """What the original's first collection opens with."""
        return self.original.collections[0].entrances()

    def reply(self, path: str) -> Reply | Page | None:
        """What the original says there, but for what it does not have."""
        reply = self.original.reply(path)
        return reply if reply.status == 200 else None


class Traffic:
    """Replies that are no page, or that break on the way."""

    def entrances(self) -> Sequence[Link]:
        """Every one of them, and two addresses that must not be followed."""
        return [
            *(Link(path, path) for path in TRAFFIC),
            Link("/private/diary.html", "private"),
            Link("/gone.html", "gone"),
        ]

    def reply(self, path: str) -> Reply | None:
        """The hazard at that path."""
        make = TRAFFIC.get(path)
        return make() if make else None


def _html(body: str) -> bytes:
    head = "<!DOCTYPE html><html lang='en'><head><title>Old page</title></head>"
    return f"{head}<body>{body}</body></html>".encode()


ARTICLE = _html(f"<h1>Old page</h1><article><p>{english(8)}</p><p>{english(8, 8)}</p></article>")

TRAFFIC: dict[str, Callable[[], Reply]] = {
    "/moved.html": lambda: Reply(b"", "", 301, {"Location": "/old.html"}),
    "/temporarily.html": lambda: Reply(b"", "", 302, {"Location": "http://encyclopedia.test/wiki/Tide.html"}),
    "/old.html": lambda: Reply(ARTICLE),
    "/forbidden.html": lambda: Reply(_html("<p>Forbidden</p>"), status=403),
    "/removed.html": lambda: Reply(_html("<p>Gone for good</p>"), status=410),
    "/error.html": lambda: Reply(_html("<p>Internal server error</p>"), status=500),
    "/nothing.html": lambda: Reply(b"", "", 204),
    "/empty.html": lambda: Reply(b""),
    "/blank.html": lambda: Reply(_html("")),
    "/photo.png": lambda: Reply(LOGO, "image/png"),
    "/picture.html": lambda: Reply(LOGO, HTML),
    "/paper.pdf": lambda: Reply(b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n", "application/pdf"),
    "/program.bin": lambda: Reply(hashlib.shake_256(b"program").digest(20_000), "application/octet-stream"),
    "/data.json": lambda: Reply(b'{"pages": [1, 2, 3], "next": null}', "application/json"),
    "/notes.txt": lambda: Reply(english(9).encode(), "text/plain; charset=utf-8"),
    "/untyped": lambda: Reply(ARTICLE, ""),
    "/no-charset.html": lambda: Reply(
        _html(f"<p>caf\u00e9 {english(6, 2)}</p>").replace(b"\xc3\xa9", b"\xe9"), "text/html"
    ),
    "/wrong-charset.html": lambda: Reply(_html(f"<p>caf\u00e9 {english(6, 3)}</p>"), "text/html; charset=utf-16"),
    "/compressed.html": lambda: Reply(ARTICLE, coding="gzip"),
    "/chunked.html": lambda: Reply(ARTICLE, chunked=True),
    "/both.html": lambda: Reply(ARTICLE, coding="gzip", chunked=True),
    "/not-really-compressed.html": lambda: Reply(ARTICLE, coding="broken"),
    "/interrupted.html": lambda: Reply(ARTICLE, withheld=len(ARTICLE) // 3),
    "/interrupted-compressed.html": lambda: Reply(ARTICLE, coding="gzip", withheld=200),
    "/deep.html": lambda: Reply(_html("<div>" * 5000 + english(6) + "</div>" * 5000)),
    "/pieces.html": lambda: Reply(_html("<p>x" * 210_000)),
    "/unclosed.html": lambda: Reply(f"<html><body><p>{english(6, 1)}<p>{english(6, 2)}<table><tr><td>".encode()),
}
"""Path to what is answered there."""
