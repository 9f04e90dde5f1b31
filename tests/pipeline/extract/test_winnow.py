"""Winnow's extractor on the structures of pages: what stays, in which shape, and what goes."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extract.engines import extract_with_winnow
from pipeline.extract.winnow import explain_page

PROSE = (
    "The mill at the river was built when the road was a path, and for sixty years it ground corn for five villages.",
    "Its wheel turned slowly, but it turned in every season, and people set their clocks by the sound of it.",
    "When the bridge came, the carts went elsewhere; the miller closed the sluice, oiled the axle once more and left.",
    "Today a small museum keeps the stones, and on Sundays, if there is water enough, the wheel is allowed to run.",
)
NAV = (
    '<nav class="main-nav"><ul>'
    + "".join(f'<li><a href="/{x}">{x}</a></li>' for x in ["Home", "News", "Sport"])
    + "</ul></nav>"
)
FOOTER = (
    '<footer class="site-footer"><ul><li><a href="/p">Privacy policy</a></li>'
    '<li><a href="/t">Terms of use</a></li></ul>'
    "<p>Copyright 2024 Mill News. All rights reserved.</p></footer>"
)


def paragraphs(*texts: str) -> str:
    return "".join(f"<p>{text}</p>\n" for text in texts)


def page(content: str, title: str = "The old mill") -> str:
    return (
        f"<!doctype html><html><head><title>{title}</title></head><body><header class='header'>{NAV}</header><main>"
        f"<article class='post-content'><h1>{title}</h1>{content}</article></main>{FOOTER}</body></html>"
    )


def extract(html: str) -> str:
    return extract_with_winnow(html.encode(), 4_000_000).text or ""


def test_paragraphs_and_headings_stay_apart_and_boilerplate_goes():
    text = extract(page(paragraphs(*PROSE[:2]) + "<h2>After the bridge</h2>" + paragraphs(*PROSE[2:])))
    assert "\n\n".join([*PROSE[:2], "After the bridge", *PROSE[2:]]) in text
    for word in ("Home", "Sport", "Privacy", "Copyright"):
        assert word not in text


def test_lists_keep_their_markers_numbers_and_depth():
    inner = "<ul><li>of stone from the quarry</li><li>of oak from the forest</li></ul>"
    numbered = "<ol><li>Open the sluice by one hand.</li><li>Wait until the wheel has turned twice.</li></ol>"
    content = paragraphs(*PROSE) + f"<p>The mill has parts:</p><ul><li>the walls{inner}</li><li>the wheel</li></ul>"
    text = extract(page(content + "<p>To start it, do this:</p>" + numbered + paragraphs(PROSE[0])))
    assert "- the walls\n  - of stone from the quarry\n  - of oak from the forest\n- the wheel" in text
    assert "1. Open the sluice by one hand.\n2. Wait until the wheel has turned twice." in text


@pytest.mark.parametrize(
    ("tags", "numbers"),
    [
        (("<ol>", "", "", ""), (1, 2, 3)),
        (('<ol start="5">', "", "", ""), (5, 6, 7)),
        (("<OL class=steps START = 0>", "", "", ""), (0, 1, 2)),
        (("<ol start=-1>", "", "", ""), (-1, 0, 1)),
        (('<ol start=" +7th">', "", "", ""), (7, 8, 9)),
        (('<ol start="x9">', "", "", ""), (1, 2, 3)),
        (('<ol start="">', "", "", ""), (1, 2, 3)),
        (("<ol start 4>", "", "", ""), (1, 2, 3)),
        (("<ol start=3 start=9>", "", "", ""), (3, 4, 5)),
        (("<ol start=2147483648>", "", "", ""), (1, 2, 3)),
        (("<ol start=2147483647>", "", "", ""), (2147483647, 2147483648, 2147483649)),
        (("<ol value=4 startle=5 reversed-not>", "", "", ""), (1, 2, 3)),
        (("<ol reversed>", "", "", ""), (3, 2, 1)),
        (('<ol reversed="" start="10">', "", "", ""), (10, 9, 8)),
        (("<ol>", "", ' value="10"', ""), (1, 10, 11)),
        (("<ol reversed>", "", ' value="10"', ""), (3, 10, 9)),
        (("<ol start=5>", " value=1", "", " value=-4"), (1, 2, -4)),
        (("<ol>", "", " start=9", " value=ten"), (1, 2, 3)),
        (("<ol>", "", " style='display:none'", ""), (1, None, 2)),
        (("<ol reversed>", " hidden", "", ""), (None, 2, 1)),
    ],
)
def test_items_have_the_numbers_that_a_browser_shows(tags: tuple[str, ...], numbers: tuple[int | None, ...]) -> None:
    said = ("Open the sluice by one hand.", "Wait until the wheel has turned twice.", "Close it when the corn is in.")
    items = "".join(f"<li{own}>{words}</li>" for own, words in zip(tags[1:], said, strict=True))
    text = extract(
        page(paragraphs(*PROSE) + f"<p>To start it, do this:</p>{tags[0]}{items}</ol>" + paragraphs(PROSE[0]))
    )
    shown = [f"{number}. {words}" for number, words in zip(numbers, said, strict=True) if number is not None]
    assert "\n\n" + "\n".join(shown) + "\n\n" in text


def test_a_number_is_of_the_nearest_list():
    inner = "<ul><li>of stone from the quarry</li></ul><ol start=7><li>of oak from the forest</li></ol>"
    outer = f"<ol start=3><div><li>the walls{inner}</li></div><li>the wheel of the mill</li></ol>"
    text = extract(page(paragraphs(*PROSE) + outer + paragraphs(PROSE[0])))
    lines = ["3. the walls", "  - of stone from the quarry", "  7. of oak from the forest", "4. the wheel of the mill"]
    assert "\n".join(lines) in text


def test_many_items_in_a_deep_page_take_no_time():
    page_of_items = "<ol>" + "<div>" * 400 + "<li>x" * 50_000
    started = time.process_time()
    extract(page_of_items)
    assert time.process_time() - started < 5


def test_tables_are_readable_rows():
    rows = (("Year", "Corn"), ("1870", "twelve tons of wheat"), ("1880", "nine tons of rye"))
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    text = extract(page(paragraphs(*PROSE) + f"<table><tbody>{cells}</tbody></table>" + paragraphs(PROSE[1])))
    assert "1870 | twelve tons of wheat\n1880 | nine tons of rye" in text


def test_code_is_verbatim():
    code = "def turn(wheel):\n    while wheel.water:\n        wheel.angle += 1\n\n    return wheel"
    text = extract(page(paragraphs(*PROSE) + f"<pre><code>{code}</code></pre>" + paragraphs(PROSE[0])))
    assert f"\n\n{code}\n\n" in text


def test_posts_of_a_forum_stay():
    posts = "".join(
        f'<div class="post" id="post-{i}"><div class="post-meta"><a href="/u/{i}">user{i}</a></div>'
        f'<div class="post-body"><p>{text}</p></div></div>'
        for i, text in enumerate(PROSE)
    )
    html = f"<html><body>{NAV}<div class='thread'><h1>Does the mill run?</h1>{posts}</div>{FOOTER}</body></html>"
    assert all(text in extract(html) for text in PROSE)


def test_the_description_of_a_product_stays():
    html = (
        f"<html><body>{NAV}<div class='product'><h1>Hand mill</h1><span class='price'>49.00</span>"
        f"<button>Add to cart</button><div class='product-description'>{paragraphs(*PROSE[:2])}</div></div>"
        f"{FOOTER}</body></html>"
    )
    text = extract(html)
    assert all(words in text for words in PROSE[:2])
    assert "Privacy" not in text


@pytest.mark.parametrize(
    "unseen",
    [
        "<script>var secret = 1</script>",
        "<style>.secret { color: red }</style>",
        "<template><p>secret</p></template>",
        "<!-- secret -->",
        '<div style="display:none"><p>secret</p></div>',
        "<p hidden>secret</p>",
        '<div class="cookie-consent" role="dialog"><p>No secret: we use cookies. <a href="#">Accept</a></p></div>',
        '<aside class="sidebar related"><h3>Related</h3><ul><li><a href="/s">The secret of bread</a></li></ul></aside>',
    ],
)
def test_what_is_unseen_or_beside_the_point_goes(unseen):
    before, after = page(paragraphs(*PROSE)).split("</main>")
    text = extract(before + "</main>" + unseen + after)
    assert PROSE[3] in text
    assert "secret" not in text


@pytest.mark.parametrize("hidden", ['<div style="display:none"><p>secret</p></div>', "<p hidden>secret</p>"])
def test_hidden_text_goes_from_between_paragraphs_but_a_page_hidden_as_a_whole_stays(hidden):
    assert "secret" not in extract(page(paragraphs(*PROSE[:2]) + hidden + paragraphs(*PROSE[2:])))
    assert PROSE[2] in extract(f"<div hidden id=app>{page(paragraphs(*PROSE))}</div>")


def test_references_are_decoded():
    text = extract(
        page(
            paragraphs("Stones &amp; wheels&nbsp;&mdash; a caf&eacute; &#8220;by the mill&#8221; &lt;now&gt;.", *PROSE)
        )
    )
    assert "Stones & wheels — a café “by the mill” <now>." in text


FOREIGN = {
    "ja": "水車小屋は川のほとりに建てられ、六十年のあいだ五つの村の麦を挽いてきた。水車は一年中回り続けた。",
    "ru": "Мельница у реки была построена, когда дорога ещё была тропой, и шестьдесят лет молола зерно пяти деревень.",
    "ar": "بنيت الطاحونة عند النهر حين كان الطريق ما يزال ممرا، وطحنت حبوب خمس قرى طوال ستين عاما، ثم توقفت.",
    "hi": "नदी के किनारे की चक्की तब बनी थी जब सड़क केवल एक पगडंडी थी, और साठ वर्षों तक उसने पाँच गाँवों का अनाज पीसा।",
}


@pytest.mark.parametrize("language", FOREIGN)
def test_other_scripts_are_content_too(language):
    texts = [f"{FOREIGN[language]} {i}" for i in range(4)]
    text = extract(page(paragraphs(*texts)))
    assert "\n\n".join(texts) in text
    assert "Privacy" not in text


@pytest.mark.parametrize("html", ["<p>A short note.</p>", "Only words, no element.", "<nav><a href=/>Home</a></nav>"])
def test_a_page_with_little_text_gives_what_it_has(html):
    assert extract(html) == re.sub("<[^>]+>", "", html)


def test_the_blocks_and_their_scores_explain_the_text():
    html = page(paragraphs(*PROSE))
    reasons = explain_page(html.encode())
    assert "\n\n".join(reason.text for reason in reasons if reason.kept) == extract(html)
    assert all(0 <= score <= 1 for reason in reasons for score in (reason.first, reason.second))
    assert {reason.tag for reason in reasons if reason.text in PROSE} == {"p"}


@settings(deadline=None, max_examples=60)
@given(html=st.text(max_size=200) | st.text(alphabet="<>/= \"'&;!-apdivtrul1x", max_size=150))
def test_no_page_makes_it_fail_and_none_changes_the_next(html):
    before = extract(page(paragraphs(*PROSE)))
    text = extract(html)
    assert text == extract(html)
    assert extract(page(paragraphs(*PROSE))) == before
