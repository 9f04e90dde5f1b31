"""The models of the lesson on one axis of years and compute, with the best model of this lake among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flows.report.figures import Column, Figure, Table
from flows.report.source import Row, Source
from flows.report.svg import Axis, Plot
from flows.report.words import power, short

BEST = """\
SELECT name, params_total, train_tokens, flops, eval_bits_per_byte, finished_at FROM trainings
WHERE eval_bits_per_byte IS NOT NULL AND config ->> '$.model.causal' = 'true'
ORDER BY eval_bits_per_byte, training_id LIMIT 1"""
"""Of decoders: what a masked token costs is no price of a byte of text."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A model as its paper tells it: `params` in all, `tokens` seen in pre-training, repeats counted.

    Attributes:
        year: Of the paper, with its month as a fraction.
        brought: What it is remembered for.
    """

    name: str
    year: float
    params: float
    tokens: float
    brought: str
    source: str

    @property
    def flops(self) -> float:
        """6 N D: for the bidirectional LSTM and the encoders too, so that one convention holds for all."""
        return 6 * self.params * self.tokens


MILESTONES = (
    Milestone("ELMo", 2018.12, 93.6e6, 10 * 0.8e9, "features from a language model, two directions",
              "Peters et al. 2018: 10 epochs of the 1B Word Benchmark"),
    Milestone("GPT-1", 2018.45, 117e6, 100 * 0.985e9, "pre-train a decoder, then fine-tune it",
              "Radford et al. 2018: 100 epochs of BooksCorpus"),
    Milestone("BERT-large", 2018.78, 335e6, 128e9, "masked language model, both directions at once",
              "Devlin et al. 2019: 1M steps of 128,000 tokens"),
    Milestone("T5-11B", 2019.81, 11e9, 1e12, "every task as text to text", "Raffel et al. 2020: 1T tokens of C4"),
    Milestone("GPT-3", 2020.41, 175e9, 300e9, "few examples in the prompt instead of fine-tuning", "Brown et al. 2020"),
    Milestone("Chinchilla", 2022.24, 70e9, 1.4e12, "as many tokens as the compute asks for", "Hoffmann et al. 2022"),
    Milestone("Llama 65B", 2023.15, 65e9, 1.4e12, "public data only, open weights", "Touvron et al. 2023a"),
    Milestone("Llama 2 70B", 2023.55, 70e9, 2e12, "longer training, grouped queries", "Touvron et al. 2023b"),
    Milestone("Llama 3 8B", 2024.3, 8.03e9, 15e12, "more tokens than compute alone asks", "Grattafiori et al. 2024"),
    Milestone("Llama 3 405B", 2024.56, 405.9e9, 15.6e12, "the scaling law as the plan", "Grattafiori et al. 2024"),
)  # fmt: skip


def milestones(source: Source) -> Figure:
    """Compute of published models by year, and of the best training here."""
    best = source.row(BEST)
    rows: list[Row] = [
        {"name": m.name, "year": f"{int(m.year)}", "params": m.params, "tokens": m.tokens, "flops": m.flops}
        | {"brought": m.brought, "source": m.source}
        for m in MILESTONES
    ]
    flops = [m.flops for m in MILESTONES] + ([best["flops"]] if best else [])
    end = _year(best["finished_at"]) if best else MILESTONES[-1].year
    x = Axis("year", 2017.7, end + 1.4, ticks=tuple(float(year) for year in range(2018, int(end) + 2)), whole=True)
    plot = Plot("Compute of models by year", x, Axis.over("compute 6ND, FLOP", flops, log=True, powers=True), 420)
    for m in MILESTONES:
        tip = f"{m.name}: {short(m.params)} parameters, {short(m.tokens)} tokens, {power(m.flops)} FLOP; {m.brought}"
        plot.dot(m.year, m.flops, "c2", tip)
        plot.name(m.year, m.flops, m.name, "small")
    if best:
        words = f"{best['name']}: {short(best['params_total'])} parameters, {power(best['flops'])} FLOP"
        plot.dot(end, best["flops"], "c1", words)
        plot.name(end, best["flops"], "best here", "small")
        rows.append(
            {"name": best["name"], "year": f"{int(end)}", "params": best["params_total"], "source": "view trainings"}
            | {"tokens": best["train_tokens"], "flops": best["flops"], "brought": "yours"}
        )
    columns = (
        Column("name", "Model"),
        Column("year", "Year"),
        Column("params", "N", "short"),
        Column("tokens", "D", "short"),
        Column("flops", "C", "power"),
        Column("brought", "What it brought", "prose"),
        Column("source", "Source", "prose"),
    )
    caption = "C = 6 N D with every parameter and every token seen, repeats counted, as each paper tells them."
    sources = "The papers in the table; the view trainings for the model of this lake."
    return Figure(
        "timeline-models", "Models, year by year", caption, Table(columns, rows), plot.render(),
        (("published", "c2"), ("this lake's best", "c1")), source=sources,
    )  # fmt: skip


def _year(when: datetime) -> float:
    return when.year + (when.timetuple().tm_yday - 1) / 366
