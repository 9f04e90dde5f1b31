"""The classifier of contexts: where its limit comes from, and what it does to templates that had no part in that.

    python -m tests.bench.bench_contexts

Templates that are not held out are dealt into folds; each fold's contexts are scored by a model trained on the others.
The limit is the one that removes most of what is nobody's while at least so many of the personal numbers stay
(`MIN_KEPT`). Templates held out are then looked at once, with that limit.
"""

from __future__ import annotations

from pipeline.pii.context import DOUBT, Example, Model, train
from pipeline.pii.generated import generate_by_template

FOLDS = 5
MIN_KEPT = 0.98
LIMITS = range(-200, 61, 5)
Scored = list[tuple[float, bool]]
"""A context's score in steps of the limit's own unit, and whether it is personal."""


def main() -> None:
    """Print both parts of the question: the limits by cross-validation, and the templates held out."""
    scored = cross_validated()
    print(f"{FOLDS} folds of the templates trained on: limit, personal numbers kept, others removed")
    for limit in LIMITS:
        kept, removed = shares(scored, limit)
        print(f"{limit:6}  {kept:.3f}  {removed:.3f}{'  chosen' if limit == chosen(scored) else ''}")
    print(f"the limit in use is {DOUBT}")
    model, step = trained([row for _, row in generate_by_template(False)])
    held_out = scores(model, step, [Example(*row) for _, row in generate_by_template(True)])
    kept, removed = shares(held_out, DOUBT)
    print(f"templates held out, at {DOUBT}: kept {kept:.3f}, removed {removed:.3f}")


def cross_validated() -> Scored:
    """Scores of every training template's contexts by the model that has not seen it."""
    rows = list(generate_by_template(False))
    templates = list(dict.fromkeys(template for template, _ in rows))
    fold_of = {template: number % FOLDS for number, template in enumerate(templates)}
    scored: Scored = []
    for fold in range(FOLDS):
        model, step = trained([row for template, row in rows if fold_of[template] != fold])
        scored += scores(model, step, [Example(*row) for template, row in rows if fold_of[template] == fold])
    return scored


def trained(rows: list[tuple[str, str, int, int, bool]]) -> tuple[Model, float]:
    """A model and how much of its scores one unit of the limit is: weights are sums over all the steps of training."""
    model = train(Example(*row) for row in rows)
    return model, model.limit / DOUBT


def scores(model: Model, step: float, examples: list[Example]) -> Scored:
    """Scores of contexts in units of the limit."""
    return [(model.score(e.kind, e.text, e.start, e.end) / step, e.personal) for e in examples]


def shares(scored: Scored, limit: float) -> tuple[float, float]:
    """Share of personal numbers kept, and of the others removed."""
    personal = [score >= limit for score, truth in scored if truth]
    others = [score < limit for score, truth in scored if not truth]
    return sum(personal) / len(personal), sum(others) / len(others)


def chosen(scored: Scored) -> int:
    """The limit that removes most while enough stay."""
    return max(limit for limit in LIMITS if shares(scored, limit)[0] >= MIN_KEPT)


if __name__ == "__main__":
    main()
