"""lm-evaluation-harness's half of `harness`: its log-likelihoods of every item, in its own environment.

    python harness_side.py FOLDER MAX_LENGTH LIMIT TASKS.json RESULTS.json

FOLDER is what `winnow export` wrote. TASKS.json maps names to JSONL files: questions in the forms of
`pipeline/questions.py`, or documents (`text`) for the rolling log-likelihood. RESULTS.json maps names to the metrics
the harness prints and to every item's answers: [log-likelihood, greedy] a choice, a log-likelihood a document.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lm_eval import simple_evaluate


def main() -> None:
    """Evaluate, and write what came out."""
    folder, length, limit, tasks, results = sys.argv[1:]
    named = json.loads(Path(tasks).read_text())
    found = simple_evaluate(
        model="hf",
        model_args={"pretrained": folder, "dtype": "float32", "max_length": int(length)},
        tasks=[task(name, path) for name, path in named.items()],
        limit=int(limit) or None,
        batch_size=8,
        device="cpu",
        bootstrap_iters=0,
        log_samples=True,
    )
    told = {
        name: {
            "metrics": {key.partition(",")[0]: value for key, value in found["results"][name].items()},
            "items": [answers(sample) for sample in sorted(found["samples"][name], key=lambda one: one["doc_id"])],
        }
        for name in named
    }
    Path(results).write_text(json.dumps(told, default=str))


def task(name: str, path: str) -> dict[str, object]:
    """A task over one local file, as the harness's own for these benchmarks are written."""
    with Path(path).open() as stream:
        keys = json.loads(stream.readline()).keys()
    shared: dict[str, object] = {"task": name, "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": path}}}
    shared |= {"test_split": "test", "output_type": "multiple_choice", "target_delimiter": " ", "num_fewshot": 0}
    choices = [{"metric": "acc"}, {"metric": "acc_norm"}]
    if "text" in keys:
        metrics = [{"metric": "bits_per_byte"}, {"metric": "byte_perplexity"}]
        return (
            shared
            | {"output_type": "loglikelihood_rolling", "doc_to_text": "", "doc_to_target": "{{text}}"}
            | {"metric_list": metrics}
        )
    if "choices" in keys:
        return (
            shared
            | {"doc_to_text": query, "doc_to_choice": stripped_choices, "doc_to_target": "gold"}
            | {"metric_list": choices}
        )
    if "context_options" in keys:
        return (
            shared
            | {"doc_to_text": gold, "doc_to_choice": "context_options", "metric_list": choices}
            | {"doc_to_target": stripped_continuation}
        )
    if "sentence_good" in keys:
        shared |= {"doc_to_text": "", "doc_to_choice": "{{[sentence_good, sentence_bad]}}", "doc_to_target": 0}
        return shared | {"target_delimiter": "", "metric_list": choices}
    return shared | {"output_type": "loglikelihood", "doc_to_text": "{{context.rstrip()}}"} | {
        "doc_to_target": stripped_continuation, "metric_list": [{"metric": "acc"}, {"metric": "perplexity"}]
    }  # fmt: skip


def query(item: dict[str, str]) -> str:
    """The question, as the harness's tasks put it."""
    text = item["query"].rstrip()
    return f"{text}\nAnswer:" if text.startswith("Question:") and not text.endswith("Answer:") else text


def stripped_choices(item: dict[str, list[str]]) -> list[str]:
    """The answers without white space around."""
    return [choice.strip() for choice in item["choices"]]


def stripped_continuation(item: dict[str, str]) -> str:
    """What follows, without white space around."""
    return item["continuation"].strip()


def gold(item: dict[str, int]) -> int:
    """Where the context is what there is to choose, the harness asks for the right one's number here."""
    return item["gold"]


def answers(sample: dict[str, object]) -> object:
    """What the model said of an item."""
    return sample["filtered_resps"]


if __name__ == "__main__":
    main()
