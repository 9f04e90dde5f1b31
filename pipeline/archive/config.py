"""The recipe section for reading archives."""

from __future__ import annotations

from pydantic import Field

from storage.schema import Section


class ArchiveConfig(Section):
    """How archives are read and which records become pages."""

    max_record_bytes: int = Field(
        default=64 << 20, gt=0, description="largest block, and largest decoded body, in bytes"
    )
    accepted_mimes: tuple[str, ...] = Field(
        default=("text/html", "application/xhtml+xml", "text/plain"), description="media types that are pages"
    )
    verify_digests: bool = Field(default=True, description="refuse records whose WARC digests do not hold")
    text_field: str = Field(default="text", min_length=1, description="key or column of the text in JSONL and Parquet")
