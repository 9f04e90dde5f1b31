"""Ways of writing documentation down: a docstring as a reference page, an article, a thread, a chapter."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from html import escape

from flows.demo.docstrings import Entry, ModuleDoc
from flows.demo.markup import docstring_html, inline_html

Style = Callable[[str, Entry], str]
"""Module name and entry to the HTML of a page's main part."""

CHAPTER_CHARS = 60_000
NAMES = (
    "mireille",
    "otto_k",
    "jun",
    "s.adeyemi",
    "petra",
    "kofi",
    "lin",
    "tomas",
    "aino",
    "ravi",
    "noor",
    "bea",
)
QUESTIONS = (
    "I am trying to understand what {name} really does, and the summary did not help me.",
    "We use {name} in an old script and I have to explain it. Could somebody walk me through it?",
    "Has anyone here worked with {name}? I keep getting answers that I did not expect.",
    "After an upgrade my code that calls {name} behaves differently. What is promised?",
    "Quick question about {name}: when would you use it, and what should I watch for?",
    "I found {name} while reading somebody else's code and I cannot tell what it is for.",
)
THANKS = (
    "Thank you, that clears it up. I had read the arguments in the wrong order all along.",
    "That was exactly what I needed. I will add a comment so that nobody has to ask again.",
    "Thanks! I tried it this morning and it works as you said, so I am marking this thread as solved.",
    "I see. It is a pity that the error message does not say so, but now I know where to look.",
)


def pick(choices: tuple[str, ...], *key: str) -> str:
    """One of the choices, the same for the same key on every machine."""
    return choices[int.from_bytes(hashlib.sha256("\0".join(key).encode()).digest()[:4], "big") % len(choices)]


def reference(module: str, entry: Entry) -> str:
    """A reference page: signature, docstring, then every method."""
    parts = [
        f"<pre class='signature'>{escape(f'{module}.{entry.signature}')}</pre>",
        docstring_html(entry.doc),
    ]
    for member in entry.members:
        parts.append(f"<h3 id='{member.name}'><code>{escape(member.signature)}</code></h3>{docstring_html(member.doc)}")
    return "\n".join(parts)


def article(module: str, entry: Entry) -> str:
    """A paper-like page: an abstract, then the notes, then how it is used."""
    abstract, _, rest = entry.doc.partition("\n\n")
    methods = "".join(f"<h3>{escape(m.name)}</h3>{docstring_html(m.doc)}" for m in entry.members)
    return (
        f"<p class='authors'>The {escape(module.partition('.')[0])} developers</p>"
        f"<h2>Abstract</h2><p>{inline_html(' '.join(abstract.split()))}</p>"
        f"<h2>Method</h2>{docstring_html(rest)}{methods}"
    )


def thread(module: str, entry: Entry) -> str:
    """A forum thread: somebody asks, others answer with a part of the documentation each."""
    name = f"{module}.{entry.name}"
    asker = pick(NAMES, name, "asks")
    posts = [(asker, f"<p>{escape(pick(QUESTIONS, name).format(name=name))}</p>")]
    answers = [_sections(entry.doc), *(_sections(member.doc) for member in entry.members[:4])]
    for number, sections in enumerate(answers):
        posts += [(pick(NAMES, name, str(number), part), docstring_html(part)) for part in sections]
    posts.append((asker, f"<p>{escape(pick(THANKS, name))}</p>"))
    return "\n".join(_post(who, html, number) for number, (who, html) in enumerate(posts, 1))


def chapter(module: str, doc: ModuleDoc) -> str:
    """A whole module as one chapter of a handbook, up to a length."""
    parts = [docstring_html(doc.doc)]
    length = len(doc.doc)
    for entry in doc.entries:
        length += entry.chars
        if length > CHAPTER_CHARS:
            break
        parts.append(f"<section><h2>{escape(entry.name)}</h2>{_prose(entry)}</section>")
    return "\n".join(parts)


def annotated_source(module: str, doc: ModuleDoc) -> str:
    """A module's documented code, each piece introduced by what its author says of it."""
    parts = [docstring_html(doc.doc)]
    for entry in doc.entries[:12]:
        parts.append(f"{docstring_html(entry.doc)}<pre><code class='python'>{escape(entry.source[:6000])}</code></pre>")
    return "\n".join(parts)


def _prose(entry: Entry) -> str:
    methods = "".join(f"<h3>{escape(m.name)}</h3>{docstring_html(m.doc)}" for m in entry.members)
    return docstring_html(entry.doc) + methods


def _sections(doc: str) -> list[str]:
    """A docstring cut before its headings, each piece without the heading's own two lines."""
    pieces = re.split(r"(?m)^\S[^\n]*\n[-=~]{3,}\n", doc)
    return [piece.strip() for piece in pieces if len(piece.strip()) > 60]


def _post(who: str, html: str, number: int) -> str:
    return f"<div class='post' id='p{number}'><p class='author'><b>{who}</b> wrote:</p>{html}</div>"
