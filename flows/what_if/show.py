"""What `winnow what-if` prints: two funnels side by side, what each rule does before and after, pages to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.recorded import RecordedRun
from flows.tables import cell_text, console, print_table, table_of, to_json
from flows.what_if import question as questions
from flows.what_if.examples import examples
from flows.what_if.movable import Change
from flows.what_if.question import Question

_FUNNEL = ("stage", "old_in", "old_dropped", "old_out", "new_in", "new_dropped", "unmeasured", "new_out")
_RULES = ("rule", "old_limit", "new_limit", *(f"{w}_{c}" for c in ("failed", "first", "alone") for w in ("old", "new")))

_OTHERS_NAMED = 3
"""Runs that are listed; `winnow sql "FROM runs"` has them all."""


def answer(question: Question, pages_each: int) -> dict[str, Any]:
    """Everything there is to say: changes, summary, funnel, rules, examples."""
    difference = question.difference
    return {
        "run_id": question.run.run_id,
        "recipe": question.recipe.name,
        "changes": [_change(change) for change in difference.limits],
        "decided_later": [_change(change) for change in difference.later],
        "summary": questions.summary(question),
        "funnel": questions.funnel(question),
        "rules": questions.rules(question),
        "examples": examples(question, pages_each),
    }


def print_answer(question: Question, pages_each: int, as_json: bool) -> None:
    """Print it as JSON whole, else the part that moved."""
    found = answer(question, pages_each)
    if as_json:
        print(to_json(found))
        return
    lines = [f"{c['key']}: {_value(c['old'])} -> {_value(c['new'])}" for c in found["changes"]]
    print("\n".join(lines) if lines else "no limit differs from the run's")
    print_table(table_of(found["funnel"], _FUNNEL), title="funnel, before duplicates")
    moved = [_with_limits(row) for row in found["rules"] if _moves(row)]
    print_table(table_of(moved, _RULES), title="rules that change")
    for page in found["examples"]:
        _print_page(page)
    for sentence in sentences(found):
        print(sentence)


def which_run(run: RecordedRun) -> str:
    """The run that was taken, where the lake has runs of several recipes, and how to name another."""
    others = [f"{run_id} ({name})" for run_id, name in run.others]
    listed = ", ".join(others[:_OTHERS_NAMED])
    if len(others) > _OTHERS_NAMED:
        listed += f" and {len(others) - _OTHERS_NAMED:,} more"
    return f"asking the lake's newest run, {run.run_id} ({run.name}); --run takes another: {listed}."


def sentences(found: Mapping[str, Any]) -> list[str]:
    """The answer in words, with what it does not say."""
    totals = found["summary"]
    said = [
        f"of {totals['read_pages']:,} pages the rules keep {totals['new_kept_pages']:,} instead of "
        f"{totals['kept_pages']:,}: {totals['let_in_pages']:,} let in, {totals['put_out_pages']:,} put out."
    ]
    if totals["unmeasured_pages"]:
        said.append(
            f"{totals['unmeasured_pages']:,} pages are let past a gate and were measured no further: the ledger cannot "
            "say whether the rules behind it keep them. `--apply` reads them again."
        )
    if found["decided_later"]:
        keys = ", ".join(change["key"] for change in found["decided_later"])
        said.append(f"{keys} decides after the rules: its effect is not in this funnel, and --apply works it out.")
    said.append("Duplicates and the mix depend on all pages kept and are found anew by `--apply`.")
    if totals["read_again_pages"]:
        said.append(
            f"--apply reads {totals['read_again_pages']:,} records ({totals['read_again_bytes']:,} bytes) again."
        )
    return said


def _change(change: Change) -> dict[str, Any]:
    return {"key": change.key, "old": change.old, "new": change.new}


def _value(value: Any) -> str:
    return "off" if value is None else str(value)


def _moves(row: Mapping[str, Any]) -> bool:
    return any(row[f"old_{name}"] != row[f"new_{name}"] for name in ("low", "high", "failed", "first", "alone"))


def _with_limits(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "old_limit": _limit(row, "old"), "new_limit": _limit(row, "new")}


def _limit(row: Mapping[str, Any], when: str) -> str:
    low, high = row[f"{when}_low"], row[f"{when}_high"]
    if low is None and high is None:
        return "off"
    ends = (f">= {low:,.6g}" if low is not None else "", f"<= {high:,.6g}" if high is not None else "")
    return ", ".join(end for end in ends if end)


def _print_page(page: Mapping[str, Any]) -> None:
    values = ", ".join(f"{name} {cell_text(name, value)}" for name, value in page["values"].items())
    rules: Sequence[str] = page["failed_after"] if page["move"] == "out" else page["failed_before"]
    head = f"\n{page['move']}: {page['url'] or page['doc_id']}\n  {', '.join(rules)}: {values}"
    text = page["excerpt"] if page.get("unread") is None else f"(cannot be read again: {page['unread']})"
    console().print(f"{head}\n  {cell_text('text', text)}", markup=False, highlight=False)
