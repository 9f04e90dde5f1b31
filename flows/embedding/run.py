"""Static against contextual vectors of a training's words: three measures and the polysemy figure, as rows of the lake.

Both kinds are made of the same text, the training's corpus. A contextual vector of a word is a layer's mean over the
word's pieces, and over its uses in the corpus ("uses") or of the word without a passage ("alone").
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from flows.corpus_texts import corpus_of, documents
from flows.embedding.figure import figure_data
from flows.embedding.passages import Passages
from flows.embedding.senses import read_senses
from flows.embedding.static_vectors import StaticVectors, train_static
from flows.generation import find_training, load_language
from flows.steps import Step
from model.config import Device, ModelConfig
from pipeline.embedding.config import EmbeddingsConfig
from pipeline.embedding.measures import (
    Interval,
    RankCorrelation,
    RatedPair,
    Vectors,
    cosines,
    read_pairs,
    self_similarity,
    told_apart,
)
from pipeline.embedding.uses import Use, Uses, find_uses
from storage import files, schema
from storage.lake import Lake, fingerprint
from storage.shards import read_table, write_table

VERSION = 1
"""Raised when numbers come out differently; part of every evaluation's id."""

Row = dict[str, Any]


@dataclass(frozen=True)
class PairFile:
    """Rated pairs: the file's name without its ending, its digest and its pairs."""

    name: str
    sha256: str
    pairs: tuple[RatedPair, ...]


def read_pair_file(uri: str) -> PairFile:
    """Rated pairs of a file.

    Raises:
        UserError: No such file, or a line of it is none.
    """
    with files.open_read(uri) as stream:
        content = stream.read()
    name = uri.rstrip("/").rpartition("/")[2].rpartition(".")[0] or uri
    pairs = read_pairs(content.decode("utf-8", "replace").splitlines(), name)
    return PairFile(name, hashlib.sha256(content).hexdigest(), pairs)


def embed_training(
    lake: Lake,
    training: str = "latest",
    pair_files: Sequence[PairFile] = (),
    words: Sequence[str] = (),
    senses: Mapping[str, Sequence[Use]] | None = None,
    config: EmbeddingsConfig | None = None,
    *,
    threads: int = 0,
    device: Device = "auto",
) -> list[Row]:
    """Measure a training's vectors unless that is done; its `EVALUATIONS` rows.

    Args:
        lake: Where training and corpus are.
        training: Id, its beginning, the name of a training, or "latest".
        pair_files: Rated pairs to correlate with; none: that measure is left out.
        words: More words for the figure, besides those of `senses`.
        senses: Word to uses written for its senses; by default the shipped ones.
        config: How vectors are made; by default the recipe's defaults.

    Raises:
        UserError: No such training, its corpus is gone, or it has too little text for static vectors.
    """
    row, config = find_training(lake, training), config or EmbeddingsConfig()
    senses = read_senses() if senses is None else senses
    _, tokens = load_language(lake, row["checkpoint"].rpartition("/")[0])
    corpus = corpus_of(lake, tokens)
    shown = list(dict.fromkeys([*senses, *(word.lower() for word in words)]))
    evaluation_id = fingerprint(
        *("embeddings", VERSION, row["training_id"], corpus.fingerprint, pair_files, senses, shown, config)
    )
    path = lake.evaluation_path(evaluation_id)
    if not files.exists(lake.absolute(path)):
        study = _Study(lake, row, corpus, pair_files, shown, senses, config, threads, device)
        common = {"evaluation_id": evaluation_id, "kind": "embeddings", "name": row["name"]}
        rows = [common | found | {"finished_at": datetime.now(UTC)} for found in study.rows()]
        write_table(lake.root, path, "evaluations", pa.Table.from_pylist(rows, schema.EVALUATIONS))
    found: list[Row] = read_table(lake.absolute(path)).to_pylist()
    return found


def read_embeddings(lake: Lake) -> list[list[Row]]:
    """The rows of every finished measurement, newest first, `details` already read."""
    groups = [read_table(uri).to_pylist() for uri in lake.files_of("evaluations")]
    found = [rows for rows in groups if rows and rows[0]["kind"] == "embeddings"]
    found.sort(key=lambda rows: (rows[0]["finished_at"], rows[0]["evaluation_id"]), reverse=True)
    return [[row | {"details": json.loads(row["details"])} for row in rows] for rows in found]


class _Study:
    """Everything of one measurement: text searched once, static vectors trained once, the model asked once."""

    def __init__(
        self, lake: Lake, row: Row, corpus: Step, pair_files: Sequence[PairFile], shown: Sequence[str],
        senses: Mapping[str, Sequence[Use]], config: EmbeddingsConfig, threads: int, device: Device,
    ) -> None:  # fmt: skip
        self.row, self.config, self.pair_files, self.shown, self.senses = row, config, pair_files, shown, senses

        def texts() -> Any:
            return documents(lake, corpus, config.sample_bytes)

        rated = {word for file in pair_files for pair in file.pairs for word in (pair.first, pair.second)}
        wanted = dict.fromkeys(sorted(rated), config.uses)
        wanted |= {word: max(config.shown_uses, wanted.get(word, 0)) for word in shown}
        self.uses: Uses = find_uses(((document.domain, document.text) for document in texts()), wanted)
        self.static: StaticVectors = train_static((document.text for document in texts()), config)
        self.drawn: dict[str, list[tuple[Use, bool]]] = {}
        self.vectors = self._ask(lake, rated, threads, device)
        self.layers = range(next(iter(self.vectors.values())).shape[0])

    def _ask(self, lake: Lake, rated: set[str], threads: int, device: Device) -> Mapping[Any, Vectors]:
        tokenizer, tokens = load_language(lake, self.row["checkpoint"].rpartition("/")[0])
        passages = Passages(tokenizer, tokens, ModelConfig.model_validate(json.loads(self.row["config"])["model"]))
        for word in sorted(rated):
            for use in self.uses.found.get(word, ())[: self.config.uses]:
                passages.add(("uses", word), use)
            passages.add_alone(("alone", word), word)
        for word in self.shown:
            found = self.uses.found.get(word, ())[: self.config.shown_uses]
            uses = [*((use, True) for use in self.senses.get(word, ())), *((use, False) for use in found)]
            kept = [one for number, one in enumerate(uses) if passages.add((word, number), one[0])]
            self.drawn[word] = kept if len(kept) == len(uses) else []  # a word too long for the model, in every use
        return passages.vectors(lake, self.row["checkpoint"], threads, device)

    def rows(self) -> list[Row]:
        """Every number found, and what the figure is drawn from."""
        drawn = {
            word: [(use, written, self.vectors[word, number]) for number, (use, written) in enumerate(uses)]
            for word, uses in self.drawn.items()
        }
        similarity = [row for file in self.pair_files for row in self._similarity(file)]
        about = {"training_id": self.row["training_id"], "words": figure_data(drawn, self.static)}
        count = sum(len(word["uses"]) for word in about["words"])
        figure = {"part": "figure", "metric": "uses drawn", "value": float(count), "unit": "uses"}
        figure["details"] = json.dumps(about)
        return [*similarity, *self._apart(drawn), *self._alike(drawn), figure]

    def _similarity(self, file: PairFile) -> list[Row]:
        """Correlations over the pairs whose words all methods have vectors of."""
        pairs = [pair for pair in file.pairs if self._known(pair.first) and self._known(pair.second)]
        about = {"measure": "similarity", "sha256": file.sha256, "pairs": len(file.pairs), "covered": len(pairs)}
        if len(pairs) < 3:
            nothing = {"part": file.name, "metric": "pairs covered", "value": float(len(pairs)), "unit": "pairs"}
            return [nothing | {"details": self._about(about | {"how": "coverage"})}]
        judge = RankCorrelation([pair.rating for pair in pairs], self.config.draws, self.config.seed)

        def of(vector: Any) -> Interval:
            first, second = (
                np.stack([vector(word) for word in side]) for side in zip(*map(_words, pairs), strict=True)
            )
            return judge.of(cosines(first, second))

        found = [_row(file.name, "static", of(self.static.__getitem__), {"how": "static"})]
        for how in ("uses", "alone"):
            for layer in self.layers:
                interval = of(lambda word, how=how, layer=layer: self.vectors[how, word][layer])
                found.append(_row(file.name, f"layer {layer}, {how}", interval, {"how": how, "layer": layer}))
        return [row | {"unit": "rank correlation", "details": self._about(about | row["details"])} for row in found]

    def _known(self, word: str) -> bool:
        enough = self.uses.counts[word] >= self.config.min_count
        return enough and word in self.static and ("uses", word) in self.vectors and ("alone", word) in self.vectors

    def _apart(self, drawn: Mapping[str, Sequence[tuple[Use, bool, Vectors]]]) -> list[Row]:
        """Whether uses of one sense (written sentences), of one domain (the corpus's) lie nearer together."""
        rows = []
        for part, written in (("senses", True), ("domains", False)):
            chosen = {word: [one for one in uses if one[1] == written] for word, uses in drawn.items()}
            groups = {word: uses for word, uses in chosen.items() if uses}
            labels = {word: [use.label for use, _, _ in uses] for word, uses in groups.items()}
            about = {"measure": part, "words": len(groups), "uses": sum(map(len, labels.values()))}
            for layer in self.layers:
                vectors = [(np.stack([one[2][layer] for one in uses]), labels[word]) for word, uses in groups.items()]
                found = told_apart(vectors, self.config.draws, self.config.seed)
                if found is not None:
                    rows.append(_row(part, f"layer {layer}", found, about | {"how": "uses", "layer": layer}))
            known = [word for word in groups if word in self.static]
            same = [(np.stack([self.static[word]] * len(labels[word])), labels[word]) for word in known]
            if found := told_apart(same, self.config.draws, self.config.seed):
                counts = {"words": len(known), "uses": sum(len(labels[word]) for word in known)}
                rows.append(_row(part, "static", found, about | counts | {"how": "static"}))
        return [row | {"unit": "probability", "details": self._about(row["details"])} for row in rows]

    def _alike(self, drawn: Mapping[str, Sequence[tuple[Use, bool, Vectors]]]) -> list[Row]:
        rows = []
        for layer in self.layers:
            groups = [np.stack([one[2][layer] for one in uses]) for uses in drawn.values() if uses]
            if (value := self_similarity(groups)) is not None:
                about = {"measure": "self-similarity", "words": len(groups), "how": "uses", "layer": layer}
                rows.append({"part": "self-similarity", "metric": f"layer {layer}", "value": value})
                rows[-1] |= {"unit": "cosine", "details": self._about(about)}
        return rows

    def _about(self, more: Mapping[str, Any]) -> str:
        return json.dumps({"training_id": self.row["training_id"], **more})


def _words(pair: RatedPair) -> tuple[str, str]:
    return pair.first, pair.second


def _row(part: str, metric: str, found: Interval, details: Mapping[str, Any]) -> Row:
    value, low, high = found
    return {"part": part, "metric": metric, "value": value, "low": low, "high": high, "details": dict(details)}
