"""Pages taken out of every file of a lake, and the rows that list those files made right again.

Each file is written anew beside itself and swapped in by rename, the ledger's pages last. What is still to be done
stands in a journal until all of it is: killed at any moment, `winnow forget` goes on where it stopped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.annotate_rows import forgotten_id, forgotten_row
from flows.forgetting.request import Target, relative
from storage import files, schema
from storage.lake import Lake
from storage.shards import Output, ShardWriter, column_names, count_rows, iter_batches, read_table, write_table

_LEDGER = ("documents", "trimmed", "bands", "pii", "contamination", "spans", "duplicates")
"""Tables with a row a page, or several, named by doc_id; they are cleared before `pages`."""


class Eraser:
    """Takes pages out of a lake; `changed` are the files it wrote anew, relative to the lake.

    Args:
        lake: The lake.
        targets: The pages.
        resumed: An earlier attempt was cut short: it may have written files that `changed` does not know of.
    """

    def __init__(self, lake: Lake, targets: list[Target], resumed: bool = False) -> None:
        self.lake, self.resumed = lake, resumed
        self.ids = pa.array(sorted({target.doc_id for target in targets}), pa.string())
        self.new_ids = {t.doc_id: forgotten_id(t.crawl, t.archive, t.offset) for t in targets}
        self.changed: set[str] = set()

    def clear_tables(self) -> None:
        """Take the pages' rows out of the tables of texts, keys and places, and their names out of what they kept."""
        for table in _LEDGER:
            for uri in self.lake.files_of(table):
                self.rewrite(uri, table, "doc_id", self._without)

    def clear_pages(self) -> None:
        """Leave of every page in the ledger that it was there, how long it was, and that it was forgotten."""
        domains = {(row["crawl"], row["archive"]): _domain(row) for row in self.lake.archive_rows()}
        for uri in self.lake.files_of("pages"):
            self.rewrite(uri, "pages", "doc_id", lambda rows: self._forgotten(rows, domains))

    def rewrite(self, uri: str, table: str, column: str, change: Callable[[pa.Table], pa.Table]) -> None:
        """Write a file anew, batch by batch, where one of its rows names a page."""
        names = column_names(uri)
        looked_at = [name for name in (column, "survivor_id") if name in names]
        if not any(self.names_any(batch[name]) for batch in iter_batches(uri, looked_at) for name in looked_at):
            return
        path = relative(self.lake, uri)
        batches = iter_batches(uri)
        first = pa.Table.from_batches([next(batches)])
        with ShardWriter(self.lake.root, path, table, first.schema) as writer:
            writer.write(change(first))
            for batch in batches:
                writer.write(change(pa.Table.from_batches([batch])))
            writer.finish()
        self.changed.add(path)

    def named(self, column: Any) -> Any:
        """Which values of a column are doc_ids of pages to be forgotten."""
        return pc.is_in(column, self.ids)

    def names_any(self, column: Any) -> bool:
        """Whether one of a column's values is such a doc_id."""
        return bool(pc.any(self.named(column)).as_py())

    def refresh_rows(self) -> None:
        """Make the rows of archives and steps agree with the files they list."""
        for table, columns in (("archives", schema.ARCHIVES), ("steps", schema.STEPS)):
            for uri in self.lake.files_of(table):
                row = read_table(uri).to_pylist()[0]
                fresh = [self._fresh(Output.from_dict(output)) for output in row["outputs"]]
                if fresh == [Output.from_dict(output) for output in row["outputs"]]:
                    continue
                row["outputs"] = [output.to_dict() for output in fresh]
                if table == "archives":
                    row |= self._books(fresh)
                write_table(self.lake.root, relative(self.lake, uri), table, pa.Table.from_pylist([row], columns))

    def _without(self, rows: pa.Table) -> pa.Table:
        kept = rows.filter(pc.invert(self.named(rows["doc_id"])))
        if "survivor_id" not in kept.column_names:
            return kept
        place = kept.schema.get_field_index("survivor_id")
        survivors = [self.new_ids.get(str(name), str(name)) for name in kept["survivor_id"].to_pylist()]
        return kept.set_column(place, kept.schema.field(place), pa.array(survivors, pa.string()))

    def _forgotten(self, rows: pa.Table, domains: Mapping[tuple[str, str], str]) -> pa.Table:
        hits = self.named(rows["doc_id"]).to_pylist()
        if not any(hits):
            return rows
        lines = rows.to_pylist()
        for place, is_hit in enumerate(hits):
            if is_hit:
                line = lines[place]
                lines[place] = forgotten_row(line, domains.get((line["crawl"], line["archive"]), "web"))
        return pa.Table.from_pylist(lines, rows.schema)

    def _fresh(self, output: Output) -> Output:
        uri = self.lake.absolute(output.path)
        if not (self.resumed or output.path in self.changed) or not files.exists(uri):
            return output
        rows = count_rows(uri) if output.path.endswith(".parquet") else output.rows
        return replace(output, rows=rows, bytes=files.size_of(uri), sha256=files.sha256_of(uri))

    def _books(self, outputs: list[Output]) -> dict[str, int]:
        """An archive's records and bytes by fate, counted anew from its pages."""
        records: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for output in outputs:
            if output.table == "pages":
                for row in read_table(self.lake.absolute(output.path), ["fate", "length"]).to_pylist():
                    records[row["fate"]] += 1
                    sizes[row["fate"]] += row["length"]
        counted = {f"{fate}_records": records[fate] for fate in schema.FATES}
        return counted | {f"{fate}_bytes": sizes[fate] for fate in schema.FATES}


def _domain(row: Mapping[str, Any]) -> str:
    return str(json.loads(row["source"]).get("domain") or "web")
