"""Figures as files of their own: SVG and PNG that need no page, and their numbers as CSV.

The colours are the page's own light ones, written into the drawing, since nothing outside a browser knows its
style sheet.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from importlib import resources

import resvg_py
from markupsafe import Markup

from flows.report.figures import Figure
from flows.report.svg import WIDTH, element
from storage import files
from storage.uris import join

SCALE = 2.0
"""Pixels of a PNG for one of the drawing."""

LEGEND_HEIGHT, LEGEND_LEFT = 26.0, 66.0
TITLE_HEIGHT = 30.0

_ROOT = re.compile(r":root \{(.*?)\}", re.DOTALL)
_VARIABLE = re.compile(r"(--[\w-]+): ([^;]+);")
_RULES = re.compile(r"^(?:svg [^{]*|\.(?:[cs]\d|ink)[^{]*)\{.*$", re.MULTILINE)


def write_images(figures: Iterable[Figure], folder: str) -> list[str]:
    """Write every drawn figure as FOLDER/ID.svg, .png and .csv; the paths.

    Raises:
        UserError: The folder cannot be written.
    """
    written = []
    for figure in figures:
        parts = {"csv": as_csv(figure).encode()}
        if figure.svg is not None:
            drawing = standalone(figure)
            parts |= {"svg": drawing.encode(), "png": resvg_py.svg_to_bytes(svg_string=drawing, zoom=SCALE)}
        for kind, content in parts.items():
            path = join(folder, f"{figure.id}.{kind}")
            files.write_bytes(path, content)
            written.append(path)
    return written


def standalone(figure: Figure) -> str:
    """The drawing with its title, legend and colours, as a document of its own."""
    svg = str(figure.svg)
    found = re.match(r'<svg viewBox="0 0 \S+ (\S+)"', svg)
    height = float(found[1]) if found else 400.0
    whole = height + TITLE_HEIGHT + LEGEND_HEIGHT * len(_legend_rows(figure))
    box = f"0 {-TITLE_HEIGHT:.0f} {WIDTH:.0f} {whole:.0f}"
    inner = Markup(re.sub(r"^<svg[^>]*>|</svg>$", "", svg))  # drawn by flows.report.svg, which escapes every text
    head = element("text", figure.title, cls="title", x=8.0, y=-10.0)
    paper = element("rect", x=0.0, y=-TITLE_HEIGHT, width=WIDTH, height=whole, fill=_variables()["--paper"])
    style = Markup("<style>{}</style>").format(Markup(_style()))
    parts = [style, paper, head, inner, *_legend(figure, height)]
    size = {"width": f"{WIDTH:.0f}", "height": f"{whole:.0f}"}
    return str(element("svg", *parts, viewBox=box, xmlns="http://www.w3.org/2000/svg", **size))


def as_csv(figure: Figure) -> str:
    """The figure's numbers, in full; before them, as comments, what it shows and what made it."""
    stream = io.StringIO()
    for line in (figure.title, figure.caption, figure.source or figure.sql, *figure.notes):
        stream.write(f"# {' '.join(line.split())}\n")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.key for column in figure.table.columns])
    writer.writerows([[row.get(column.key) for column in figure.table.columns] for row in figure.table.rows])
    return stream.getvalue()


def _legend(figure: Figure, top: float) -> Iterable[Markup]:
    for row, entries in enumerate(_legend_rows(figure)):
        left, middle = LEGEND_LEFT, top + 9.0 + row * LEGEND_HEIGHT
        for name, colour in entries:
            yield element("circle", cls=f"dot {colour}", cx=left, cy=middle, r=5.0)
            yield element("text", name, cls="small", x=left + 9.0, y=middle + 4.0)
            left += _legend_width(name)


def _legend_rows(figure: Figure) -> list[list[tuple[str, str]]]:
    """The legend in rows that fit the drawing's width."""
    rows: list[list[tuple[str, str]]] = [[]]
    left = LEGEND_LEFT
    for name, colour in figure.legend:
        if rows[-1] and left + _legend_width(name) > WIDTH:
            rows.append([])
            left = LEGEND_LEFT
        rows[-1].append((name, colour))
        left += _legend_width(name)
    return rows


def _legend_width(name: str) -> float:
    return 24.0 + 6.6 * len(name)


def _style() -> str:
    """The page's rules for drawings, variables replaced by their light values."""
    css = (resources.files("flows.report") / "page.css").read_text(encoding="utf-8")
    variables = _variables()
    rules = "\n".join(match[0].replace("svg ", "") for match in _RULES.finditer(css))
    written = re.sub(r"var\((--[\w-]+)\)", lambda match: variables.get(match[1], "inherit"), rules)
    return f"{written}\n.title {{ font-size: 17px; font-weight: 600; }}".replace('"', "'")


def _variables() -> dict[str, str]:
    css = (resources.files("flows.report") / "page.css").read_text(encoding="utf-8")
    found = _ROOT.search(css)
    return dict(_VARIABLE.findall(found[1])) if found else {}
