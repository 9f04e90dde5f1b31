"""`winnow decontaminate`: what was found of each benchmark in the pages, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import DEFAULT_LAKE, JsonOption, LakeOption

decontaminate_app = typer.Typer(
    no_args_is_help=True, help="Benchmark items found in the pages, and what became of them."
)


@decontaminate_app.callback()
def _group() -> None:
    """Keeps `report` a command of its own: typer would call a lone command by the group's name."""


@decontaminate_app.command("report")
def report(
    benchmark: Annotated[str | None, typer.Option(help="Items of this benchmark alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Items shown, those with the largest share found first.")] = 20,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """Counts by benchmark, then by item: pages that hold it, its largest share found, pages dropped, cut and kept."""
    from flows.query import sql
    from flows.tables import print_table, to_json
    from storage.errors import UserError
    from storage.lake import Lake
    from storage.statements import quoted

    where = f"WHERE benchmark = {quoted(benchmark)}" if benchmark else ""
    totals = sql(Lake(lake), f"FROM benchmark_contamination {where}")
    if not len(totals):
        raise UserError(
            f"no archive of the lake {lake} was searched for {benchmark or 'benchmarks'}.",
            "Name benchmark files in the recipe ([[decontaminate.benchmarks]] name, path) and run `winnow corpus`.",
        )
    items = sql(Lake(lake), f"FROM contaminated_items {where} LIMIT {limit}")
    if as_json:
        print(to_json({"benchmarks": totals.to_pylist(), "items": items.to_pylist()}))
        return
    print_table(totals, title="benchmarks")
    print_table(items, title="items found")
