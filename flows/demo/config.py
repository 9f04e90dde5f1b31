"""How large the demo's crawl is and how its archives are cut."""

from __future__ import annotations

from pydantic import Field

from storage.schema import Section


class DemoConfig(Section):
    """The embedded default's own numbers; what happens to its pages is up to the other sections."""

    max_pages: int = Field(3_600, ge=1, description="URLs fetched, whatever they answer")
    max_depth: int = Field(6, ge=0, description="links followed from a host's home page")
    shelf_modules: int = Field(40, ge=1, description="modules listed on each reference site")
    file_bytes: int = Field(2_500_000, ge=10_000, description="an archive file is closed once it is this large")
    cut_last_record: bool = Field(
        True, description="end the last file in the middle of a record, as a crawler that is killed does"
    )
