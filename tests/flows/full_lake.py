"""A lake with something of everything, made up but consistent, for tests of the report and a look at it."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from flows.scaling_flow import fit_rows, write_fits
from flows.sequence_files import sequences_writer
from model.config import ModelConfig, TrainConfig
from model.scaling.ladder import LadderConfig, rungs
from model.scaling.surface import Surface
from model.token_set import Counts, Split, TokenSet
from pipeline.packing import Packer
from pipeline.tokens import Tokenizer, train_tokenizer
from pipeline.tokens_config import TokensConfig
from storage import files, schema
from storage.catalog import Catalog
from storage.lake import Lake
from storage.shards import Output, write_table
from tests.lakes import NOON, PageSpec, add_archive

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e</style>"
"""What a page's host may put into a name: markup, quotes, and a character that turns the text around."""

TEXT = f"The cat sat on the mat, and the mat was flat. {HOSTILE} " * 20

DOMAINS = {"web": 0.5, "code": 0.2, "books": 0.2, "wikipedia": 0.1}
DOCUMENTS = 20
"""Of the corpus, and of its packed sequences."""
RULES = {
    "language.language_prob": (0.35, 0.65, (0.05, 0.6), (0.7, 1.0)),
    "gopher.word_count": (0.25, 50.0, (5, 49), (50, 900)),
    "gopher.alpha_word_frac": (0.1, 0.8, (0.2, 0.79), (0.8, 1.0)),
    "c4.sentence_count": (0.2, 5.0, (0, 4), (5, 40)),
}
"""Each with the share of pages that fail it, its limit from below, and the values of pages that fail and pass."""
SIGNALS = (
    pa.field("language", pa.string()),
    *(pa.field(rule.partition(".")[2], pa.float64()) for rule in RULES),
)
TRUTH = Surface(E=1.0, A=9.0, B=60.0, alpha=0.21, beta=0.30)


def add_everything(lake: Lake, archives: int = 4, pages: int = 120, hostile: bool = False) -> None:
    """Fill a lake: archives, duplicates, personal data, a mixture, tokens, trainings and a fit."""
    random = np.random.default_rng(7)
    names = [f"part-{index:02}.warc.gz" for index in range(archives)]
    if hostile:
        names[0] = f"{HOSTILE}.warc.gz"
    for name in names:
        specs = [_page(f"{name} {index}", random) for index in range(pages)]
        row = add_archive(
            lake, name, specs, signals=SIGNALS, finished_at=NOON + timedelta(seconds=20 * names.index(name))
        )
        _add_personal_data(lake, row, random)
    _add_duplicates(lake, names, random)
    _add_mixture(lake, HOSTILE if hostile else "demo")
    add_tokens(lake)
    _add_trainings(lake, random)
    _add_looks(lake)
    _add_embeddings(lake)
    _add_scores(lake)
    _add_finetunings(lake, random)
    _add_run(lake, names, HOSTILE if hostile else "demo")


def _add_run(lake: Lake, names: list[str], corpus: str) -> None:
    steps = [
        *(("annotate", f"c1/{name}", "a" * 16) for name in names),
        ("dedup", "c1", "d" * 16),
        ("mix", corpus, "f" * 16),
    ]
    recipe = {
        "name": corpus,
        "dedup": {"enabled": True, "near": True, "bands": 14, "rows": 8, "min_jaccard": 0.8},
        "rules": _rule_records(),
    }
    row = {
        "run_id": "r1",
        "flow": "corpus",
        "name": corpus,
        "recipe": json.dumps(recipe),
        "state": "finished",
        "started_at": NOON,
        "finished_at": NOON + timedelta(minutes=3),
        "failed": [],
        "steps": [{"step": step, "key": key, "fingerprint": mark} for step, key, mark in steps],
    }
    write_table(lake.root, lake.run_path("r1"), "runs", pa.Table.from_pylist([row], schema.RUNS))


def _page(name: str, random: np.random.Generator) -> PageSpec:
    failed = tuple(rule for rule, (odds, *_) in RULES.items() if random.random() < odds)
    values = {
        rule.partition(".")[2]: _value(random, rule, *(failing if rule in failed else passing))
        for rule, (_, _, failing, passing) in RULES.items()
    }
    language = "de" if "language.language_prob" in failed else "en"
    broken = "truncated" if random.random() < 0.01 else None
    signals = dict.fromkeys(values) if broken else values | {"language": language}
    return PageSpec(name, () if broken else failed, broken, int(random.integers(500, 60_000)), signals)


def _value(random: np.random.Generator, rule: str, low: float, high: float) -> float:
    value = random.uniform(low, high)
    return float(round(value)) if rule.endswith("_count") else float(value)


def _rule_records() -> list[dict[str, Any]]:
    return [
        {"name": rule, "signal": rule.partition(".")[2], "low": low, "high": None, "knob": f"{rule}.min", "gate": False}
        | {"expected_drop": [0.005, 0.8], "languages": [], "not_languages": []}
        for rule, (_, low, _, _) in RULES.items()
    ]


def _add_personal_data(lake: Lake, archive: dict[str, Any], random: np.random.Generator) -> None:
    """Replacements in an archive, and its row with their file in it."""
    key = {"crawl": archive["crawl"], "archive": archive["archive"]}
    rows = [
        {
            **key,
            "offset": index,
            "doc_id": str(index),
            "kind": kind,
            "start": 5,
            "replaced_chars": 18,
            "confidence": 0.9,
        }
        for index, kind in enumerate(random.choice(["email", "phone", "ip"], 12, p=[0.6, 0.3, 0.1]).tolist())
    ]
    path = lake.pii_path(key["crawl"], key["archive"], archive["fingerprint"])
    outputs = [
        write_table(lake.root, path, "pii", pa.Table.from_pylist(rows, schema.PII)),
        *_add_benchmark(lake, archive),
    ]
    whole = {**archive, "outputs": [*archive["outputs"], *(output.to_dict() for output in outputs)]}
    committed = lake.archive_row_path(key["crawl"], key["archive"], archive["fingerprint"])
    write_table(lake.root, committed, "archives", pa.Table.from_pylist([whole], schema.ARCHIVES))


def _add_benchmark(lake: Lake, archive: dict[str, Any]) -> list[Output]:
    """A benchmark of 40 items, of which the archive's first page holds one and its second most of another."""
    named = (archive["crawl"], archive["archive"])
    known = {"benchmark": "ponds", "sha256": "0" * 64, "items": 40, "short_items": 3, "words": 900}
    page = dict(zip(("crawl", "archive"), named, strict=True))
    rows = [
        {**page, "offset": offset, "doc_id": str(offset), "benchmark": "ponds", "item": offset, "start": 3, "chars": 90}
        | {"matched_words": 14, "item_words": 20, "score": 0.7, "action": "drop"}
        for offset in (0, 1)
    ]
    mark = archive["fingerprint"]
    return [
        write_table(
            lake.root,
            lake.benchmarks_path(*named, mark),
            "benchmarks",
            pa.Table.from_pylist([known], schema.BENCHMARKS),
        ),
        write_table(
            lake.root,
            lake.contamination_path(*named, mark),
            "contamination",
            pa.Table.from_pylist(rows, schema.CONTAMINATION),
        ),
    ]


def _add_scores(lake: Lake) -> None:
    """A model's scores on a benchmark that was looked for and on one that was not."""
    same = {"evaluation_id": "e1", "kind": "benchmark", "name": "demo/1M", "metric": "accuracy", "unit": "0..1"}
    rows = [
        {**same, "part": part, "value": value, "low": value - 0.02, "high": value + 0.02, "finished_at": NOON}
        for part, value in (("ponds", 0.31), ("rivers", 0.27))
    ]
    write_table(lake.root, lake.evaluation_path("e1"), "evaluations", pa.Table.from_pylist(rows, schema.EVALUATIONS))


def _add_finetunings(lake: Lake, random: np.random.Generator) -> None:
    """A decoder and an encoder on one task, from both starts, by three seeds."""
    rows = []
    for kind, best in (("decoder", 0.80), ("encoder", 0.84)):
        for examples in (100, 1000):
            for start, loses in (("pretrained", 0.0), ("scratch", 0.1 * 100 / examples)):
                for seed in range(3):
                    value = best - 0.2 * 100 / examples - loses + float(random.normal(0, 0.01))
                    rows.append(finetuning_row(f"demo/{kind}", kind, start, examples, seed, value))
    for row in rows:
        table = pa.Table.from_pylist([row], schema.EVALUATIONS)
        write_table(lake.root, lake.evaluation_path(row["evaluation_id"]), "evaluations", table)


def finetuning_row(name: str, kind: str, start: str, examples: int, seed: int, value: float) -> dict[str, Any]:
    """A fine-tuning's row, as `flows.finetuning` writes it."""
    details = {
        "task": "classification", "kind": kind, "mode": "full", "start": start, "examples": examples, "seed": seed,
        "measured_examples": 500, "params_trained": 700_000, "params_total": 900_000, "learning_rate": 1e-3,
        "steps": 150, "best_step": 100, "tokens_seen": 90 * examples, "flops": 4e6 * 90 * examples, "seconds": 3.0,
        "pretrain_tokens": 400_000, "pretrain_flops": 2e12, "pretrain_seconds": 60.0,
    }  # fmt: skip
    return {
        "evaluation_id": f"ft-{kind}-{start}-{examples}-{seed}", "kind": "finetune", "name": name, "part": "ponds",
        "metric": "accuracy", "value": value, "low": value - 0.03, "high": value + 0.03, "unit": "share",
        "details": json.dumps(details), "finished_at": NOON,
    }  # fmt: skip


def _add_duplicates(lake: Lake, names: list[str], random: np.random.Generator) -> None:
    kept = Catalog(lake).query("SELECT archive, \"offset\" FROM ledger WHERE fate = 'kept' ORDER BY ALL").to_pylist()
    rows = []
    for index in range(0, min(len(kept) - 1, 80), 2):
        page, survivor = kept[index], kept[index + 1]
        near = index % 6 != 0
        rows.append(
            {
                "crawl": "c1",
                "archive": page["archive"],
                "offset": page["offset"],
                "doc_id": "copy",
                "survivor_id": f"kept {index // 4}",
                "survivor_crawl": "c1",
                "survivor_archive": survivor["archive"],
                "survivor_offset": survivor["offset"],
                "kind": "near" if near else "exact",
                "jaccard": float(1 - 0.2 * random.beta(1.2, 2.0)) if near else 1.0,
            }
        )
    path = lake.duplicates_path("c1", "d" * 16)
    output = write_table(lake.root, path, "duplicates", pa.Table.from_pylist(rows, schema.DUPLICATES))
    _commit(lake, "dedup", "c1", "d" * 16, {}, [output.to_dict()], 90)


def _add_mixture(lake: Lake, name: str) -> None:
    rows = [
        {
            "domain": domain,
            "asked_frac": asked,
            "given_frac": asked * (0.6 if domain == "books" else 1.1),
            "available_tokens": int(3e6 * asked),
            "given_tokens": int(2e6 * asked),
            "unique_documents": 20,
            "documents": 25,
            "cut_documents": 0,
            "epochs": 0.66,
            "max_epochs": 4.0,
            "reason": "not enough text within its epoch cap" if domain == "books" else None,
            "held_out_documents": 2,
            "held_out_tokens": 4000,
        }
        for domain, asked in DOMAINS.items()
    ]
    directory = lake.corpus_dir(name, "f" * 16)
    outputs = [
        write_table(lake.root, f"{directory}/{kind}.parquet", kind, pa.Table.from_pylist(rows, columns))
        for kind, rows, columns in (
            ("mixture", rows, schema.MIXTURE),
            ("corpus", [_document(index) for index in range(DOCUMENTS)], schema.CORPUS),
        )
    ]
    _commit(lake, "mix", name, "f" * 16, {}, [output.to_dict() for output in outputs], 120)


def _document(index: int) -> dict[str, Any]:
    """A document of the corpus; the first has an address that a browser must not follow."""
    domains, url = list(DOMAINS), f"http://example.org/{index}/{HOSTILE}"
    return {"id": f"doc {index}", "text": TEXT, "url": url if index else "javascript:alert(3)", "epoch": 0} | {
        "dump": f"c{1 + index % 2}",
        "file_path": "part-00.warc.gz",
        "language": None if index % 5 == 0 else "de" if index % 3 == 0 else "en",
        "token_count": 300 + index,
        "domain": domains[index % len(domains)],
        "split": "held_out" if index % 10 == 9 else "train",
    }


def add_tokens(lake: Lake) -> TokenSet:
    """A finished token set in the lake's books, with its tokenizer and some sequences of the corpus's documents."""
    content = train_tokenizer([TEXT], TokensConfig(vocab_size=512, end_of_document="<end>", padding="<pad>"))
    domains = {name: Counts(documents=50, tokens=int(2e6 * w), bytes=int(7e6 * w)) for name, w in DOMAINS.items()}
    total = Counts(documents=200, tokens=2_000_000, bytes=7_000_000)
    split = Split(files=("train-0.parquet",), sequences=7830, total=total, unique=total, domains=domains)
    tokens = TokenSet(
        name="demo",
        fingerprint="b" * 16,
        corpus_fingerprint="f" * 16,
        tokenizer_sha256=hashlib.sha256(content.encode()).hexdigest(),
        vocab_size=4096,
        end_id=0,
        pad_id=1,
        end_of_document="<end>",
        padding="<pad>",
        sequence_length=256,
        width=257,
        train=split,
        held_out=split.model_copy(update={"domains": {}}),
    )
    directory = lake.tokens_dir("demo", "b" * 16)
    files.write_bytes(lake.absolute(f"{directory}/tokenizer.json"), content.encode())
    _add_sequences(lake, f"{directory}/train-0.parquet", Tokenizer(content, "<end>", "<pad>"))
    _commit(lake, "tokens", "demo", "b" * 16, tokens.model_dump(mode="json"), [], 150)
    return tokens


def _add_sequences(lake: Lake, path: str, tokenizer: Tokenizer) -> None:
    packer = Packer(257, tokenizer.end_id, tokenizer.pad_id)
    ids = [tokenizer.encode(TEXT[: 200 + 40 * index]) for index in range(DOCUMENTS)]
    packed = pa.concat_tables([packer.add([f"doc {index}" for index in range(DOCUMENTS)], ids), packer.finish()])
    with sequences_writer(lake, path, tokenizer, TokensConfig(sequence_length=256)) as writer:
        writer.write(packed.append_column("domain", pa.nulls(packed.num_rows, pa.string())))
        writer.finish()


def _add_trainings(lake: Lake, random: np.random.Generator) -> None:
    _add_training(lake, "demo", 1_800_000, 1_500_000, 0, random, 300, 60.0)
    rows = []
    ladder = rungs(LadderConfig(train_tokens=(40_000, 200_000, 1_000_000, 4_000_000), max_flops=1e14), 4096)
    for index, rung in enumerate(ladder):
        seconds = 2 + rung.flops / 2e11
        rows.append(
            _add_training(
                lake,
                f"demo/ladder/{rung.name}",
                rung.params,
                rung.train.train_tokens,
                0,
                random,
                320 + 20 * index,
                seconds,
                rung.model,
            )
        )
    fits = fit_rows(rows, draws=25, sequence_length=256)
    write_fits(lake, "demo", rows, fits, 25)


def _add_training(
    lake: Lake,
    name: str,
    params: int,
    tokens: int,
    seed: int,
    random: np.random.Generator,
    ended: float,
    took: float,
    model: ModelConfig | None = None,
) -> dict[str, Any]:
    loss = float(TRUTH.predict(params, tokens) * np.exp(0.004 * random.standard_normal()))
    steps = np.arange(1, 121)
    curve = [
        {
            "step": int(s),
            "tokens": int(tokens * s / 120),
            "loss": 2.2 * loss + 6 * float(np.exp(-s / 12)) + float(random.normal(0, 0.05)),
            "learning_rate": float(4e-3 * min(s / 10, 1) * (0.55 + 0.45 * np.cos(np.pi * s / 120))),
        }
        for s in steps
    ]
    row = {
        "training_id": name.replace("/", "-"),
        "name": name,
        "tokens_fingerprint": "b" * 16,
        "config": json.dumps(
            {"model": (model or ModelConfig()).model_dump(), "train": TrainConfig(learning_rate=4e-3).model_dump()}
        ),
        "params_total": params,
        "params_non_embedding": params * 3 // 4,
        "train_tokens": tokens,
        "unique_tokens": 2_000_000,
        "flops": 6.0 * params * tokens,
        "learning_rate": 4e-3,
        "batch_tokens": 4096,
        "seed": seed,
        "train_loss": 2.2 * loss,
        "eval_loss": 2.25 * loss,
        "eval_bits_per_byte": loss,
        "wall_seconds": took,
        "tokens_per_second": tokens / took,
        "device": "cpu, 2 threads",
        "checkpoint": "none",
        "curve": curve,
        "finished_at": NOON + timedelta(seconds=ended),
    }
    table = pa.Table.from_pylist([row], schema.TRAININGS)
    write_table(lake.root, lake.training_path(row["training_id"]), "trainings", table)
    return row


def _add_looks(lake: Lake) -> None:
    """Looks into a decoder and an encoder, as `winnow probe` keeps them."""
    pieces = {str(token): HOSTILE if token == 3 else f"w{token}" for token in range(12)}
    said = {"top": [[token, 4.0 - token] for token in range(8)], "rest": [[-6.0, 4]]}
    ids = [0, 3, 5, 7]
    look = {
        "ids": ids,
        "embedding": [[0.1, -0.2]] * 4,
        "blocks": [0, 1],
        "stream_rms": [[1.0] * 4] * 2,
        "stream": [[[0.5, -0.5]] * 4] * 2,
        "attention": [[[[0.25] * 4] * 4] * 2] * 2,
        "next": [said] * 4,
        "targets": [3, 5, 7, None],
        "target_nats": [1.0, 2.0, 3.0, None],
        "pieces": pieces,
        "update": {
            "before": 2.0,
            "after": 1.5,
            "learning_rate": 1e-3,
            "parts": [{"part": "embedding", "gradient": 0.1, "weights": 2.0, "parameters": 24}],
        },
    }
    masked = [{"place": 1, "way": way, "id": 3, "shown": 9, "said": said} for way in ("mask", "random", "kept")]
    kinds = {"decoder": {"written": {"prompt": 3, "ids": [3, 4], "steps": [said] * 2}}, "encoder": {"masked": masked}}
    for kind, more in kinds.items():
        row = {
            "evaluation_id": kind,
            "kind": "probe",
            "name": "demo",
            "part": kind,
            "metric": "loss of the passage",
            "value": 2.0,
            "unit": "nats a token",
            "details": json.dumps(look | more | {"kind": kind}),
            "finished_at": NOON,
        }
        write_table(
            lake.root, lake.evaluation_path(kind), "evaluations", pa.Table.from_pylist([row], schema.EVALUATIONS)
        )


def _add_embeddings(lake: Lake) -> None:
    """Vectors of words of two trainings, as `winnow embeddings` keeps them; one word has no static vector."""
    use = {"before": f"{HOSTILE} the ", "word": "bank", "after": f" of {HOSTILE}"}
    uses = [use | {"label": label, "written": label != HOSTILE} for label in ("river", "money", HOSTILE)]
    layers = [
        {"points": [[0.0, 0.0]] * 3, "shares": [0.0, 0.0]},
        {"points": [[1.0, 2.0], [-1.5, 0.5], [0.25, -2.0]], "shares": [0.7, 0.3]},
    ]
    near = {"names": ["bank", HOSTILE, "shore"], "cosines": [1.0, 0.8, 0.7], "points": [[0, 0], [1, 1], [2, 0]]}
    word = {"word": "bank", "static": near | {"shares": [0.6, 0.4]}, "uses": uses, "layers": layers}
    words = [word, {"word": "plant", "static": None, "uses": uses, "layers": layers[::-1]}]
    about: list[tuple[str, str, str, dict[str, Any]]] = [
        ("EN-RG-65", "static", "rank correlation", {"measure": "similarity", "covered": 40, "pairs": 65}),
        ("EN-RG-65", "layer 1, uses", "rank correlation", {"measure": "similarity", "covered": 40, "pairs": 65}),
        ("senses", "layer 1", "probability", {"measure": "senses", "words": 2, "uses": 6}),
        ("self-similarity", "layer 1", "cosine", {"measure": "self-similarity", "words": 2}),
        ("figure", "uses drawn", "uses", {"words": words}),
    ]
    for training in ("demo", HOSTILE):
        rows = [
            {"evaluation_id": "embeddings", "kind": "embeddings", "name": training, "part": part, "metric": metric}
            | {"value": 0.4, "low": 0.2, "high": 0.6, "unit": unit, "finished_at": NOON}
            | {"details": json.dumps(details | {"training_id": training})}
            for part, metric, unit, details in about
        ]
        path = lake.evaluation_path(f"embeddings {len(training)}")
        write_table(lake.root, path, "evaluations", pa.Table.from_pylist(rows, schema.EVALUATIONS))


def _commit(lake: Lake, step: str, key: str, fingerprint: str, summary: Any, outputs: list[Any], at: float) -> None:
    finished: datetime = NOON + timedelta(seconds=at)
    cost = {
        "step": step,
        "archive": key,
        "fingerprint": fingerprint,
        "stage": "all",
        "rows": 100,
        "cpu_seconds": 3.0,
        "wall_seconds": 12.0,
    }
    path = lake.costs_path(step, key, fingerprint)
    costs = write_table(lake.root, path, "costs", pa.Table.from_pylist([cost], schema.COSTS))
    row = {
        "step": step,
        "key": key,
        "fingerprint": fingerprint,
        "summary": json.dumps(summary),
        "outputs": [*outputs, costs.to_dict()],
        "finished_at": finished,
    }
    table = pa.Table.from_pylist([row], schema.STEPS)
    write_table(lake.root, lake.step_path(step, key, fingerprint), "steps", table)
