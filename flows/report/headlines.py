"""The numbers at the head of the page."""

from __future__ import annotations

from dataclasses import dataclass

from flows.report.composition import MIXTURE
from flows.report.source import Source
from flows.report.words import count, frac, loss, plural, short, size

LEDGER = """\
SELECT count(*) AS pages, count(*) FILTER (fate = 'kept') AS kept,
    count(*) FILTER (fate = 'duplicate') AS copies,
    sum(length)::BIGINT AS bytes, count(DISTINCT host) AS hosts
FROM ledger"""
BALANCE = "SELECT count(*) AS archives, sum(abs(balance_records) + abs(balance_bytes))::BIGINT AS lost FROM books"
SPEED = """\
SELECT sum(rows)::BIGINT AS rows, sum(cpu_seconds) AS cpu_seconds
FROM cost WHERE step = 'annotate' AND stage = 'all'"""
SPANS = "SELECT count(*) AS spans FROM pii"
BEST = """\
SELECT count(*) AS trainings, min(eval_bits_per_byte) AS best,
    arg_min(params_total, eval_bits_per_byte) AS params
FROM trainings WHERE config ->> '$.model.causal' = 'true'"""
"""Of decoders: what a masked token costs is no price of a byte of text."""


@dataclass(frozen=True, slots=True)
class Headline:
    """One number, what it is, and what to know beside it."""

    value: str
    name: str
    note: str


def headlines(source: Source) -> list[Headline]:
    """Numbers of what the lake holds; of what it does not hold, none."""
    return [*_pages(source), *_corpus(source), *_training(source)]


def _pages(source: Source) -> list[Headline]:
    ledger, balance, speed = source.row(LEDGER), source.row(BALANCE), source.row(SPEED)
    if not ledger.get("pages"):
        return []
    pages, lost = ledger["pages"], balance["lost"]
    found = [
        Headline(short(pages), "pages read", f"{size(ledger['bytes'])} in {plural(balance['archives'], 'archive')}"),
        Headline(
            frac(ledger["kept"] / pages),
            "kept",
            f"{plural(ledger['kept'], 'page')} of {plural(ledger['hosts'], 'host')}",
        ),
        Headline(short(ledger["copies"]), "duplicates", f"{frac(ledger['copies'] / pages)} of all pages"),
        Headline("0" if not lost else short(lost), "unaccounted for", "records and bytes, in all books"),
    ]
    if speed.get("cpu_seconds"):
        rate = speed["rows"] / speed["cpu_seconds"]
        found.append(Headline(short(rate), "pages a second and core", "reading to signatures"))
    return found


def _corpus(source: Source) -> list[Headline]:
    mixture, spans = source.rows(MIXTURE), source.row(SPANS)
    found = []
    if spans.get("spans"):
        found.append(Headline(short(spans["spans"]), "personal data", "spans replaced"))
    if mixture:
        tokens, documents = (
            sum(row["given_tokens"] for row in mixture),
            sum(row["documents"] for row in mixture),
        )
        found.append(Headline(short(tokens), "tokens in the corpus", f"{count(documents)} documents"))
    return found


def _training(source: Source) -> list[Headline]:
    best = source.row(BEST)
    if not best.get("trainings"):
        return []
    note = f"best of {count(best['trainings'])} models, {short(best['params'])} parameters"
    return [Headline(loss(best["best"]), "bits a byte", note)]
