"""The tables of what was trained and measured: part of `storage.schema`, which has all tables."""

from __future__ import annotations

import pyarrow as pa

from storage.columns import FLOAT, INT, STRING, TIME, field, table

_BEFORE = "written before this was kept"
_DOMAIN_LOSSES = pa.list_(pa.struct([("domain", STRING), ("loss", FLOAT), ("bits_per_byte", FLOAT)]))

TRAININGS = table(
    field("training_id", STRING, "fingerprint of the training"),
    field("name", STRING, "name of the run or rung"),
    field("tokens_fingerprint", STRING, "packed tokens it read"),
    field("corpus_fingerprint", STRING, "corpus they were made of", null=_BEFORE),
    field("tokenizer_sha256", STRING, "digest of their tokenizer.json", null=_BEFORE),
    field("recipe_run", STRING, "runs.run_id of the newest corpus run that lists that corpus", null="none does"),
    field("config", STRING, "model, optimiser and schedule, JSON; what was set by rule is filled in"),
    field("params_total", INT, "parameters, embeddings and output head included"),
    field("params_non_embedding", INT, "parameters without the token embedding"),
    field("params_matmul", INT, "parameters every token is multiplied by", null=_BEFORE),
    field("train_tokens", INT, "positions seen: steps times batch_tokens, padding counted", "tokens"),
    field("unique_tokens", INT, "tokens of the corpus, each once", "tokens"),
    field("epochs", FLOAT, "tokens seen over tokens of the packed set", null=_BEFORE),
    field("flops", FLOAT, "6 * params_total * train_tokens", "FLOP"),
    field("flops_exact", FLOAT, "of every matrix product; attention is causal where it is", "FLOP", null=_BEFORE),
    field("learning_rate", FLOAT, "peak"),
    field("warmup_frac", FLOAT, "share of the steps with a warm-up", null=_BEFORE),
    field("batch_tokens", INT, "tokens a step", "tokens"),
    field("seed", INT, "seed"),
    field("train_loss", FLOAT, "mean loss of the last tenth of the steps, z-loss and pairs included", "nats a token"),
    field("eval_loss", FLOAT, "loss on held-out sequences", "nats a token"),
    field("eval_bits_per_byte", FLOAT, "the same per byte of text; of encoders and T5s no price of it", "bits a byte"),
    field("eval_domains", _DOMAIN_LOSSES, "both, domain by domain", null=_BEFORE),
    field("wall_seconds", FLOAT, "elapsed", "seconds"),
    field("tokens_per_second", FLOAT, "train_tokens over elapsed", "tokens a second"),
    field("step_tokens_per_second", FLOAT, "of the median step, without saving", "tokens a second", null=_BEFORE),
    field("loader_wait_frac", FLOAT, "share of the steps' time spent waiting for data", null=_BEFORE),
    field("memory_bytes", INT, "most in use: of a GPU by tensors, of a CPU by the process", "bytes", null=_BEFORE),
    field("device", STRING, "device name"),
    field("ranks", INT, "devices side by side", null=_BEFORE),
    field("precision", STRING, "float32 or bf16", null=_BEFORE),
    field("device_flops", FLOAT, "measured: one large matrix product in that precision", "FLOP/s", null="unknown"),
    field("mfu", FLOAT, "model FLOPs utilisation, as mfu_convention says, 0..1", null="no measured rate"),
    field("mfu_convention", STRING, "numerator and denominator of mfu", null=_BEFORE),
    field("batches_digest", STRING, "sha256 over all batches: the same data in the same order", null=_BEFORE),
    field("events", pa.list_(STRING), "what was out of the ordinary: steps left out, rollbacks, alarms", null=_BEFORE),
    field("checkpoint", STRING, "where the weights are, relative to the lake"),
    field(
        "curve",
        pa.list_(pa.struct([("step", INT), ("tokens", INT), ("loss", FLOAT), ("learning_rate", FLOAT)])),
        "training curve",
    ),
    field("finished_at", TIME, "end"),
)

EVALUATIONS = table(
    field("evaluation_id", STRING, "fingerprint of what was evaluated and how"),
    field(
        "kind",
        STRING,
        "scaling; benchmark or held_out: scores; probe: a look into a model; embeddings: of words; finetune: a score "
        "after learning a task, see the view finetunings",
    ),
    field("name", STRING, "what was evaluated: ladder, training or model"),
    field(
        "part",
        STRING,
        "scaling: how N is counted (total, non_embedding); benchmark: its name in decontaminate.benchmarks; held_out: "
        "the domain, or all; probe: the kind of model; embeddings: pairs' file, senses, domains, self-similarity; "
        "finetune: the data set",
    ),
    field("metric", STRING, "name of the number"),
    field("value", FLOAT, "the number"),
    field("low", FLOAT, "lower end of its interval", null="no interval"),
    field("high", FLOAT, "upper end of its interval", null="no interval"),
    field("unit", STRING, "of value, low and high"),
    field("details", STRING, "everything else there is to say, JSON", null="nothing"),
    field("finished_at", TIME, "end"),
)
"""One row a number found about trained models.

A row of kind `benchmark` names its benchmark in `part`, exactly as the recipe that made the corpus names it
(`[[decontaminate.benchmarks]] name`): `evaluations_with_contamination` joins the two by that name.
"""
