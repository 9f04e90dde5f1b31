"""Small archives for the flows' tests: pages we wrote, recorded by warcio."""

from __future__ import annotations

import gzip
import io
import json
import random
import uuid
from pathlib import Path

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

WORDS = [
    "lantern",
    "harbour",
    "orchard",
    "chimney",
    "ladder",
    "kettle",
    "window",
    "garden",
    "market",
    "stable",
    "cellar",
    "meadow",
    "forest",
    "valley",
    "mountain",
    "island",
    "castle",
    "village",
    "bridge",
    "tower",
    "clock",
    "painter",
    "sailor",
    "teacher",
    "doctor",
    "hunter",
    "weaver",
    "baker",
    "miller",
    "smith",
    "shepherd",
    "farmer",
    "river",
    "water",
    "stone",
    "winter",
    "summer",
    "letter",
    "basket",
    "candle",
    "carpet",
    "curtain",
    "drawer",
    "engine",
    "feather",
    "ferry",
    "hammer",
    "jacket",
    "kitchen",
    "mirror",
]


FRAMES = (
    "The {a} near the {b} is older than the {c}, and nobody knows who made it.",
    "In spring a {a} and a {b} were carried to the {c} by two strong men.",
    "We have seen that {a} before, when the {b} still stood beside a {c}.",
    "Every morning somebody cleans the {a} with care, then the {b}, and at last the {c}.",
    "They say this {b} will be sold to a {c} from the next {a}.",
    "What the {c} needs most of all is another {a}, or so the {b} believes.",
    "Behind my {b} there is enough room for one {a} but not for your {c}.",
    "Please bring me that {c}, the small {a}, and whatever {b} you can find.",
    "After dark the {a} looks like some {b} out of an old story about a {c}.",
    "Children of the {c} have always played with {a} and {b} until supper was ready.",
)


def article(number: int) -> str:
    """English that every rule of FineWeb keeps; two numbers give texts that share almost no five words in a row."""
    draw = random.Random(number)
    lines = []
    for frame in draw.sample(FRAMES, len(FRAMES)):
        a, b, c = draw.sample(WORDS, 3)
        lines.append(frame.format(a=a, b=b, c=c))
    return "\n".join(lines)


def page(text: str) -> bytes:
    """The text as an HTML page, a paragraph a line."""
    paragraphs = "".join(f"<p>{line}</p>" for line in text.split("\n"))
    return f"<html><head><title>t</title></head><body><main>{paragraphs}</main></body></html>".encode()


def write_warc(path: Path, pages: dict[str, bytes], mime: str = "text/html", status: str = "200 OK") -> Path:
    """One gzip member a record: a warcinfo, then a request and a response a page."""
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        info = writer.create_warcinfo_record(path.name, {"software": "tests"})
        info.rec_headers.replace_header("WARC-Date", "2026-01-01T00:00:00Z")
        writer.write_record(info)
        for number, (url, body) in enumerate(pages.items()):
            for record in _exchange(writer, url, body, mime, status, number, path.name):
                writer.write_record(record)
    return path


def _exchange(
    writer: WARCWriter, url: str, body: bytes, mime: str, status: str, number: int, name: str
) -> list[object]:
    fixed = {"WARC-Date": "2026-01-01T00:00:00Z"}
    identify = lambda kind: f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {name} {number}')}>"  # noqa: E731
    request_head = StatusAndHeaders("GET / HTTP/1.1", [("Host", "h.test")], is_http_request=True)
    headers = StatusAndHeaders(
        status, [("Content-Type", f"{mime}; charset=utf-8"), ("Content-Length", str(len(body)))], "HTTP/1.1"
    )
    return [
        writer.create_warc_record(
            url, "request", payload=io.BytesIO(b""), http_headers=request_head,
            warc_headers_dict=fixed | {"WARC-Record-ID": identify("request")},
        ),
        writer.create_warc_record(
            url, "response", payload=io.BytesIO(body), http_headers=headers,
            warc_headers_dict=fixed | {"WARC-Record-ID": identify("response")},
        ),
    ]  # fmt: skip


def write_jsonl(path: Path, texts: list[str]) -> Path:
    """Texts as gzipped JSON lines."""
    path.write_bytes(gzip.compress("".join(json.dumps({"text": text}) + "\n" for text in texts).encode(), mtime=0))
    return path
