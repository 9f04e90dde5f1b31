"""New archives since the last look: what a schedule starts."""

from __future__ import annotations

from prefect import flow

from flows.alarms import tell_alarms
from flows.corpus_flow import CorpusResult, corpus_flow
from flows.corpus_plan import CorpusRequest, plan_corpus
from flows.progress import tell
from flows.recipe import load_recipe
from storage.catalog import CATALOG_FILE
from storage.errors import UserError
from storage.lease import LeaseBusy
from storage.outputs import prepare_output


@flow(name="watch", flow_run_name="watch-{request.recipe}")
def watch_flow(request: CorpusRequest) -> CorpusResult | None:
    """Look at the inputs (a folder, a bucket, a crawl list) and take what is new, as much as the budget allows.

    Each look adds to the lake, its duplicates and its corpus, and tells the alarms. A look that finds nothing new does
    nothing, one that was killed is gone on with, and one that meets another run leaves the lake to it.

    Returns:
        What the corpus flow did; None when there was nothing new (or, yet, nothing at all), or another run was writing.

    Raises:
        UserError: The recipe does not hold.
    """
    load_recipe(request.recipe, request.changes)  # a mistake in it is to be told, not taken for an empty folder
    try:
        plan = plan_corpus(request)
    except UserError as nothing:
        tell(f"watch: {nothing}")
        return None
    if not plan.pending and plan.is_finished:
        tell(f"watch: nothing new among {len(plan.jobs)} archives")
        prepare_output(plan.lake.absolute(CATALOG_FILE))  # killed while it made the views, the look before left some
        return None
    try:
        result = corpus_flow(request)
    except LeaseBusy as busy:
        tell(f"watch: {busy.message} The next look takes what is new.")
        return None
    tell_alarms(plan.lake, result.run_id)
    return result
