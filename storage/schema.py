"""What crosses the rooms' walls: the lake's tables, column by column, and the base of every recipe section.

Each field carries `doc`, `unit` and the meaning of null in its metadata; `winnow sql` shows them and the docs list
them from here. Signals (float64) are added to `PAGES` by the stages that measure them.
"""

from __future__ import annotations

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from storage.columns import FLOAT, INT, STRING, TIME, field, table
from storage.model_tables import EVALUATIONS as EVALUATIONS
from storage.model_tables import TRAININGS as TRAININGS


class Section(BaseModel):
    """A recipe section: frozen, typed, and closed to unknown keys. Change one with `model_copy(update=...)`."""

    # defaults validated too: 3 and 3.0 are one limit, and must not be two fingerprints
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


OUTPUTS = pa.list_(
    pa.struct(
        [("table", STRING), ("path", STRING), ("rows", INT), ("bytes", INT), ("sha256", STRING), ("columns", STRING)]
    )
)
"""Files a step wrote: table, path relative to the lake, rows, size, digest, and a digest of the columns' names and
types (null: not told): files that share it can be read as one without looking into each."""

PAGE_KEY = (
    field("crawl", STRING, "crawl or source the archive belongs to"),
    field("archive", STRING, "archive file, unique within its crawl"),
    field("offset", INT, "where the record starts in the archive's stream (archives.offsets_in)", "bytes or rows"),
)
"""What names a record: doc_id names the page, and two containers of one crawl can hold the same page."""

PAGE_IDENTITY = (
    field("doc_id", STRING, "WARC-Record-ID as a UUID; version-5 UUID of crawl, archive and offset without one"),
    *PAGE_KEY,
    field("length", INT, "length of the record in the archive's stream", "bytes"),
    field("url", STRING, "target URI", null="the record names none"),
    field("host", STRING, "host of the URL, lower case", null="no URL, or one without a host"),
    field("domain", STRING, "domain for mixing: web, code, books, academic, wikipedia, conversations, math, other"),
    field("fetched_at", TIME, "when the page was fetched", null="unknown or unreadable date"),
    field("http_status", pa.int16(), "HTTP status", null="not an HTTP response"),
    field("mime", STRING, "media type: identified, declared, then sniffed", null="unknown"),
    field("charset", STRING, "character set the text was decoded with", null="not decoded"),
    field(
        "payload_bytes",
        INT,
        "size of the page's body, decoded from its transfer and content encodings",
        "bytes",
        null="no body could be read",
    ),
    field("payload_digest", STRING, "sha256 of the decoded body, hexadecimal", null="no body could be read"),
)

FATES = ("kept", "dropped", "unreadable")
"""What annotation says of a record; the `ledger` view adds "duplicate"."""

VERDICT = (
    field("fate", STRING, "kept, dropped or unreadable"),
    field("dropped_by", STRING, "first stage whose rule failed", null="kept"),
    field("dropped_by_rule", STRING, "first rule that failed", null="kept"),
    field("failed_rules", pa.list_(STRING), "every rule that failed"),
    field("detail", STRING, "cause in words, where a rule's number does not say it", null="nothing to add"),
)

PAGES = table(*PAGE_IDENTITY, *VERDICT)
"""One row per content record or unreadable span, in archive order; stages add their signals. No text."""

DOCUMENTS = table(
    *PAGE_IDENTITY,
    field("text", STRING, "extracted text, personal data already replaced"),
    field("text_digest", STRING, "sha256 of the normalised text, hexadecimal"),
    field("text_bytes", INT, "size of the text in UTF-8", "bytes"),
    field("language", STRING, "ISO 639 code", null="not measured"),
    field("language_prob", FLOAT, "probability of that language, 0..1", null="not measured"),
    field("quality", FLOAT, "quality score, higher is better", null="no scorer in the recipe"),
)
"""Survivors of the rules, before duplicates are removed, in archive order."""

BANDS = table(
    *PAGE_KEY,
    field("doc_id", STRING, "the page"),
    field("keys", pa.list_(pa.uint64()), "hash of each band's rows of the MinHash signature; empty without words"),
)
"""One row a document, in the order of the documents file of the same archive."""

DUPLICATES = table(
    *PAGE_KEY,
    field("doc_id", STRING, "the page removed"),
    field("survivor_id", STRING, "the page kept instead: doc_id"),
    field("survivor_crawl", STRING, "its crawl"),
    field("survivor_archive", STRING, "its archive"),
    field("survivor_offset", INT, "its offset"),
    field(
        "kind", STRING, "exact (same text), payload (same bytes), near (measured Jaccard), span (nothing else is in it)"
    ),
    field(
        "jaccard",
        FLOAT,
        "measured Jaccard similarity of the shingle sets with the survivor, 0..1; 1 for exact",
        null="kind span",
    ),
)

SPANS = table(
    *PAGE_KEY,
    field("doc_id", STRING, "the page"),
    field("kind", STRING, "line or paragraph (on many pages of the host) or substring (long word sequence met before)"),
    field("start", INT, "where it starts in the document's text", "characters"),
    field("chars", INT, "its length", "characters"),
    field("removed", pa.bool_(), "left out of the corpus; false: measured only"),
    field("pages", INT, "pages of the host that have the line; times the sequence is met"),
    field("survivor_id", STRING, "page that keeps a copy: doc_id"),
    field("survivor_crawl", STRING, "its crawl"),
    field("survivor_archive", STRING, "its archive"),
    field("survivor_offset", INT, "its offset"),
)
"""Stretches of kept pages' texts that another page has as well; in order of page, then start."""

PII = table(
    *PAGE_KEY,
    field("doc_id", STRING, "the page"),
    field("kind", STRING, "one of the recipe's pii.kinds: email, phone, card, address..."),
    field("start", INT, "where the placeholder starts in the scrubbed text", "characters"),
    field("replaced_chars", INT, "length of what it replaced", "characters"),
    field("confidence", FLOAT, "0..1"),
    field("identity", INT, "number of the value among the page's values of that kind, from 0", null="not told"),
)
"""Personal data found and replaced: where and of what kind, never the value."""

CONTAMINATION = table(
    *PAGE_KEY,
    field("doc_id", STRING, "the page"),
    field("benchmark", STRING, "name of the benchmark, decontaminate.benchmarks"),
    field("item", INT, "its item: line of its file, counted from 0"),
    field("start", INT, "where the stretch starts in the extracted text, before cuts and placeholders", "characters"),
    field("chars", INT, "its length", "characters"),
    field("matched_words", INT, "words of it that are the item's"),
    field("item_words", INT, "words the item has"),
    field("score", FLOAT, "share of the item's words that the page holds in all its stretches, 0..1"),
    field(
        "action", STRING, "drop (the page), cut (the stretch) or mark (kept: below decontaminate.max_score, or asked)"
    ),
)
"""Stretches of pages, dropped ones too, that are in a benchmark."""

BENCHMARKS = table(
    field("benchmark", STRING, "name of the benchmark, decontaminate.benchmarks"),
    field("sha256", STRING, "digest of its file"),
    field("items", INT, "items it has"),
    field("short_items", INT, "items too short to be looked for (decontaminate.min_words)"),
    field("words", INT, "words of all its items"),
)
"""What was looked for in an archive's pages."""

ARCHIVES = table(
    field("crawl", STRING, "crawl or source"),
    field("archive", STRING, "archive file, unique within its crawl"),
    field("fingerprint", STRING, "of the step: recipe sections, stage versions, input digest"),
    field("uri", STRING, "where it was read"),
    field("sha256", STRING, "digest of the file", null="remote and not given by its store"),
    field("format", STRING, "warc, arc, wacz, jsonl, parquet", null="nothing in it could be recognised"),
    field("offsets_in", STRING, "what offsets count: file, stream (decompressed bytes), rows"),
    field("source", STRING, "what it was planned as: domain, version, place in its snapshot; JSON"),
    field("selection", STRING, "plan of the records read of it, relative to the lake", null="all of it was read"),
    field("file_bytes", INT, "size of the file; of a selection, what was fetched of it", "bytes"),
    field("stream_bytes", INT, "size of what offsets count in; the spans below add up to it", "bytes"),
    field("records", INT, "records and unreadable spans met"),
    *(
        field(f"{kind}_{what}", INT, f"{kind} records: {what}")
        for kind in ("kept", "dropped", "skipped", "unreadable")
        for what in ("records", "bytes")
    ),
    field("skipped_by_kind", pa.map_(STRING, INT), "records that are no content, by kind (request, warcinfo...)"),
    field("stages", pa.list_(STRING), "stages its pages went through, in order"),
    field("outputs", OUTPUTS, "files written"),
    field("finished_at", TIME, "when the row was written"),
)
"""One row an archive: its books. Written last: without this row nothing of the archive exists."""

STEPS = table(
    field("step", STRING, "index, dedup, mix, tokens"),
    field("key", STRING, "crawl or name of the corpus"),
    field("fingerprint", STRING, "of the step: recipe section, versions, fingerprints of the steps it read"),
    field("summary", STRING, "what there is to say about it, JSON"),
    field("outputs", OUTPUTS, "files written"),
    field("finished_at", TIME, "when the row was written"),
)
"""One row a finished whole-corpus step. Written last: without this row its files do not count."""

COSTS = table(
    field("step", STRING, "index, annotate, dedup, mix, tokens"),
    field("crawl", STRING, "crawl or source", null="not of one crawl"),
    field("archive", STRING, "archive or shard", null="whole-corpus step"),
    field("fingerprint", STRING, "of the step"),
    field("stage", STRING, "stage within the step"),
    field("rows", INT, "documents that reached the stage"),
    field("bytes", INT, "bytes that reached the stage", "bytes", null="not counted"),
    field("cpu_seconds", FLOAT, "CPU time of the process", "seconds"),
    field("wall_seconds", FLOAT, "elapsed time", "seconds", null="not taken"),
)
"""What each stage cost: the one table that is not the same for the same input."""

MIXTURE = table(
    field("domain", STRING, "domain"),
    field("asked_frac", FLOAT, "share of the budget asked for, 0..1"),
    field("given_frac", FLOAT, "share given, 0..1"),
    field("available_tokens", INT, "tokens of what is not held out, each document once and with its end", "tokens"),
    field("given_tokens", INT, "tokens given to train on, counted in the same way: as packing does", "tokens"),
    field("unique_documents", INT, "documents to train on, used at least once"),
    field("documents", INT, "documents written to train on, repeats counted"),
    field("cut_documents", INT, "of them those of which only the beginning was taken, to end the share there"),
    field("epochs", FLOAT, "given over available"),
    field("max_epochs", FLOAT, "cap on epochs; on average, where quality decides"),
    field(
        "quality_bins",
        pa.list_(
            pa.struct(
                [
                    *(("bin", INT), ("available_tokens", INT), ("given_tokens", INT)),
                    *(("epochs", FLOAT), ("max_epochs", FLOAT)),
                ]
            )
        ),
        "how often documents are used by quality: bins of equal tokens, the worst first; -1 without a quality",
        null="quality does not decide",
    ),
    field("reason", STRING, "why given differs from asked", null="it does not"),
    field("held_out_documents", INT, "documents written beside these, once each, that no training sees"),
    field("held_out_tokens", INT, "their tokens, counted in the same way", "tokens"),
)

CORPUS = table(
    field("text", STRING, "the document"),
    field("id", STRING, "doc_id"),
    field("dump", STRING, "crawl"),
    field("url", STRING, "target URI", null="none"),
    field("date", STRING, "when fetched, ISO 8601", null="unknown"),
    field("file_path", STRING, "archive it came from"),
    field("language", STRING, "ISO 639 code", null="not measured"),
    field("language_score", FLOAT, "probability of the language", null="not measured"),
    field("token_count", INT, "tokens (mix.tokenizer; else estimated from bytes)", "tokens"),
    field("domain", STRING, "domain"),
    field("quality", FLOAT, "quality score", null="no scorer in the recipe"),
    field("epoch", pa.int32(), "0 for a document's first appearance, 1 for its first repeat..."),
    field("split", STRING, "train; held_out: no training is to see it"),
)
"""The shards people train on; columns named as FineWeb names them."""

SEQUENCES = table(
    field(
        "tokens",
        pa.binary(),
        "token ids, one after another: little-endian uint16 (uint32 above 65,536 ids), every row of the same size",
    ),
    field("doc_starts", pa.list_(pa.int32()), "positions where a document, or a piece of one, begins in the sequence"),
    field("doc_ids", pa.list_(STRING), "doc_id of each of them, in the same order; the first may be a continuation"),
    field("domain", STRING, "domain of all its documents", null="training: domains share sequences"),
)
"""Packed tokens. Files are written so that `tokens` can be mapped into memory as it lies (`storage.mapped`)."""

FERTILITY = table(
    field("split", STRING, "train or held_out"),
    field("domain", STRING, "domain"),
    field("language", STRING, "ISO 639 code", null="not measured"),
    field("documents", INT, "documents, repeats counted"),
    field("bytes", INT, "their text in UTF-8", "bytes"),
    field("words", INT, "their words, punctuation marks among them; in scripts without spaces every letter is one"),
    field("tokens", INT, "their tokens, marks between documents left out", "tokens"),
    field("bytes_per_token", FLOAT, "bytes over tokens", "bytes a token", null="no tokens"),
    field("tokens_per_word", FLOAT, "tokens over words: the tokenizer's fertility", "tokens a word", null="no words"),
)
"""How finely a tokenizer cuts each domain and language of its corpus."""

FORGOTTEN = table(
    field("kind", STRING, "doc, url or host"),
    field("digest", STRING, "sha256 of the kind, a colon and the doc_id, URL or host; hexadecimal"),
    field("requested_at", TIME, "when it was forgotten"),
)
"""Tombstones: what no archive brings back. They name nothing."""

RUNS = table(
    field("run_id", STRING, "fingerprint of the run: recipe and inputs"),
    field("flow", STRING, "corpus, tokens, pretrain, scaling"),
    field("name", STRING, "name of the recipe or corpus"),
    field("recipe", STRING, "the whole recipe, JSON"),
    field("state", STRING, "running, finished, failed"),
    field("started_at", TIME, "first start"),
    field("finished_at", TIME, "end", null="not finished"),
    field(
        "steps",
        pa.list_(pa.struct([("step", STRING), ("key", STRING), ("fingerprint", STRING)])),
        "what it consists of: (annotate, crawl/archive), (dedup, crawl), (mix, name), (tokens, name), (train, name)",
    ),
    field("failed", pa.list_(pa.struct([("archive", STRING), ("cause", STRING)])), "archives that could not be read"),
    field(
        "judged",
        pa.list_(pa.struct([("rule", STRING), ("pages", INT), ("failed", INT)])),
        "for every rule the pages it judged and those that failed it",
        null="not finished, or no corpus run",
    ),
)
