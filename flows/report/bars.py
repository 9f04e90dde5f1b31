"""Bars without axes: shares of a whole, and pairs to compare."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from flows.report.svg import WIDTH, element
from flows.report.words import frac

NAME_WIDTH, VALUE_WIDTH, ROW, THICK = 130.0, 120.0, 44.0, 14.0


def shares_bar(title: str, parts: Sequence[tuple[str, float, str, str]]) -> Markup:
    """One bar cut into parts: name, value, class of colour, words for its tip."""
    total = sum(value for _, value, _, _ in parts) or 1.0
    left, drawn = 0.0, []
    for name, value, cls, words in parts:
        wide = WIDTH * value / total
        tip = element("title", f"{name}: {words}")
        drawn.append(element("rect", tip, cls=f"bar {cls}", x=left, y=0.0, width=wide, height=34.0))
        left += wide
    return element("svg", element("title", title), *drawn, viewBox=f"0 0 {WIDTH:.0f} 34", role="img", aria_label=title)


def paired_bars(title: str, rows: Sequence[tuple[str, Sequence[tuple[float, str]]]]) -> Markup:
    """Shares to compare, 0..1: for each name some (share, class of colour), one bar under the other."""
    largest = max((share for _, bars in rows for share, _ in bars), default=0.0) or 1.0
    scale = (WIDTH - NAME_WIDTH - VALUE_WIDTH) / largest
    drawn = []
    for index, (name, bars) in enumerate(rows):
        top = index * ROW
        drawn.append(element("text", name, cls="word", x=NAME_WIDTH - 12, y=top + 20, text_anchor="end"))
        for place, (share, cls) in enumerate(bars):
            y = top + 2 + place * (THICK + 2)
            drawn.append(
                element("rect", cls=f"bar {cls}", x=NAME_WIDTH, y=y, width=max(share * scale, 1.0), height=THICK)
            )
            end = NAME_WIDTH + share * scale + 8
            drawn.append(element("text", frac(share), cls="tick", x=end, y=y + 11))
    box = f"0 0 {WIDTH:.0f} {max(len(rows), 1) * ROW:.0f}"
    return element("svg", element("title", title), *drawn, viewBox=box, role="img", aria_label=title)
