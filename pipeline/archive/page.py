"""What becomes of a record: a page to judge, a refusal with its reason, or a record that is no content."""

from __future__ import annotations

from urllib.parse import urlsplit

from pipeline.archive.config import ArchiveConfig
from pipeline.archive.digests import block_digest_holds, digest_holds
from pipeline.archive.http import Message, charset_of, decode_body, join_chunks, parse_message
from pipeline.archive.mime import binary_mime, parse_mime, sniff_mime
from pipeline.archive.records import Page, Problem, Record, Refusal, Skip
from pipeline.archive.rows import clean_text

CONTENT_KINDS = ("response", "resource", "conversion", "revisit", "continuation", "text")
_CRAWLERS_SCHEMES = ("metadata:", "urn:", "dns:", "whois:", "filedesc:")
REASONS = (
    "chunked",
    "content_encoding",
    "digest",
    "http",
    "http_status",
    "mime",
    "no_text",
    "revisit",
    "segmented",
    "too_large",
    "truncated",
)
"""Every reason a content record can be refused for; the rule is `archive.<reason>`."""


def to_page(record: Record, config: ArchiveConfig | None = None) -> Page | Refusal | Skip:
    """Judge one record by what it is and says; never raises, whatever it holds.

    Args:
        config: Accepted media types, limits, whether digests are verified; the defaults where None.
    """
    if record.kind not in CONTENT_KINDS:
        return Skip(record.kind or "unknown")
    if record.kind in ("resource", "response") and _is_crawlers_own(record):
        return Skip("metadata")
    config = config or ArchiveConfig()
    url = record.url
    host = host_of(url)
    if problem := record.problem or _unusable(record):
        return Refusal(*problem, url, host)
    if record.kind == "text":
        return Page(url, host, None, "text/plain", "utf-8", record.block, str(record.view, "utf-8"))
    if record.kind == "response" and _is_http(record):
        return _http_page(record, url, host, config)
    return _plain_page(record, url, host, config)


def host_of(url: str | None) -> str | None:
    """Host of a URL, lower case; None without one."""
    try:
        return (urlsplit(url).hostname or None) if url else None
    except ValueError:
        return None


def _unusable(record: Record) -> Problem | None:
    """What the record's own header says against its use."""
    fields = record.header.fields
    if record.kind == "revisit":
        original = fields.get("warc-refers-to-target-uri") or fields.get("warc-refers-to") or record.url
        date = fields.get("warc-refers-to-date")
        return Problem("revisit", f"repeats {original}" + (f" of {date}" if date else ""))
    if "warc-truncated" in fields:
        return Problem("truncated", f"WARC-Truncated: {fields['warc-truncated']}")
    if record.kind == "continuation" or "warc-segment-number" in fields:
        return Problem("segmented", f"segment {fields.get('warc-segment-number', '?')} of a record")
    return None


def _is_crawlers_own(record: Record) -> bool:
    """Is it about the crawl (wget's log, a DNS answer, a screenshot's name) rather than a page?"""
    return (record.url or "").lower().startswith(_CRAWLERS_SCHEMES)


def _is_http(record: Record) -> bool:
    scheme = (record.url or "http:")[:5].lower()
    return scheme.startswith("http") or "http" in record.header.fields.get("content-type", "")


def _http_page(record: Record, url: str | None, host: str | None, config: ArchiveConfig) -> Page | Refusal:
    message = parse_message(record)
    if message is None:
        return Refusal("http", "no HTTP status line", url, host)
    status, fields, _ = message
    content_type = fields.get("content-type", "")
    mime = parse_mime(record.header.fields.get("warc-identified-payload-type")) or parse_mime(content_type)
    if not 200 <= status < 300 or status == 206:
        return Refusal("http_status", str(status), url, host, status, mime)
    if mime and mime not in config.accepted_mimes:
        return Refusal("mime", mime, url, host, status, mime)
    body = _sound_body(record, message, config)
    if isinstance(body, Problem):
        return Refusal(*body, url, host, status, mime)
    mime = binary_mime(body) or mime or sniff_mime(body)
    if body and mime not in config.accepted_mimes:
        return Refusal("mime", mime or "unknown", url, host, status, mime)
    return Page(url, host, status, mime, charset_of(content_type), body, None)


def _sound_body(record: Record, message: Message, config: ArchiveConfig) -> bytes | Problem:
    """The decoded body, its digests verified."""
    body = decode_body(message, config.max_record_bytes)
    if config.verify_digests and not _digests_hold(record, message, body):
        return Problem("digest", "the record's digest does not hold")
    return body


def _digests_hold(record: Record, message: Message, decoded: bytes | Problem) -> bool:
    """Nothing speaks against the record: the block digest decides, and only without one the payload digest.

    Writers disagree on what the payload is: the body as sent (the standard), without chunks, or decoded.
    """
    holds = block_digest_holds(record)
    stated = record.header.fields.get("warc-payload-digest")
    if holds is not None or not stated:
        return holds is not False
    if digest_holds(stated, message.body) is not False:
        return True
    candidates = (join_chunks(message), decoded)
    return any(digest_holds(stated, body) is not False for body in candidates if isinstance(body, bytes))


def _plain_page(record: Record, url: str | None, host: str | None, config: ArchiveConfig) -> Page | Refusal:
    """A record whose block is the payload itself: resource, conversion, or a response of another protocol."""
    content_type = record.header.fields.get("content-type", "")
    mime = parse_mime(record.header.fields.get("warc-identified-payload-type")) or parse_mime(content_type)
    block = record.block
    mime = binary_mime(block) or mime or sniff_mime(block)
    if mime not in config.accepted_mimes:
        return Refusal("mime", mime or "unknown", url, host, None, mime)
    if config.verify_digests and not _digests_hold(record, Message(0, {}, record.view), block):
        return Refusal("digest", "the record's digest does not hold", url, host, None, mime)
    text = None
    if record.kind == "conversion":
        text = clean_text(str(block, "utf-8", "replace"))
    return Page(url, host, None, mime, charset_of(content_type), block, text)
