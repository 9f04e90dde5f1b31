"""Figures that answer to the reader: their data, and the one script that draws them, both inside the page.

What the lake holds reaches the page as JSON in a data block that no browser runs, and the script only ever turns it
into text nodes and drawings. The page's security policy names the digest of that one script and allows no other.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from markupsafe import Markup

from flows.report.words import harmless

FIRST, LAST = ("kit.js", "plot.js"), ("start.js",)


@dataclass(frozen=True)
class Widget:
    """A figure's interactive form.

    Attributes:
        name: Its function in `flows/report/scripts`.
        data: What it draws from: anything JSON can say, without NaN.
    """

    name: str
    data: Mapping[str, Any]

    def json(self) -> Markup:
        """The data as a text that cannot end its element, whatever the web put into it."""
        text = json.dumps(_clean(self.data), allow_nan=False, separators=(",", ":"))
        return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@cache
def script() -> Markup:
    """The page's script: shared parts first, then every figure's."""
    folder = resources.files("flows.report") / "scripts"
    figures = sorted(file.name for file in folder.iterdir() if file.name.endswith(".js"))
    names = [*FIRST, *(name for name in figures if name not in FIRST + LAST), *LAST]
    parts = [(folder / name).read_text(encoding="utf-8") for name in names]
    return Markup('\n"use strict";\n{\n' + "\n".join(parts) + "}\n")


def script_digest() -> str:
    """What the page's Content-Security-Policy says of it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, Mapping):
        return {harmless(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
