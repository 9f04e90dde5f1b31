"""Forgetting, from what is asked to a lake that holds none of it: list, keep out, take out, make again.

The order is what makes it safe to kill: first a journal of what is to be done; then the tombstones, so that nothing
comes back; then the files, the ledger's pages last; then the rows that list them. A journal that is still there is
worked off before anything else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from flows.forgetting.erase import Eraser
from flows.forgetting.made import (
    TokenSetLeft,
    clear_corpora,
    clear_folder,
    clear_tokens,
    clear_trainings,
    find_token_sets,
    plan_mixtures,
    write_cards,
)
from flows.forgetting.request import Holding, Request, Target, count_copies, find_holdings, find_targets
from flows.progress import tell
from flows.report.page import write_report
from flows.steps import find_step
from flows.tables import print_table, table_of, to_json
from flows.tokens_flow import TokensRequest, key_of, tokens_flow
from flows.work import prefect_api
from flows.writing import writing
from pipeline.tokens_config import TokensConfig
from storage import files, manifest
from storage.catalog import Catalog
from storage.errors import UserError
from storage.lake import Lake
from storage.tombstones import FOLDER, Kind, write_tombstones

JOURNAL = f"{FOLDER}/journal.json"


@dataclass(frozen=True)
class ForgetRequest:
    """What the command asks: names, lake, threads, what becomes of trainings (keep, remove, or not said)."""

    named: Request
    lake: str
    workers: int = 1
    trainings: str = ""
    dry_run: bool = False
    wait_seconds: float = 0.0


@dataclass
class Journal:
    """What is still to be done: names to keep out, pages to take out, and, by folder, mixtures as they will be and
    token sets to make again.
    """

    names: list[tuple[Kind, str]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    mixtures: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    token_sets: dict[str, TokenSetLeft] = field(default_factory=dict)
    remove_trainings: bool = False


def run_forget(request: ForgetRequest, as_json: bool) -> None:
    """List what holds the pages; unless that is all that is wanted, take them out and make again what remains.

    Raises:
        UserError: Nothing is named, there is no lake, or trainings read them and nobody said what becomes of those.
    """
    request.named.check()
    if request.trainings not in ("", "keep", "remove"):
        raise UserError(f"--trainings {request.trainings!r} is neither keep nor remove.")
    lake = Lake(request.lake)
    lake.check_exists()
    if request.dry_run:
        _forget(lake, request, as_json)
        return
    lake.check_writable()
    with writing(lake, "winnow forget", request.wait_seconds):
        resume(lake, request.workers)
        _forget(lake, request, as_json)


def _forget(lake: Lake, request: ForgetRequest, as_json: bool) -> None:
    targets = find_targets(lake, request.named)
    ids = {target.doc_id for target in targets}
    holdings = find_holdings(lake, ids) if ids else []
    _print(targets, holdings, count_copies(lake, ids) if ids else 0, request, as_json)
    if request.dry_run:
        return
    if any(holding.kind == "training" for holding in holdings) and not request.trainings:
        raise UserError("trainings have read these pages:", "say --trainings remove, or --trainings keep.")
    names = [*request.named.names(), *(("doc", name) for name in sorted(ids))]
    if targets:
        work_off(lake, Journal(names, targets, remove_trainings=request.trainings == "remove"), request.workers)
    else:
        write_tombstones(lake, names)
    tell(f"{len(targets):,} pages forgotten; no run brings back what was named")


def resume(lake: Lake, workers: int) -> None:
    """Finish what a killed command left."""
    if journal := _read_journal(lake):
        tell("going on with what an earlier `winnow forget` had not finished")
        work_off(lake, journal, workers, resumed=True)


def work_off(lake: Lake, journal: Journal, workers: int, resumed: bool = False) -> None:
    """Take the pages out of every file, make again what remains, and close the journal."""
    _write_journal(lake, journal)
    write_tombstones(lake, journal.names)
    eraser = Eraser(lake, journal.targets, resumed)
    journal.token_sets = find_token_sets(eraser) | journal.token_sets
    journal.mixtures = plan_mixtures(eraser) | journal.mixtures
    _write_journal(lake, journal)
    if journal.remove_trainings:
        clear_trainings(lake, [left.fingerprint for left in journal.token_sets.values()])
    clear_tokens(lake, journal.token_sets)
    clear_corpora(eraser, journal.mixtures)
    eraser.clear_tables()
    eraser.clear_pages()
    manifest.remove(lake)  # rows are about to change in place, which it takes for impossible
    eraser.refresh_rows()
    manifest.refresh(lake)
    write_cards(lake, journal.mixtures)
    Catalog(lake).rebuild()
    for left in journal.token_sets.values():
        _make_tokens(lake, left, workers)
    if files.exists(lake.absolute(lake.report_path())):
        write_report(lake)
    files.remove(lake.absolute(JOURNAL))


def _make_tokens(lake: Lake, left: TokenSetLeft, workers: int) -> None:
    """Encode and pack again the shards that were taken away; a set that cannot be made again as it was goes wholly."""
    request = _request_of(lake, left, workers)
    if request is None:
        clear_folder(lake, lake.tokens_dir(left.name, left.fingerprint))
        _clear_runs(lake, left.fingerprint)
        tell(
            f"token set {left.fingerprint} of {left.name} was removed: what made it is not at hand (settings, corpus, "
            "tokenizer or version). `winnow tokens` makes another."
        )
        return
    with prefect_api():
        tokens_flow(request)


def _clear_runs(lake: Lake, tokens: str) -> None:
    """Take away the rows of the runs that made a token set, whose fingerprint this is."""
    for row in lake.rows("runs"):
        if row["flow"] == "tokens" and any(step["fingerprint"] == tokens for step in row["steps"]):
            files.remove(lake.absolute(lake.run_path(row["run_id"])))


def _request_of(lake: Lake, left: TokenSetLeft, workers: int) -> TokensRequest | None:
    """What makes a token set again, of its own corpus, which need not be the newest; None where nothing does."""
    if not left.config or not left.corpus:
        return None
    try:
        config = TokensConfig.model_validate_json(left.config)
        corpus = find_step(lake, "mix", left.name, "", left.corpus)
        if key_of(config, corpus) != left.fingerprint:
            return None
    except (ValidationError, UserError):
        return None
    return TokensRequest(name=left.name, corpus=left.corpus, config=config, lake=lake.root, workers=workers)


def _write_journal(lake: Lake, journal: Journal) -> None:
    files.write_bytes(lake.absolute(JOURNAL), json.dumps(asdict(journal)).encode())


def _read_journal(lake: Lake) -> Journal | None:
    path = lake.absolute(JOURNAL)
    if not files.exists(path):
        return None
    with files.open_read(path) as stream:
        values: dict[str, Any] = json.loads(stream.read())
    sets = {
        folder: TokenSetLeft(**left | {"shards": tuple(left["shards"])})
        for folder, left in values["token_sets"].items()
    }
    targets = [Target(**target) for target in values["targets"]]
    names = [(kind, name) for kind, name in values.get("names", [])]  # an older journal's are tombstones already
    return Journal(names, targets, values["mixtures"], sets, values["remove_trainings"])


def _print(
    targets: Sequence[Target], holdings: Sequence[Holding], copies: int, request: ForgetRequest, as_json: bool
) -> None:
    if as_json:
        found = {"pages": [target.to_dict() for target in targets], "held": [one.to_dict() for one in holdings]}
        print(to_json(found | {"copies": copies}))
        return
    pages = [replace(target, url=target.url or "").to_dict() for target in targets]
    print_table(table_of(pages, ("url", "doc_id", "crawl", "archive", "offset", "fate")), title="pages")
    if holdings:
        print_table(table_of([one.to_dict() for one in holdings], ("kind", "place", "holds")), title="held by")
    if copies and not request.named.copies:
        print(f"{copies:,} other pages are duplicates of these; --copies forgets them too.")
    if not targets:
        print("Nothing of it is in the lake." + ("" if request.dry_run else " It will be kept out from now on."))
