"""The recipe section for extraction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.extract.stage import extract_stage
from pipeline.stage import Stage
from storage.schema import Section

Engine = Literal["winnow", "resiliparse", "trafilatura"]


class ExtractConfig(Section):
    """How the text of a page is found. Rows that bring their text along keep it."""

    enabled: bool = Field(default=True, description="extract text; without it only rows with text have any")
    engine: Engine = Field(
        default="winnow",
        description="winnow (time linear in the page), resiliparse (1.5 to 2 times that time) or trafilatura favouring"
        " precision (20 times and more)",
    )
    max_html_bytes: int = Field(default=8 << 20, gt=0, description="largest page given to the engine, in bytes")
    max_html_steps: int = Field(
        default=4_000_000,
        gt=0,
        description="most work the markup may make the engine, in steps of 1/4 microsecond; a second in all",
    )
    min_text_chars: int = Field(default=1, ge=0, description="shortest text that goes on, in characters")

    def stages(self) -> tuple[Stage, ...]:
        """The stage "extract", or none when disabled."""
        if not self.enabled:
            return ()
        return (extract_stage(self.engine, self.max_html_bytes, self.max_html_steps, self.min_text_chars),)
