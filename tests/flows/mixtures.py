"""Small mixtures for tests: documents of a few words, the corpus made of them, and a tokenizer of those words."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import tokenizers

from flows.mix_task import write_mixture
from pipeline.mix_config import MixConfig
from storage.lake import Lake
from storage.schema import DOCUMENTS, MIXTURE
from storage.shards import Output, read_table, write_table

WORDS = ("sand", "lime", "salt", "iron", "clay", "slate", "chalk", "amber", "flint", "coal")


def document(number: int, domain: str, archive: str = "a.warc.gz") -> dict[str, Any]:
    text = " ".join(WORDS[(number * k) % 10] for k in range(1, 12)) + f" {number}"
    return {
        "doc_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{domain}/{number}")),
        "crawl": "test",
        "archive": archive,
        "offset": number * 100,
        "length": 100,
        "url": f"https://{domain}.example/{number}",
        "domain": domain,
        "text": text,
        "text_digest": "",
        "text_bytes": len(text),
    }


def documents_of(counts: dict[str, int], archive: str = "a.warc.gz") -> list[dict[str, Any]]:
    rows = [document(number, domain, archive) for domain, count in counts.items() for number in range(count)]
    return [{**row, "offset": position * 100} for position, row in enumerate(rows)]


def stored(lake: Lake, rows: list[dict[str, Any]], archive: str = "a.warc.gz") -> Output:
    table = pa.Table.from_pylist(rows, DOCUMENTS)
    return write_table(lake.root, lake.documents_path("test", archive, "f00d"), "documents", table)


def mix(tmp_path: Path, counts: dict[str, int], **settings: Any) -> tuple[pa.Table, dict[str, dict[str, Any]]]:
    lake = Lake(str(tmp_path))
    fingerprint = f"f{len(list(tmp_path.rglob('*')))}"
    documents = [stored(lake, documents_of(counts))]
    outputs = write_mixture(lake, "tiny", fingerprint, documents, [], MixConfig(**settings)).outputs
    return corpus_of(lake, outputs), mixture_of(lake, outputs)


def corpus_of(lake: Lake, outputs: Sequence[Output]) -> pa.Table:
    return pa.concat_tables([read_table(lake.absolute(o.path)) for o in outputs if o.table == "corpus"])


def mixture_of(lake: Lake, outputs: Sequence[Output]) -> dict[str, dict[str, Any]]:
    (path,) = [lake.absolute(output.path) for output in outputs if output.table == "mixture"]
    table = read_table(path)
    assert table.schema.equals(MIXTURE)
    return {row["domain"]: row for row in table.to_pylist()}


def word_tokenizer(path: Path) -> str:
    """Saves a tokenizer that gives every word of `WORDS`, and any other, one token."""
    words = {word: number for number, word in enumerate(["?", *WORDS])}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="?"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    model.save(str(path))
    return str(path)
