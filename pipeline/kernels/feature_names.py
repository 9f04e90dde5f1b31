"""The columns a model sees of a text block, by name and in their order; `block_features` measures them."""

from __future__ import annotations

from pipeline.kernels.html_evidence import GROUPS

OWN = (
    "log_bytes",
    "words",
    "link_frac",
    "links",
    "stops",
    "commas",
    "digit_frac",
    "upper_frac",
    "breaks",
    "bold_frac",
    "word_bytes",
    "ends_sentence",
    "kind",
    "heading_level",
    "hides",
    "in_cell",
    "in_item",
    "depth",
    "stops_per_100",
    "duplicates",
)
PLACE = [
    "index_frac",
    "bytes_before_frac",
    "log_index",
    "log_index_back",
    "log_bytes_before",
    "since_title",
    "since_heading",
    "heading_count",
]
RANGES = [
    "nav",
    "header",
    "footer",
    "aside",
    "article",
    "main",
    "form",
    "table",
    "list",
    "section",
    "figure",
    "details",
    "noscript",
]
LEVELS = 5
LEVEL = ["log_bytes", "link_frac", "blocks", "long_frac", "page_frac", "twins", "kind"]
PAGE = [
    "log_bytes",
    "link_frac",
    "blocks",
    "long_frac",
    "articles",
    "mains",
    "items",
    "headings",
    "forms",
    "tables",
    "long_blocks",
    "mean_bytes",
    "titles",
]
AROUND = ["log_bytes", "link_frac", "kind", "joined"]
OFFSETS = (-2, -1, 1, 2)
WINDOWS = (3, 10)
WINDOW = ["log_bytes", "link_frac", "long_frac"]

FEATURES: tuple[str, ...] = (
    *OWN,
    *(f"place_{name}" for name in PLACE),
    *(f"evidence_{name}" for name in GROUPS),
    *(f"inside_{name}" for name in RANGES),
    *(f"around{level}_{name}" for level in range(LEVELS) for name in LEVEL),
    *(f"page_{name}" for name in PAGE),
    *(f"body_{name}" for name in GROUPS),
    *(f"block{offset:+d}_{name}" for offset in OFFSETS for name in AROUND),
    *(f"window{width}_{name}" for width in WINDOWS for name in WINDOW),
)
"""Columns of `block_features.measure_blocks`."""
