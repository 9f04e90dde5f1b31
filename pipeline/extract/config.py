"""The recipe section for extraction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.extract.stage import extract_stage
from pipeline.stage import Stage
from storage.schema import Section

Engine = Literal["resiliparse", "trafilatura"]


class ExtractConfig(Section):
    """How the text of a page is found. Rows that bring their text along keep it."""

    enabled: bool = Field(default=True, description="extract text; without it only rows with text have any")
    engine: Engine = Field(
        default="resiliparse",
        description="resiliparse (about 1 ms a page) or trafilatura favouring precision (about 20 ms)",
    )
    max_html_bytes: int = Field(default=8 << 20, gt=0, description="largest page given to the engine, in bytes")
    max_html_steps: int = Field(
        default=4_000_000,
        gt=0,
        description="most work in nesting and attributes; 40 times that of the heaviest real page seen",
    )
    min_text_chars: int = Field(default=1, ge=0, description="shortest text that goes on, in characters")

    def stages(self) -> tuple[Stage, ...]:
        """The stage "extract", or none when disabled."""
        if not self.enabled:
            return ()
        return (extract_stage(self.engine, self.max_html_bytes, self.max_html_steps, self.min_text_chars),)
