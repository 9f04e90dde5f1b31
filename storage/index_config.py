"""The recipe section that says which records of a snapshot are fetched, and what it means on the index's columns."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import Field, field_validator

from storage.schema import Section
from storage.statements import quoted

_CODE = re.compile(r"[a-z]{3}")
_WWW = re.compile(r"^www\d*\.")
_ADDRESS = re.compile(r"[\d.]+|.*:.*")


class IndexConfig(Section):
    """Which records of a snapshot are fetched, where not all of them are."""

    enabled: bool = Field(False, description="choose records of CC-MAIN-... snapshots by their index; read no others")
    statuses: tuple[int, ...] = Field((200,), description="HTTP statuses; empty takes any")
    languages: tuple[str, ...] = Field(
        (), description="main language of the page as the index has it, ISO 639-3 (eng, deu); empty takes any"
    )
    mimes: tuple[str, ...] = Field(
        ("text/html", "application/xhtml+xml"), description="media types detected; empty takes any"
    )
    hosts: tuple[str, ...] = Field((), description="hosts or domains, with all hosts below them; empty takes any")
    where: str = Field("", description="a further condition on the index's columns, SQL: url_host_tld = 'de'")
    one_per_digest: bool = Field(True, description="fetch one copy of each content the index knows to be the same")
    max_records: int | None = Field(
        None, ge=1, description="at most so many records of each snapshot, drawn by `seed`; null takes all"
    )
    seed: int = Field(0, description="draws the records; a larger max_records with the same seed only adds to them")

    @field_validator("languages")
    @classmethod
    def _three_letters(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [code for code in codes if not _CODE.fullmatch(code)]:
            raise ValueError(f"the index has ISO 639-3 codes of three letters (eng, deu, fra), not {wrong[0]!r}")
        return codes

    def conditions(self) -> str:
        """What a record must fulfil, as SQL over the index's columns."""
        parts = [
            _one_of("fetch_status", [str(status) for status in self.statuses]),
            _one_of("content_mime_detected", map(quoted, self.mimes)),
            _one_of("split_part(content_languages, ',', 1)", map(quoted, self.languages)),
            " OR ".join(map(_below, self.hosts)),
            self.where,
        ]
        return "\n  AND ".join(f"({part})" for part in parts if part) or "true"


def _one_of(column: str, values: Iterable[str]) -> str:
    listed = ", ".join(values)
    return f"{column} IN ({listed})" if listed else ""


def _below(host: str) -> str:
    """A host and all below it; the sort key as well, whose order lets DuckDB leave out what cannot match.

    `example.org` sorts as `org,example)`, with a port as `org,example:8080)`, what is below it as
    `org,example,shop)`; a leading `www` or `www2` is no part of the key.
    """
    name = host.lower().strip(".").removeprefix("*.")
    same = f"url_host_name = {quoted(name)} OR ends_with(url_host_name, {quoted('.' + name)})"
    if _ADDRESS.fullmatch(name):
        return f"({same})"
    key = ",".join(reversed(_WWW.sub("", name).split(".")))
    return f"(url_surtkey >= {quoted(f'{key})')} AND url_surtkey < {quoted(f'{key};')} AND ({same}))"
