"""Drawings as SVG text: axes, lines, dots, bars and bands. Colours come from the page's style, by class.

Every text and attribute goes through markupsafe, so that what the lake holds is drawn and never run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from flows.report.labels import Box, Label, place_labels
from flows.report.words import harmless, power, short

Point = tuple[float, float]

WIDTH, HEIGHT = 720.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 66.0, 18.0, 14.0, 52.0
MOST_LOG_TICKS = 8
FONT, SMALL_FONT = 13.0, 12.0  # as in page.css


def pairs(x: Iterable[float], y: Iterable[float]) -> list[Point]:
    """Points of two sequences as long as each other."""
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


RAMP = tuple(f"s{step}" for step in range(1, 9))
"""Colours of what has an order, from its least to its most; `c1` to `c6` are for what has none."""


def ramp(values: Iterable[float]) -> dict[float, str]:
    """A colour for each distinct value, in their order; more values than colours share with their neighbours."""
    ordered = sorted(set(values))
    last = len(ordered) - 1
    return {value: RAMP[round(place * (len(RAMP) - 1) / max(last, 1))] for place, value in enumerate(ordered)}


def element(name: str, *children: Markup | str, **attributes: float | str) -> Markup:
    """An SVG element; `cls` is its class, underscores in attribute names are dashes."""
    names = {key: "class" if key == "cls" else key.replace("_", "-") for key in attributes}
    written = Markup("").join(
        Markup(' {}="{}"').format(names[key], _attribute(value)) for key, value in attributes.items()
    )
    inner = Markup("").join(child if isinstance(child, Markup) else harmless(child) for child in children)
    return Markup("<{}{}>{}</{}>").format(Markup(name), written, inner, Markup(name))


@dataclass(frozen=True)
class Axis:
    """One direction of a plot: the values at its ends, and how they are spaced.

    Attributes:
        label: What is measured, with its unit.
        ticks: Values to mark; found from the ends when None.
        powers: Whether marks are powers of ten rather than 10k, 5M.
        whole: Whether marks are whole numbers as they are: years.
    """

    label: str
    low: float
    high: float
    log: bool = False
    ticks: tuple[float, ...] | None = None
    powers: bool = False
    whole: bool = False

    @classmethod
    def over(
        cls,
        label: str,
        values: Iterable[float],
        log: bool = False,
        margin: float = 0.06,
        powers: bool = False,
    ) -> Axis:
        """An axis that holds all the values, with a little room at both ends."""
        found = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
        low, high = (min(found), max(found)) if found else (1.0, 10.0)
        if log:
            room = max(margin * math.log10(high / low), 0.05)
            return cls(label, low / 10**room, high * 10**room, log=True, powers=powers)
        room = margin * (high - low) or abs(high) * margin or 1.0
        return cls(label, low - room, high + room)

    def place(self, value: float) -> float:
        """Where a value lies, 0 at the low end and 1 at the high one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def marks(self) -> list[tuple[float, str]]:
        """Values to mark, with their words."""
        find = _log_ticks if self.log else _ticks
        values = find(self.low, self.high) if self.ticks is None else self.ticks
        write = power if self.powers else "{:.0f}".format if self.whole else short
        return [(value, write(value)) for value in values]


@dataclass
class Plot:
    """A drawing with two axes; things drawn later lie on top.

    Args:
        title: What it shows, for people who hear the page.
    """

    title: str
    x: Axis
    y: Axis
    height: float = HEIGHT
    drawn: list[Markup] = field(default_factory=list)
    _lines: list[list[Point]] = field(default_factory=list)
    _dots: list[Box] = field(default_factory=list)
    _named: list[tuple[Label, str]] = field(default_factory=list)

    def line(self, points: Sequence[Point], cls: str, tip: str = "") -> None:
        """A line through points, clipped to the plot; broken where a value is not finite."""
        path: list[str] = []
        piece: list[Point] = []
        for x, y in points:
            if not self._holds(x, y):
                piece = []
                continue
            if not piece:
                self._lines.append(piece)
            piece.append((self._x(x), self._y(y)))
            path.append(f"{'L' if piece[1:] else 'M'}{piece[-1][0]:.1f} {piece[-1][1]:.1f}")
        if path:
            self.drawn.append(element("path", _tip(tip), cls=f"line {cls}", d=" ".join(path)))

    def band(self, low: Sequence[Point], high: Sequence[Point], cls: str) -> None:
        """The area between two lines over the same x, cut off at the ends of y."""
        corners = [(x, min(max(y, self.y.low), self.y.high)) for x, y in (*low, *reversed(high))]
        points = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in corners if self._holds(x, y))
        self.drawn.append(element("polygon", cls=f"band {cls}", points=points))

    def dot(self, x: float, y: float, cls: str, tip: str, radius: float = 4.5) -> None:
        """A point; `tip` says what it is when pointed at."""
        if self._holds(x, y):
            spot = element("circle", _tip(tip), cls=f"dot {cls}", cx=self._x(x), cy=self._y(y), r=radius)
            self.drawn.append(spot)
            self._dots.append(Box(*(at + way * radius for way in (-1, 1) for at in (self._x(x), self._y(y)))))

    def estimate(self, x: float, value: float, low: float | None, high: float | None, cls: str, tip: str) -> None:
        """A point with its interval, cut at the frame; without one where an end is not known."""
        if low is not None and high is not None:
            self.line([(x, max(low, self.y.low)), (x, min(high, self.y.high))], f"{cls} thin")
        self.dot(x, value, cls, tip)

    def bar(self, left: float, right: float, top: float, cls: str, tip: str, bottom: float | None = None) -> None:
        """A box from x `left` to `right`, from y `bottom` (the axis when None) to `top`."""
        x0, x1, y1 = self._x(left), self._x(right), self._y(top)
        y0 = self._y(self.y.low if bottom is None else bottom)
        box = element(
            "rect",
            _tip(tip),
            cls=f"bar {cls}",
            x=x0,
            y=min(y0, y1),
            width=max(x1 - x0, 1.5),
            height=abs(y0 - y1),
        )
        self.drawn.append(box)

    def text(self, x: float, y: float, words: str, cls: str = "", shift: Point = (8.0, 4.0), end: bool = False) -> None:
        """Words beside a point, to its right unless `end`."""
        if self._holds(x, y):
            side = "end" if end else "start"
            where = {"x": self._x(x) + shift[0], "y": self._y(y) + shift[1]}
            self.drawn.append(element("text", words, cls=f"word {cls}", text_anchor=side, **where))

    def name(self, x: float, y: float, words: str, cls: str = "") -> None:
        """Words for a point, put beside it where they hide no line, dot or other name, however much is drawn later."""
        if self._holds(x, y):
            size = SMALL_FONT if "small" in cls.split() else FONT
            self._named.append((Label((self._x(x), self._y(y)), words, size), cls))

    def render(self) -> Markup:
        """The whole drawing."""
        box = f"0 0 {WIDTH:.0f} {self.height:.0f}"
        parts = [element("title", self.title), *self._grid(), *self.drawn, *self._names(), *self._labels()]
        return element("svg", *parts, viewBox=box, role="img", aria_label=self.title)

    def _holds(self, x: float, y: float) -> bool:
        """Whether a point lies within the axes."""
        finite = math.isfinite(x) and math.isfinite(y)
        positive = (x > 0 or not self.x.log) and (y > 0 or not self.y.log)
        slack = 1e-9
        return finite and positive and -slack <= self.x.place(x) <= 1 + slack and -slack <= self.y.place(y) <= 1 + slack

    def _x(self, value: float) -> float:
        return LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return self.height - BOTTOM - self.y.place(value) * (self.height - TOP - BOTTOM)

    def _grid(self) -> list[Markup]:
        floor, right = self.height - BOTTOM, WIDTH - RIGHT
        parts = []
        for value, words in self.x.marks():
            at = self._x(value)
            parts.append(element("line", cls="grid", x1=at, x2=at, y1=TOP, y2=floor))
            parts.append(element("text", words, cls="tick", x=at, y=floor + 18, text_anchor="middle"))
        for value, words in self.y.marks():
            at = self._y(value)
            parts.append(element("line", cls="grid", x1=LEFT, x2=right, y1=at, y2=at))
            parts.append(element("text", words, cls="tick", x=LEFT - 8, y=at + 4, text_anchor="end"))
        return [*parts, element("line", cls="axis", x1=LEFT, x2=right, y1=floor, y2=floor)]

    def _names(self) -> list[Markup]:
        frame = Box(LEFT, TOP, WIDTH - RIGHT, self.height - BOTTOM)
        places = place_labels([label for label, _ in self._named], self._lines, self._dots, frame)
        return [
            element("text", label.words, cls=f"word {cls}", text_anchor="end" if at.end else "start", x=at.x, y=at.y)
            for (label, cls), at in zip(self._named, places, strict=True)
        ]

    def _labels(self) -> list[Markup]:
        middle = (self.height - BOTTOM + TOP) / 2
        turn = f"rotate(-90 14 {middle:.0f})"
        x_words = element(
            "text",
            self.x.label,
            cls="label",
            x=(LEFT + WIDTH - RIGHT) / 2,
            y=self.height - 10,
            text_anchor="middle",
        )
        y_words = element("text", self.y.label, cls="label", x=14, y=middle, text_anchor="middle", transform=turn)
        return [x_words, y_words]


def _tip(words: str) -> Markup:
    return element("title", words) if words else Markup("")


def _attribute(value: float | str) -> Markup:
    return escape(harmless(value) if isinstance(value, str) else f"{value:.1f}")


def _ticks(low: float, high: float, wanted: int = 6) -> tuple[float, ...]:
    """Round values within the ends: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / wanted
    scale = 10 ** math.floor(math.log10(rough))
    step = next(factor * scale for factor in (1, 2, 5, 10) if factor * scale >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(index * step, 12) for index in range(first, last + 1))


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten, every so many of them; 1, 2 and 5 times them where the axis is short."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 2:
        every = -(-(last - first + 1) // MOST_LOG_TICKS)
        return tuple(10.0**exponent for exponent in range(first, last + 1, every))
    factors = (1, 2, 5) if high / low > 4 else (1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)
    return tuple(f * 10.0**e for e in range(first - 1, last + 1) for f in factors if low <= f * 10.0**e <= high)
