"""The report in a real browser: every control moved, nothing fetched, nothing of the web run, nothing hard to read."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.report.page import write_report
from flows.report.source import Source
from model.memory_plan import cache_table
from model.presets import PRESETS
from pipeline.packing import tokens_of
from storage.lake import Lake
from storage.shards import read_table

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

VIEWS = {"light": (1200, "light"), "dark": (1200, "dark"), "narrow": (360, "light")}

MOVE_EVERYTHING = """
() => {
    const fire = (node, name) => node.dispatchEvent(new Event(name, { bubbles: true }));
    let moved = 0;
    for (const widget of document.querySelectorAll(".widget")) {
        for (const slider of widget.querySelectorAll("input[type=range]"))
            for (const value of [slider.min, slider.max, slider.defaultValue]) {
                slider.value = value;
                fire(slider, "input");
                moved += 1;
            }
        for (const select of widget.querySelectorAll("select"))
            for (const option of select.options) {
                select.value = option.value;
                fire(select, "change");
                moved += 1;
            }
        for (const field of widget.querySelectorAll("textarea")) {
            field.value = "<b>1234</b> naïve \\ud83d\\ude42 \\u202e";
            fire(field, "input");
            moved += 1;
        }
        for (const button of widget.querySelectorAll("button")) { button.click(); moved += 1; }
    }
    return moved;
}
"""
NUMBERS = "() => [...document.querySelectorAll('.room')].map((room) => room.textContent).join(' ')"


class Opened:
    """A page, and what went wrong in it."""

    def __init__(self, page: playwright.Page) -> None:
        self.page = page
        self.troubles: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.troubles.append(message.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("dialog", lambda dialog: self.troubles.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))


@pytest.fixture(scope="module")
def report(hostile_lake: Lake) -> Path:
    return Path(write_report(hostile_lake))


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def desk(browser: playwright.Browser, report: Path) -> Iterator[Opened]:
    """The page as it is opened at a desk; tests share it and leave it as they like."""
    opened = Opened(browser.new_page(viewport={"width": 1200, "height": 900}))
    opened.page.goto(report.as_uri())
    yield opened
    assert opened.troubles == [] and opened.requests == [report.as_uri()]
    opened.page.close()


@pytest.fixture(params=VIEWS)
def opened(request: pytest.FixtureRequest, browser: playwright.Browser, report: Path) -> Iterator[Opened]:
    width, scheme = VIEWS[request.param]
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = Opened(page)
    page.goto(report.as_uri())
    yield opened
    page.close()


def test_every_control_moves_and_nothing_breaks_or_leaves_the_page(opened: Opened, report: Path) -> None:
    page = opened.page
    assert page.locator(".widget .room").count() == page.locator(".widget").count() >= 5
    assert page.evaluate(MOVE_EVERYTHING) > 50
    told = page.evaluate(NUMBERS)
    assert "NaN" not in told and "undefined" not in told and "Infinity" not in told
    assert opened.troubles == []
    assert opened.requests == [report.as_uri()]


def test_it_can_be_read_by_everybody(opened: Opened) -> None:
    found = axe.Axe().run(opened.page)
    assert found.violations_count == 0, found.generate_report()


def test_a_narrow_page_scrolls_only_down(opened: Opened) -> None:
    wide, seen = opened.page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= seen


LAYOUTS = (
    ("llama3-8b", {}, ()),
    ("llama3-70b", {"GPUs": 64, "tensor": 8, "Tokens": 8192}, ("cut (FSDP)", "blocks computed again")),
    ("gpt2", {"GPUs": 4, "Stages": 2, "Sequences": 16}, ("float32", "keeps its scores")),
    ("t5-base", {"GPUs": 8}, ("bf16 alone", "cut (FSDP)")),
    ("bert-base", {"GPUs": 16, "tensor": 2, "Tokens": 512, "Sequences": 32}, ("cut (FSDP)",)),
)
"""Models, with sliders to move and buttons to press."""


@pytest.mark.parametrize("model, sliders, pressed", LAYOUTS)
def test_the_memory_budget_is_that_of_the_command(
    desk: Opened, model: str, sliders: dict[str, int], pressed: tuple[str, ...]
) -> None:
    """The command that the page names says the same bytes, and the same of every card."""
    figure = desk.page.locator("#training-memory")
    figure.locator("select").select_option(model)
    for words in ("each holds them", "bf16 over float32", "all kept", "Flash", *pressed):
        figure.get_by_role("button", name=words, exact=True).click()
    for words, least, value in (("GPUs", 1, 1), ("tensor", 1, 1), ("Stages", 1, 1), ("Tokens", 128, 2048),
                                ("Sequences", 1, 1)):  # fmt: skip
        power = (sliders.get(words, value) // least).bit_length() - 1
        label = re.compile("^GPUs$" if words == "GPUs" else words)
        figure.get_by_label(label).first.fill(str(power))
    command = figure.locator(".room code").text_content() or ""
    need, writing = _told_by(command, 80.0)
    table = {row.locator("td").first.text_content(): row.locator("span").get_attribute("title")
             for row in figure.locator(".room tbody tr").all()}  # fmt: skip
    expected = [need[part] for part in ("weights", "optimizer", "gradients", "copies", "activations", "logits")]
    expected += [need["recomputed"], need["total"], writing["total"]]
    assert list(table.values()) == [f"{int(value + 0.5):,} bytes" for value in expected]
    for card in figure.locator(".wide").all():
        words = card.text_content() or ""
        size = float(words.partition(", ")[2].partition(" GB")[0])
        assert ("does not fit" in words) == (not _told_by(command, size)[0]["fits"]), words


def _told_by(command: str, size: float) -> tuple[dict[str, float], dict[str, float]]:
    """What `winnow memory` says to train and to write on GPUs of so many GB."""
    told = CliRunner().invoke(app, [*command.split()[1:], "--gpu-gb", str(size), "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    return found["training"], found["writing"]


def test_gpus_that_cannot_be_shared_so_are_refused(desk: Opened) -> None:
    figure = desk.page.locator("#training-memory")
    figure.get_by_label(re.compile("^GPUs$")).fill("0")
    figure.get_by_label(re.compile("tensor")).fill("2")
    assert "no multiple" in (figure.locator(".said").text_content() or "")
    assert figure.locator(".wide").count() == 0


@pytest.mark.parametrize("model", ["llama3-8b", "gpt2", "t5-base"])
def test_the_cache_is_that_of_the_formula(desk: Opened, model: str) -> None:
    figure = desk.page.locator("#architecture-blocks")
    figure.locator("select").select_option(model)
    told = figure.locator(".room").text_content() or ""
    table = cache_table(PRESETS[model], 1)
    assert f"{table['GQA']:,.0f} B each" in told and f"{table['MHA']:,.0f} B each" in told
    assert f"{table['MQA']:,.0f} B each" in told


def test_sequences_are_chosen_by_key_and_name_their_documents(desk: Opened, hostile_lake: Lake) -> None:
    figure = desk.page.locator("#tokens-sequences")
    rows = figure.locator("button")
    rows.first.focus()
    panel = figure.locator(".panel")
    assert (
        "javascript:alert(3)" in (panel.text_content() or "") and desk.page.locator("a[href^=javascript]").count() == 0
    )
    desk.page.keyboard.press("ArrowDown")
    assert rows.nth(1).get_attribute("aria-pressed") == "true" and rows.nth(1).evaluate(
        "(node) => node === document.activeElement"
    )
    told = panel.text_content() or ""
    assert "goes on from the sequence before" in told and "<script>alert(1)</script>" in told
    texts, numbers = [], []
    for row in rows.filter(has_text="train").all():
        row.click()
        numbers.append(int((row.locator(".name").text_content() or "").split()[-1]))
        texts += panel.locator(".text").all_text_contents()
    stored = read_table(hostile_lake.absolute(f"{hostile_lake.tokens_dir('demo', 'b' * 16)}/train-0.parquet"))
    ids = tokens_of(stored, "u2")[[number - 1 for number in numbers]]
    assert "".join(texts).count("<end>") == (ids == 0).sum() > 5  # every document that ends in them, once


def test_counts_grouped_in_the_page_are_those_of_sql(desk: Opened, hostile_lake: Lake) -> None:
    figure, source = desk.page.locator("#composition-parts"), Source(hostile_lake)
    figure.get_by_role("button", name="pages kept").click()
    figure.get_by_role("group", name="A bar is a").get_by_role("button", name="language").click()
    figure.get_by_role("group", name="Cut by").get_by_role("button", name="crawl").click()
    shown = dict(zip(*(figure.locator(f".stage > :nth-child({n})").all_text_contents() for n in (1, 3)), strict=True))
    rows = source.rows(
        "SELECT coalesce(language, 'none') AS l, count(*) AS n FROM ledger WHERE fate = 'kept' GROUP BY l"
    )
    assert shown == {row["l"]: f"{row['n']}" for row in rows}
    figure.get_by_role("button", name="tokens in the corpus").click()
    whole = source.row("SELECT sum(token_count)::BIGINT AS n FROM corpus")["n"]
    assert (figure.locator(".said").text_content() or "").startswith(f"{whole:,} tokens")
    cells = figure.locator(".room tbody td:not(:first-child)").all_text_contents()
    assert sum(int(cell.replace(",", "")) for cell in cells if cell) == 2 * whole  # all, and cut by crawl


def test_without_scripts_the_tables_stand(browser: playwright.Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("figure .still").first.is_visible()
    context.close()
