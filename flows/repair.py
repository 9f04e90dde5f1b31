"""`winnow check --repair`: what is damaged is withdrawn, so that the same command makes it again, to the byte.

A file that is not what its row says takes its row with it: what no row lists does not exist. The rows of what was made
of it stay, for they name what it was and will be again. Sources are read again only for archives that were withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator

from flows.check import file_problems
from flows.writing import writing
from storage import files
from storage.catalog import Catalog
from storage.errors import ShardFailed
from storage.lake import Lake
from storage.manifest import rebuild
from storage.shards import Output, read_table

_COMMITTING = ("archives", "steps")
_ROWS = (*_COMMITTING, "runs", "trainings", "evaluations")


def repair(lake: Lake, deep: bool) -> list[str]:
    """Withdraw what is damaged, then write manifest and views anew from the rows that are left.

    Args:
        deep: Compare digests too, not only sizes in rows.

    Returns:
        A sentence a file or row that was withdrawn.

    Raises:
        UserError: There is no lake, or another run is writing it.
    """
    lake.check_exists()
    lake.check_writable()
    with writing(lake, "winnow check --repair"):
        told = list(_withdraw(lake, deep))
        rebuild(lake)
        Catalog(lake).rebuild()
    return told


def _withdraw(lake: Lake, deep: bool) -> Iterator[str]:
    for table in _ROWS:
        for uri in lake.files_of(table):
            name = f"{table}/{uri.removeprefix(lake.absolute(table)).lstrip('/')}"
            try:
                rows = read_table(uri).to_pylist()
            except ShardFailed:
                files.remove(uri)
                yield f"{name} cannot be read: withdrawn."
                continue
            outputs = [Output.from_dict(output) for row in rows if table in _COMMITTING for output in row["outputs"]]
            damaged = {problem.subject: problem for one in outputs for problem in file_problems(lake, one, deep)}
            if damaged:
                files.remove(uri)  # first: a row must never list what is not there
            for path, problem in damaged.items():
                files.remove(lake.absolute(path))
                yield f"{path} {problem.detail}: withdrawn with its row {name}."
