"""The corpus's tokenizer, for the page to run."""

from __future__ import annotations

import json

from flows.report.figures import Column, Figure, Table
from flows.report.interactive import Widget
from flows.report.source import Source
from flows.report.words import count
from model.token_set import TokenSet
from pipeline.tokens import Tokenizer
from storage import files

MOST_TOKENS = 2**16
"""Largest vocabulary put into the page: about a megabyte."""
SAMPLE_CHARS = 400

DOMAINS = "SELECT domain FROM mixture GROUP BY domain ORDER BY domain"
SAMPLE = "SELECT left(text, {chars}) AS text FROM documents WHERE domain = '{domain}' LIMIT 1"
SPELLINGS = "naïve 東京 1234567 résumé\u0301 🙂 def f(x): return x**2  # 3.14159"


def read_tokenizer(source: Source, tokens: TokenSet) -> Tokenizer:
    """The tokenizer of a token set."""
    return Tokenizer(_content(source, tokens), tokens.end_of_document, tokens.padding)


def tokenizer_figure(source: Source, tokens: TokenSet, tokenizer: Tokenizer) -> tuple[Figure, ...]:
    """A box for text, cut into this corpus's tokens as one types; nothing where the page cannot run it."""
    if not tokenizer.is_fast or tokenizer.vocab_size > MOST_TOKENS:
        return ()
    spec = json.loads(_content(source, tokens))
    specials = {token["content"] for token in spec["added_tokens"]}
    vocab = sorted(
        (item for item in spec["model"]["vocab"].items() if item[0] not in specials), key=lambda item: item[1]
    )
    pattern = spec["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    samples = _samples(source)
    rows = [{"sample": name, "text": text, "tokens": len(tokenizer.encode(text))} for name, text in samples]
    columns = (Column("sample", "Sample"), Column("text", "Text", "prose"), Column("tokens", "Tokens", "count"))
    caption = (
        f"Byte-level BPE of {count(tokenizer.vocab_size)} tokens, trained on this corpus: write anything. A token in "
        "‹ › is part of a character. The page runs the same rule the corpus was encoded by."
    )
    return (
        Figure(
            "tokens-try",
            "Text as this corpus's tokens",
            caption,
            Table(columns, rows),
            source=f"`{_path(source, tokens)}` of the lake.",
            widget=Widget("tokenizer", {"vocab": vocab, "pattern": pattern, "samples": samples}),
        ),
    )


def _content(source: Source, tokens: TokenSet) -> str:
    with files.open_read(source.lake.absolute(_path(source, tokens))) as stream:
        return stream.read().decode()


def _path(source: Source, tokens: TokenSet) -> str:
    return f"{source.lake.tokens_dir(tokens.name, tokens.fingerprint)}/tokenizer.json"


def _samples(source: Source) -> list[tuple[str, str]]:
    found = [("other scripts, numbers, code", SPELLINGS)]
    for domain in (row["domain"] for row in source.rows(DOMAINS)):
        row = source.row(SAMPLE.format(chars=SAMPLE_CHARS, domain=domain.replace("'", "''")))
        found += [(f"a page of {domain}", row["text"])] if row else []
    return found
