"""datatrove's half of `bench_signals`: CPU seconds of each of its filters over given texts, in its own environment.

    python signals_side.py TEXTS.json

Prints one JSON object: filter to the least CPU seconds of the rounds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

ROUNDS = 3


def main() -> None:
    """Time every filter over every text; words are spaCy's, split anew by each filter, as in its pipelines."""
    texts = json.loads(Path(sys.argv[1]).read_text())
    filters = {
        "gopher_repetition": GopherRepetitionFilter(),
        "gopher_quality": GopherQualityFilter(),
        "c4": C4QualityFilter(filter_no_terminal_punct=False),
        "fineweb": FineWebQualityFilter(),
    }
    found = {}
    for name, step in filters.items():
        step.filter(Document(text="Load the tokenizer first.", id="0"))
        rounds = []
        for _ in range(ROUNDS):
            documents = [Document(text=text, id="0") for text in texts]
            started = time.process_time()
            for document in documents:
                step.filter(document)
            rounds.append(time.process_time() - started)
        found[name] = min(rounds)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
