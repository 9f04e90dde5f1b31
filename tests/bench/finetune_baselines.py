"""What a fine-tuning must beat to have learned anything: answers that read nothing, or words by themselves.

    python -m tests.bench.finetune_baselines

Of the files in `../shared/data/finetune`, the sides and scores that `winnow finetune` has. No torch, no model:

- majority: the commonest class, or answer, of the training side.
- tag a word: the tag each word mostly had in training, O where it was not seen.
- shared words: of a pair, words in both over words in either (Jaccard), small letters.
- whole context: all of it as the answer; words after the question's: the run of words behind the last one it names.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from flows.finetuning import written_scores
from flows.labelled_data import Data, read_data
from model.finetune import metrics
from tests.bench.vs_datatrove import ROOT

DATA = ROOT.parent / "shared" / "data" / "finetune"
TREC = ("description", "entity", "abbreviation", "person", "place", "number")
"""Names of TREC's six classes, by the number they have in its file."""


def trec_instructions(folder: Path) -> str:
    """TREC's questions as prompts, its classes as words to write."""
    lines = (DATA / "sst" / "TREC.train.all").read_text("latin-1").splitlines()
    pairs = [line.strip().partition(" ") for line in lines if line.strip()]
    rows = [{"prompt": f"{text} Asked for:", "answer": TREC[int(label)]} for label, _, text in pairs]
    path = folder / "trec.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def majority(data: Data) -> dict[str, float]:
    """Of classes."""
    said = Counter(example.label for example in _all(data.train)).most_common(1)[0][0]
    gold = [example.label for example in _all(data.measure)]
    found = [said] * len(gold)
    return {"accuracy": metrics.accuracy(found, gold), "macro_f1": metrics.macro_f1(found, gold)}


def likely_answer(data: Data) -> dict[str, float]:
    """The commonest answer of the training side."""
    said = Counter(example.answer for example in _all(data.train)).most_common(1)[0][0]
    return written_scores([said] * len(data.measure), data.measure)


def tag_a_word(data: Data) -> dict[str, float]:
    """By memory of each word alone."""
    seen: dict[str, Counter[str]] = {}
    for example in _all(data.train):
        for word, tag in zip(example.words, example.tags, strict=True):
            seen.setdefault(word, Counter())[tag] += 1
    common = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}
    found = [[common.get(word, "O") for word in example.words] for example in _all(data.measure)]
    gold = [[*example.tags] for example in _all(data.measure)]
    counts = metrics.entity_counts(found, gold).sum(0)
    flat = [[tag for tags in side for tag in tags] for side in (found, gold)]
    return {"entity_f1": float(metrics.f1_of_counts(counts)), "word_accuracy": metrics.accuracy(*flat)}


def shared_words(data: Data) -> dict[str, float]:
    """Of numbers the correlation with the overlap; of classes the cut on it that was best in training."""

    def overlap(example: Any) -> float:
        a, b = ({*re.findall(r"\w+", text.lower())} for text in (example.text, example.second))
        return len(a & b) / max(len(a | b), 1)

    found = np.array([overlap(example) for example in data.measure])
    if data.task == "similarity":
        gold = np.array([example.value for example in _all(data.measure)])
        return {"spearman": float(metrics.spearman(found, gold)), "pearson": float(metrics.pearson(found, gold))}
    learned = [(overlap(example), example.label) for example in _all(data.train)]
    same = max(data.classes)
    cut = max((value for value, _ in learned), key=lambda cut: sum((v >= cut) == (n == same) for v, n in learned))
    right = [
        (value >= cut) == (example.label == same) for value, example in zip(found, _all(data.measure), strict=True)
    ]
    return {"accuracy": sum(right) / len(right)}


def whole_context(data: Data) -> dict[str, float]:
    """As the answer."""
    return _answers(data, lambda example: example.context)


def words_behind(data: Data) -> dict[str, float]:
    """Three words behind the last word of the context that the question names."""

    def answer(example: Any) -> str:
        named, words = {*re.findall(r"\w+", example.question.lower())}, example.context.split()
        places = [n for n, word in enumerate(words) if word.lower() in named]
        return " ".join(words[places[-1] + 1 :][:3] if places else words[:3])

    return _answers(data, answer)


def _answers(data: Data, answer: Callable[[Any], str]) -> dict[str, float]:
    pairs = [(answer(example), [text for _, text in example.answers]) for example in _all(data.measure)]
    f1, same = ([score(*pair) for pair in pairs] for score in (metrics.token_f1, metrics.exact_match))
    return {"f1": sum(f1) / len(f1), "exact_match": sum(same) / len(same)}


def _all(examples: Sequence[Any]) -> Sequence[Any]:
    """Examples of a task that is known."""
    return examples


def main() -> None:
    """Print a row a data set and baseline."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    if not DATA.is_dir():
        sys.exit("these baselines read ../shared/data/finetune, which is not there")
    ner, pairs, qa, sst = (DATA / name for name in ("ner", "pairs", "qa", "sst"))
    with tempfile.TemporaryDirectory() as folder:
        named: list[tuple[str, Data, tuple[Callable[[Data], dict[str, float]], ...]]] = [
            ("SST-2", read_data("classification", f"{sst}/stsa.binary.train", f"{sst}/stsa.binary.dev"), (majority,)),
            ("WNUT17", read_data("tagging", f"{ner}/wnut17-train/wnut17train.conll",
                                 f"{ner}/wnut17-dev/emerging.dev.conll"), (tag_a_word,)),
            ("GUM", read_data("tagging", f"{ner}/gum-train/gum-train.conll"), (tag_a_word,)),
            ("MRPC", read_data("pairs", f"{pairs}/msr-para-train.tsv", f"{pairs}/msr-para-val.tsv"),
             (majority, shared_words)),
            ("STS-2015", read_data("similarity", f"{pairs}/2015.train.tsv", f"{pairs}/2015.val.tsv"), (shared_words,)),
            ("QAMR", read_data("qa", f"{qa}/qamr-filtered-dev.tsv", sentences=f"{qa}/qamr-wiki-sentences.tsv"),
             (whole_context, words_behind)),
            ("PolicyQA", read_data("qa", f"{qa}/policyqa-dev.json"), (whole_context, words_behind)),
            ("TREC-instructions", read_data("instruction", trec_instructions(Path(folder))), (likely_answer,)),
        ]  # fmt: skip
    shown = Table("data", "learned from", "measured on", "baseline", "scores")
    for name, data, baselines in named:
        for baseline in baselines:
            scores = ", ".join(f"{metric} {value:.3f}" for metric, value in baseline(data).items())
            shown.add_row(name, f"{len(data.train):,}", f"{len(data.measure):,}", baseline.__name__, scores)
    Console(width=140).print(shown)


if __name__ == "__main__":
    main()
