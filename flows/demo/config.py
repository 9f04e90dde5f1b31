"""How large the demo's crawl is and how its archives are cut."""

from __future__ import annotations

from pydantic import Field

from storage.schema import Section


class DemoConfig(Section):
    """The embedded default's own numbers; what happens to its pages is up to the other sections."""

    max_pages: int = Field(default=2_400, ge=1, description="URLs fetched, whatever they answer")
    max_depth: int = Field(default=6, ge=0, description="links followed from a host's home page")
    shelf_modules: int = Field(default=120, ge=1, description="modules listed on each reference site")
    file_bytes: int = Field(default=2_500_000, ge=10_000, description="an archive file is closed at this size")
    cut_last_record: bool = Field(
        default=True, description="end the last file inside a response, as a crawler that is killed does"
    )
