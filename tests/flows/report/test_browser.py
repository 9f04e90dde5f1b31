"""The report in a real browser: every control moved, nothing fetched, nothing of the web run, nothing hard to read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.report.page import write_report
from storage.lake import Lake
from tests.flows.full_lake import add_everything

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
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    add_everything(lake, hostile=True)
    return write_report(lake)


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


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


def test_without_scripts_the_tables_stand(browser: playwright.Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("figure .still").first.is_visible()
    context.close()
