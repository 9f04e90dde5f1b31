"""Docstrings and plain documents to HTML: the small part of reStructuredText that docstrings are written in.

Read block by block: headings, doctests, bullets, definition lists ("Parameters", "Args:"), directives,
literal blocks, paragraphs. What is not understood stays a paragraph: pages to crawl need no more.
"""

from __future__ import annotations

import re
from html import escape

from markdown import markdown

Lines = list[str]

HEADING = re.compile(r"^([=\-~^\"*+#.])\1{2,}\s*$")
BULLET = re.compile(r"^(?:[-*•]|\(?\d{1,3}[.)])\s+")
DIRECTIVE = re.compile(r"^\.\. ([\w:-]+)::\s*(.*)$")
REFERENCE = re.compile(r"^\.\. \[(\w+)\]\s*")
INLINE = re.compile(
    r"``(?P<literal>[^`\n]+?)``|:[\w:+-]+:`(?P<role>[^`\n]+?)`|`(?P<text>[^`<\n]+?) ?<(?P<link>https?://[^>\s]+)>`_+"
    r"|`(?P<title>[^`\n]+?)`_*|\*\*(?P<strong>[^*\n]+?)\*\*|(?<![\w*])\*(?P<em>[^*\s](?:[^*\n]*[^*\s])?)\*(?![\w*])"
)
ADMONITIONS = {"note", "warning", "tip", "caution", "important", "seealso", "hint", "admonition", "attention"}
CHANGES = {
    "versionadded": "Added in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since",
}
SILENT = {
    "currentmodule",
    "module",
    "autosummary",
    "toctree",
    "index",
    "plot",
    "image",
    "figure",
    "sectionauthor",
}


def document_html(text: str, media_type: str) -> str:
    """A package's long description, Markdown or not, as HTML."""
    if media_type == "text/markdown":
        return str(markdown(text, extensions=["fenced_code", "tables"]))
    return docstring_html(text)


def docstring_html(text: str) -> str:
    """A docstring or reStructuredText document as HTML."""
    return _blocks(text.expandtabs().splitlines())


def paragraphs_html(text: str) -> str:
    """Bare text as HTML: a blank line parts paragraphs."""
    return "\n".join(f"<p>{escape(part.strip())}</p>" for part in re.split(r"\n\s*\n", text) if part.strip())


def inline_html(text: str) -> str:
    """One run of text with its inline markup as HTML."""
    out, last = [], 0
    for match in INLINE.finditer(text):
        out += [escape(text[last : match.start()]), _inline(match)]
        last = match.end()
    return "".join([*out, escape(text[last:])])


def _inline(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "link":
        return f'<a href="{escape(match["link"])}">{escape(match["text"])}</a>'
    if kind in ("strong", "em"):
        return f"<{kind}>{escape(match[kind])}</{kind}>"
    shown = re.sub(r"\s*<[^>]*>$", "", match[str(kind)]).lstrip("~!.")
    return f"<code>{escape(shown)}</code>"


def _blocks(lines: Lines) -> str:
    """HTML of consecutive blocks at the smallest indentation of `lines`."""
    out: list[str] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        html, at = _block(lines, at)
        out.append(html)
    return "\n".join(part for part in out if part)


def _block(lines: Lines, at: int) -> tuple[str, int]:
    """HTML of the block that starts at a line, and the line after it."""
    line, following = lines[at], lines[at + 1] if at + 1 < len(lines) else ""
    if HEADING.match(following) and not line.startswith(" "):
        return f"<h{_level(following)}>{inline_html(line.strip())}</h{_level(following)}>", at + 2
    if HEADING.match(line):
        return "", at + 1
    if line.lstrip().startswith(">>>"):
        return _until_blank(lines, at)
    if line.startswith(".."):
        return _explicit(lines, at)
    if BULLET.match(line):
        return _list(lines, at)
    if line.startswith(" "):
        inner, end = _indented(lines, at)
        return f"<blockquote>{_blocks(inner)}</blockquote>", end
    if following.startswith(" ") and following.strip():
        inner, end = _indented(lines, at + 1)
        return f"<dl><dt>{inline_html(line.strip())}</dt><dd>{_blocks(inner)}</dd></dl>", end
    return _paragraph(lines, at)


def _level(underline: str) -> int:
    return 2 if underline[0] in "=*#" else 3


def _paragraph(lines: Lines, at: int) -> tuple[str, int]:
    end = at
    while end < len(lines) and lines[end].strip() and not (end > at and _starts_block(lines[end])):
        end += 1
    text = " ".join(line.strip() for line in lines[at:end])
    html = f"<p>{inline_html(text.removesuffix(':') if text.endswith('::') else text)}</p>"
    if not text.endswith("::"):
        return html, end
    code, after = _indented(lines, _skip_blank(lines, end))
    return html + _code(code), after


def _starts_block(line: str) -> bool:
    return line.startswith((">>>", ".. ")) or bool(BULLET.match(line))


def _list(lines: Lines, at: int) -> tuple[str, int]:
    items: list[str] = []
    while at < len(lines) and (match := BULLET.match(lines[at])):
        rest, end = _indented(lines, at + 1)
        items.append(f"<li>{_item(lines[at][match.end() :], rest)}</li>")
        at = _skip_blank(lines, end)
    return f"<ul>{''.join(items)}</ul>", at


def _item(first: str, rest: Lines) -> str:
    cut = next((i for i, line in enumerate(rest) if not line.strip()), len(rest))
    return inline_html(" ".join([first, *(line.strip() for line in rest[:cut])])) + _blocks(rest[cut:])


def _explicit(lines: Lines, at: int) -> tuple[str, int]:
    """A directive, a citation or a comment, with the indented lines that belong to it."""
    inner, end = _indented(lines, at + 1)
    if match := REFERENCE.match(lines[at]):
        text = " ".join([lines[at][match.end() :], *(line.strip() for line in inner)])
        return f"<p>[{match[1]}] {inline_html(text)}</p>", end
    match = DIRECTIVE.match(lines[at])
    if match is None:
        return "", end
    return _directive(match[1].rpartition(":")[2], match[2], inner), end


def _directive(name: str, argument: str, inner: Lines) -> str:
    if name in SILENT:
        return ""
    body = [line for line in inner if not re.match(r"^:[\w-]+:", line)]
    if name == "math":
        return f'<p class="math">\\[ {escape(" ".join([argument, *body]).strip())} \\]</p>'
    if name in CHANGES:
        text = " ".join([CHANGES[name], argument, *(line.strip() for line in body)])
        return f"<p><em>{inline_html(text)}</em></p>"
    if name in ADMONITIONS:
        title = f"<p><strong>{name.title()}</strong> {inline_html(argument)}</p>"
        return f'<div class="{name}">{title}{_blocks(body)}</div>'
    return _code(body)


def _indented(lines: Lines, at: int) -> tuple[Lines, int]:
    """The indented lines from `at` on (blank ones between them too), dedented, and the line after them."""
    end = at
    while end < len(lines) and (lines[end].startswith(" ") or not lines[end].strip()):
        end += 1
    block = lines[at:end]
    while block and not block[-1].strip():
        block = block[:-1]
    margin = min((len(line) - len(line.lstrip()) for line in block if line.strip()), default=0)
    return [line[margin:] for line in block], at + len(block)


def _until_blank(lines: Lines, at: int) -> tuple[str, int]:
    end = at
    while end < len(lines) and lines[end].strip():
        end += 1
    return _code(lines[at:end]), end


def _skip_blank(lines: Lines, at: int) -> int:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at


def _code(lines: Lines) -> str:
    return f"<pre><code>{escape(chr(10).join(lines))}</code></pre>" if lines else ""
