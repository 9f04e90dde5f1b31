"""The dataset card of a corpus: what is in it, in which proportions and why, what was removed, and how it was made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from flows.recipe import Recipe, whole
from pipeline.mix_config import MixConfig
from storage.catalog import Catalog
from storage.lake import Lake
from storage.shards import Output

CARD = """\
---
configs:
- config_name: default
  data_files: corpus-*.parquet
task_categories:
- text-generation
license: other
---
# {name}

{documents:,} documents, {tokens:,} tokens to train on ({counted}; one for the end of each document), in {shards:,}
shards, {size:,} bytes. Made with Winnow. `datasets.load_dataset("parquet", data_files="corpus-*.parquet")` reads it.

## Mixture

| domain | asked | given | tokens | documents | distinct | cut | epochs | held out | why given differs |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---|
{mixture}
{remarks}
Each row is one document: its text, where and when it was fetched, its language, domain, quality and tokens; `epoch` is
above 0 for a repeat. Personal data that the recipe's `pii` section found is replaced by placeholders such as `<EMAIL>`.

{held_out}

{order}
{bins}{funnel}{recipe}
## Licence

The texts belong to those who wrote them. Crawled pages were public when they were fetched, which gives nobody a
licence to publish them again; Common Crawl's terms of use apply to what was taken from it, and a declared source's own
licence to that source. Every row says where it comes from (`url`, `dump`, `file_path`), and `winnow forget` takes a
page, a host or a document out of the corpus and of everything made from it.
"""

_LATER = ("inputs", "tokens", "model", "training", "scaling", "demo")
"""Sections that have no part in what the corpus is, or that say where things lie on one machine."""


@dataclass(frozen=True)
class Provenance:
    """Where a corpus comes from: what the card tells besides the mixture.

    Attributes:
        recipe: Name of the recipe, and its settings that are not the default, as TOML lines.
        funnel: Stage, pages that reached it, pages it removed; in order.
        sources: Crawl or source, its domain, archives read.
    """

    recipe: tuple[str, tuple[str, ...]]
    funnel: tuple[tuple[str, int, int], ...]
    sources: tuple[tuple[str, str, int], ...]


NOTHING_KNOWN = Provenance(("", ()), (), ())


def provenance_of(
    lake: Lake, recipe: Recipe, archives: Sequence[Mapping[str, Any]], duplicates: Sequence[Output]
) -> Provenance:
    """What the ledger and the recipe tell of a corpus made from these archives' rows."""
    pages = [lake.absolute(o["path"]) for row in archives for o in row["outputs"] if o["table"] == "pages"]
    lost = _lost(lake, pages, [lake.absolute(output.path) for output in duplicates])
    sources: dict[tuple[str, str], int] = {}
    for row in archives:
        key = (row["crawl"], json.loads(row["source"]).get("domain") or "web")
        sources[key] = sources.get(key, 0) + 1
    stages = [stage.name for stage in recipe.stages()]
    settings = tuple(f"{key} = {_literal(value)}" for key, value in _changed(recipe))
    return Provenance(
        (recipe.name, settings), _funnel(lost, stages), tuple((*key, count) for key, count in sorted(sources.items()))
    )


def card_text(
    name: str,
    config: MixConfig,
    mixture: Sequence[Mapping[str, Any]],
    shards: Sequence[Output],
    provenance: Provenance,
    shortfall: str | None,
) -> str:
    """The whole card; the same for the same corpus."""
    in_order = "Every survivor once, in archive order: mixing was switched off."
    shuffled = f"Order and choice follow seed {config.seed}: a larger budget only adds documents."
    return CARD.format(
        name=name,
        documents=sum(shard.rows for shard in shards),
        tokens=sum(row["given_tokens"] for row in mixture),
        counted="counted" if config.tokenizer else f"estimated at {config.bytes_per_token:g} bytes a token",
        shards=len(shards),
        size=sum(shard.bytes for shard in shards),
        mixture="\n".join(map(_mixture_row, mixture)),
        remarks=f"\n{shortfall[0].upper()}{shortfall[1:]}.\n" if shortfall else "",
        order=shuffled if config.enabled else in_order,
        held_out=_held_out(mixture, config),
        bins=_bins(mixture),
        funnel=_funnel_part(provenance),
        recipe=_recipe_part(provenance),
    )


def _mixture_row(row: Mapping[str, Any]) -> str:
    numbers = (row[name] for name in ("given_tokens", "documents", "unique_documents", "cut_documents"))
    cells = (
        *(row["domain"], f"{row['asked_frac']:.1%}", f"{row['given_frac']:.1%}"),
        *(f"{number:,}" for number in numbers),
        *(f"{row['epochs']:.2f}", f"{row['held_out_documents']:,}", row["reason"] or ""),
    )
    return _line(cells)


def _held_out(mixture: Sequence[Mapping[str, Any]], config: MixConfig) -> str:
    documents, tokens = (sum(row[f"held_out_{what}"] for row in mixture) for what in ("documents", "tokens"))
    if not documents:
        return "No document is held out: `split` is `train` everywhere."
    return (
        f"{documents:,} documents of {tokens:,} tokens are held out, to measure on and not to train on: `split` is "
        f"`held_out`, not `train`. A hash of their id and seed {config.held_out_seed} chose them; each is here once, "
        "beside the shares above."
    )


def _bins(mixture: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        _line((row["domain"], b["bin"], f"{b['available_tokens']:,}", f"{b['given_tokens']:,}", f"{b['epochs']:.2f}"))
        for row in mixture
        for b in row["quality_bins"] or ()
    ]
    head = (
        "\n## Repeats by quality\n\n| domain | bin, worst first | has | given | epochs |\n|---|---:|---:|---:|---:|\n"
    )
    return head + "\n".join(rows) + "\n" if rows else ""


def _funnel_part(provenance: Provenance) -> str:
    if not provenance.funnel:
        return ""
    rows = [_line((stage, f"{came:,}", f"{lost:,}", f"{came - lost:,}")) for stage, came, lost in provenance.funnel]
    head = "\n## Funnel\n\n| stage | pages in | removed | pages out |\n|---|---:|---:|---:|\n"
    return head + "\n".join(rows) + "\n"


def _recipe_part(provenance: Provenance) -> str:
    name, settings = provenance.recipe
    if not name:
        return ""
    read = "; ".join(f"{crawl} ({domain}, {count:,} archives)" for crawl, domain, count in provenance.sources)
    body = "\n".join((f"# {name}, where it differs from the defaults", *settings))
    return f"\n## Recipe\n\nRead: {read}.\n\n```toml\n{body}\n```\n"


def _line(cells: Iterable[Any]) -> str:
    return f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in cells)} |"


def _lost(lake: Lake, pages: Sequence[str], duplicates: Sequence[str]) -> dict[str | None, int]:
    if not pages:
        return {}
    statement = "mix/lost" if duplicates else "mix/lost_without_duplicates"
    files = {"pages": list(pages)} | ({"duplicates": list(duplicates)} if duplicates else {})
    with Catalog(lake).scratch() as scratch:
        return {row["stage"]: row["pages"] for row in scratch.run(statement, **files).read_all().to_pylist()}


def _funnel(lost: Mapping[str | None, int], stages: Sequence[str]) -> tuple[tuple[str, int, int], ...]:
    """Stage by stage what came and what was removed; stages that no recipe of this run names come last."""
    known = ["read", "archive", *stages]
    copies = sorted(stage for stage in lost if stage and stage.startswith("dedup."))
    others = sorted(stage for stage in lost if stage and stage not in known and stage not in copies)
    left = sum(count for stage, count in lost.items() if stage not in copies)
    rows = []
    for stage in (*known, *others, *copies):
        rows.append((stage, left, lost.get(stage, 0)))
        left -= lost.get(stage, 0)
    return tuple(rows)


def _changed(recipe: Recipe) -> list[tuple[str, Any]]:
    """Settings that are not the default, files by name and digest: where they lie is nobody's business."""
    recipe = whole(recipe)
    digests = recipe.files()
    rows = [row for row in _differences(recipe) if row[0].split(".")[0] not in (*_LATER, "name")]
    return [(key, _named(value, digests)) for key, value in rows]


def _differences(section: Any, prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if hasattr(type(value), "model_fields"):
            rows.extend(_differences(value, f"{prefix}{name}."))
        elif info.is_required() or value != info.get_default(call_default_factory=True):
            rows.append((prefix + name, section.model_dump(mode="json")[name]))
    return rows


def _named(value: Any, digests: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        if value in digests:
            return f"{PurePath(value).name} sha256:{digests[value]}"
        return PurePath(value).name if value.startswith("/") else value
    if isinstance(value, dict):
        return {key: _named(item, digests) for key, item in value.items()}
    return [_named(item, digests) for item in value] if isinstance(value, list) else value


def _literal(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
