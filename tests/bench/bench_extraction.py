"""How good and how fast main content is found: winnow beside its peers on WCXB's pages, page by page in turns.

    python -m tests.bench.bench_extraction [--half report|tune|all] [--pages N]

Words of each text are compared with the page's gold as bags (see `tests.bench.wcxb.score_words`): precision, recall
and F1 are means over pages. Time is CPU time, all engines on one page before the next page; the floor is
selectolax's lexbor, which only parses. A peer that is not installed is left out, and the output says so. Winnow is
trained on the half "tune" and reported on the other, which no host shares.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.extract.engines import extract_with_resiliparse, extract_with_winnow
from tests.bench.wcxb import ARCHIVE, GOLD, GoldPage, Score, read_gold, score_words

Engine = Callable[[str], str]
FLOOR = "lexbor parse only"
NEEDS = {
    FLOOR: "selectolax",
    "resiliparse": "resiliparse",
    "trafilatura precision": "trafilatura",
    "trafilatura default": "trafilatura",
    "trafilatura recall": "trafilatura",
    "readability-lxml": "readability",
    "jusText": "justext",
}


def _winnow(html: str) -> str:
    return extract_with_winnow(html.encode(), sys.maxsize).text or ""


def _lexbor(html: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    LexborHTMLParser(html)
    return ""


def _trafilatura(**settings: bool) -> Engine:
    def extract(html: str) -> str:
        import trafilatura

        options = {"include_comments": False, "include_tables": True, "deduplicate": False, **settings}
        return trafilatura.extract(html, **options) or ""

    return extract


def _readability(html: str) -> str:
    from lxml.html import fromstring
    from readability import Document

    try:
        return str(fromstring(Document(html).summary()).text_content())
    except Exception:  # it raises its own and lxml's errors on pages it cannot make sense of
        return ""


def _justext(html: str) -> str:
    import justext
    from lxml.etree import ParserError

    try:
        paragraphs = justext.justext(html.encode(), justext.get_stoplist("English"), encoding="utf-8")
    except ParserError:
        return ""
    return "\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)


PEERS: dict[str, Engine] = {
    FLOOR: _lexbor,
    "resiliparse": extract_with_resiliparse,
    "trafilatura precision": _trafilatura(favor_precision=True),
    "trafilatura default": _trafilatura(),
    "trafilatura recall": _trafilatura(favor_recall=True),
    "readability-lxml": _readability,
    "jusText": _justext,
}


def engines() -> dict[str, Engine]:
    """Winnow and the peers that are installed here; says which are not."""
    found = {"winnow": _winnow}
    for name, engine in PEERS.items():
        if importlib.util.find_spec(NEEDS[name]):
            found[name] = engine
        else:
            print(f"{name} is left out: the package {NEEDS[name]} is not installed")
    return found


def measure(pages: list[GoldPage], named: dict[str, Engine]) -> tuple[dict[str, list[Score]], dict[str, float]]:
    """Each engine's scores page by page, and its CPU seconds in all."""
    scores: dict[str, list[Score]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    for engine in named.values():
        engine(pages[0].html)  # imports and compiled code
    for page in pages:
        for name, engine in named.items():
            started = time.process_time()
            text = engine(page.html)
            seconds[name] += time.process_time() - started
            scores[name].append(score_words(text, page.gold))
    return scores, seconds


def _print(pages: list[GoldPage], scores: dict[str, list[Score]], seconds: dict[str, float]) -> None:
    kinds = sorted({page.kind for page in pages})
    counts = {kind: sum(page.kind == kind for page in pages) for kind in kinds}
    print(f"\n{len(pages)} pages: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    heads = "".join(f"{kind[:10]:>11}" for kind in kinds)
    print(f"{'engine':<23}{'P':>6}{'R':>6}{'F1':>6}{heads}{'ms/page':>9}{'x floor':>9}{'winnow is':>11}")
    floor = seconds.get(FLOOR, float("nan"))
    for name, own in sorted(scores.items(), key=lambda item: -np.mean([score.f1 for score in item[1]])):
        quality: Any = np.mean(own, axis=0)
        each = [np.mean([s.f1 for s, page in zip(own, pages, strict=True) if page.kind == kind]) for kind in kinds]
        cells = "".join(f"{value:11.3f}" for value in each)
        times = f"{seconds[name] / len(pages) * 1e3:9.2f}{seconds[name] / floor:9.1f}"
        print(f"{name:<23}{quality[0]:6.3f}{quality[1]:6.3f}{quality[2]:6.3f}{cells}{times}"
              f"{seconds[name] / seconds['winnow']:9.1f} x")  # fmt: skip


def main() -> None:
    """Measure and print a table."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("--half", choices=("report", "tune", "all"), default="report")
    arguments.add_argument("--pages", type=int, default=0, help="only the first so many")
    options = arguments.parse_args()
    if not (ARCHIVE.is_file() and GOLD.is_file()):
        sys.exit(f"{ARCHIVE} and {GOLD} are not there: the benchmark reads the shared data beside the checkout")
    halves = {"report": (False,), "tune": (True,), "all": (False, True)}[options.half]
    pages = [page for page in read_gold() if page.tuning in halves]
    pages = pages[: options.pages or len(pages)]
    _print(pages, *measure(pages, engines()))


if __name__ == "__main__":
    main()
