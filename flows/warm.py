"""`python -m flows.warm`: compile every kernel once, so that the first run does not wait for it.

numba keeps what it compiled beside the source (or in the user's cache where that cannot be written). `make setup` calls
this; without it the first run of each process compiles what it needs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from flows.recipe import load_recipe
from pipeline.batch import DocumentBatch
from pipeline.dedup.normalise import fold_table
from pipeline.dedup.signatures import shingle_sets
from pipeline.dedup.verification import measure_jaccard
from pipeline.judging import run_stages
from pipeline.kernels.contamination import find_matches, index_passages
from pipeline.kernels.spellings import spell
from pipeline.quality.kneser_ney import estimate
from pipeline.quality.ngram_model import Header, NgramModel, pack
from pipeline.quality.ngrams import Vocabulary, count_run
from pipeline.quality.normalise import spelling_table
from storage import schema

TEXT = "The miller looked at the river and said that it would rain before the evening came. " * 8


def warm_kernels() -> None:
    """Run one small page through every stage there is, and compare it with itself."""
    fixed = {column.name: pa.array([None], column.type) for column in schema.PAGE_IDENTITY}
    dropped_line = "Please enable javascript to read on."  # rewritten text is measured by kernels of its own types
    body = f"<html><body><p>{TEXT}</p><p>{dropped_line}</p><p>{TEXT}</p></body></html>".encode()
    given = {
        "mime": pa.array(["text/html"]),
        "body": pa.array([body], pa.binary()),
        "charset_hint": pa.array([None], pa.string()),
        "text": pa.array([None], pa.string()),
    }
    recipe = load_recipe("fineweb", ["lines.enabled=true", "nemo.enabled=true"])
    stages = [replace(stage, rules=()) for stage in recipe.stages()]  # only survivors are signed: let it survive
    run_stages(DocumentBatch(fixed | given), stages)
    sets = shingle_sets(DocumentBatch.of_texts([TEXT, TEXT + " It did."]).utf8, recipe.dedup.shingling)
    passages, _ = index_passages([TEXT.encode()], fold_table(), [13], 6, 64)
    utf8 = DocumentBatch.of_texts([TEXT]).utf8
    find_matches(utf8.data, utf8.offsets, fold_table(), passages, 6, True)
    zero, one = pa.array([0]).to_numpy(), pa.array([1]).to_numpy()
    measure_jaccard(sets, zero, one)
    warm_perplexity()


def warm_perplexity() -> None:
    """Train on a line and score it."""
    utf8 = DocumentBatch.of_texts([TEXT]).utf8
    vocabulary = Vocabulary()
    words = vocabulary.add(spell(utf8.data, utf8.offsets, spelling_table("words"), letters=True))
    run = count_run(words, 3, len(vocabulary))
    found = estimate(lambda: [run], 3, len(vocabulary), (0, 0, 0))
    header = Header("words", tuple(map(len, found.levels)), 0, "en", (0, 0, 0), tuple(found.discounts), len(words))
    block = np.frombuffer(b"".join(map(bytes, pack(found.levels, vocabulary.hashes, header))), np.uint8)
    NgramModel(block).score(utf8)


if __name__ == "__main__":
    warm_kernels()
