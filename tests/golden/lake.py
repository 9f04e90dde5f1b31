"""A small lake that is always the same: the golden pages in two crawls, annotated by the `fineweb` recipe.

Pages are on three hosts; one page is there twice, and two tell an e-mail address. The archives lie beside the lake, so
that pages can be read again. Duplicates, mixture and run are written down rather than computed: their numbers are the
subject of other tests.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from flows.alarms import count_judged
from flows.annotate_task import AnnotateJob, annotate
from flows.recipe import load_recipe
from flows.recorded import recipe_record
from storage import schema
from storage.lake import Lake
from storage.shards import read_table, write_table
from storage.sources import Source
from tests.golden.verdicts import read_pages
from tests.lakes import NOON, add_duplicates, add_mixture

HOSTS = ("lighthouse.test", "bakery.test", "town.test")
CRAWLS = ("spring", "autumn")
CONTACT = "Write to keeper@harbour-museum.org if you want to see the lamp room of the lighthouse with a guide."


def make_lake(folder: Path) -> Lake:
    """The lake, in `folder/lake`; its archives in `folder`."""
    lake = Lake(str(folder / "lake"))
    recipe = load_recipe("fineweb")
    jobs = [AnnotateJob(lake.root, _archive(folder, crawl), recipe) for crawl in CRAWLS]
    rows = [annotate(job) for job in jobs]
    steps = [("annotate", f"{row['crawl']}/{row['archive']}", row["fingerprint"]) for row in rows]
    [first, copy] = _places(lake, rows, "good article")
    pair = (copy["archive"], copy["offset"], first["archive"], first["offset"])
    add_duplicates(lake, [pair], CRAWLS[1], kind="exact", jaccard=1.0, kept_crawl=CRAWLS[0])
    add_mixture(lake, "fineweb", 12)
    run = {
        "run_id": "golden", "flow": "corpus", "name": "fineweb", "recipe": json.dumps(recipe_record(recipe)),
        "state": "finished", "started_at": NOON, "finished_at": NOON, "failed": [],
        "steps": [
            {"step": step, "key": key, "fingerprint": mark}
            for step, key, mark in (*steps, ("dedup", "autumn", "d" * 16), ("mix", "fineweb", "f" * 16))
        ],
        "judged": count_judged(lake, jobs, rows),
    }  # fmt: skip
    write_table(lake.root, lake.run_path("golden"), "runs", pa.Table.from_pylist([run], schema.RUNS))
    return lake


def _archive(folder: Path, crawl: str) -> Source:
    """A crawl's pages as a file of JSON lines; the same bytes every time."""
    pages = read_pages()
    half = pages[: len(pages) // 2] if crawl == CRAWLS[0] else [pages[0], *pages[len(pages) // 2 :]]
    lines = [json.dumps(_row(page, number), sort_keys=True) for number, page in enumerate(half)]
    data = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
    path = folder / f"{crawl}.jsonl.gz"
    path.write_bytes(data)
    return Source(str(path), path.name, crawl, "web", len(data), hashlib.sha256(data).hexdigest())


def _row(page: dict[str, Any], number: int) -> dict[str, Any]:
    slug = page["name"].replace(" ", "-").replace(",", "").lower()
    text = "\n".join(page["text"] + [CONTACT] * (page["name"] in ("fifty words", "five sentences")))
    return {"url": page.get("url", f"https://{HOSTS[number % 3]}/{slug}"), "text": text}


def _places(lake: Lake, rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Where a page lies in every archive that has it."""
    slug = name.replace(" ", "-")
    found = []
    for row in rows:
        [path] = [output["path"] for output in row["outputs"] if output["table"] == "pages"]
        table = read_table(lake.absolute(path), ["archive", "offset", "url"]).to_pylist()
        found += [page for page in table if page["url"].endswith(f"/{slug}")]
    return found
