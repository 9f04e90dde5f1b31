"""New archives since the last run: what a schedule starts."""

from __future__ import annotations

from prefect import flow

from flows.corpus_flow import CorpusRequest, CorpusResult, corpus_flow, plan_corpus
from flows.progress import tell
from storage.errors import UserError


@flow(name="watch", flow_run_name="watch-{request.recipe}")
def watch_flow(request: CorpusRequest) -> CorpusResult | None:
    """Run the corpus flow when its inputs (a folder, a bucket, a crawl list) hold archives the lake has not seen.

    Returns:
        What the corpus flow did; None when there was nothing new (or, yet, nothing at all).
    """
    try:
        plan = plan_corpus(request)
    except UserError as nothing:
        tell(f"watch: {nothing}")
        return None
    if not plan.pending:
        tell(f"watch: nothing new among {len(plan.jobs)} archives")
        return None
    return corpus_flow(request)
