"""The report made by a flow: a file, and a link to it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from flows.report_flow import ReportRequest, report_flow
from storage.errors import UserError


@pytest.mark.parametrize("output", ["", "a page.html"])
def test_the_link_leads_to_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    lake, shown = tmp_path / "a lake", []
    lake.mkdir()
    monkeypatch.setattr("flows.report.page.SECTIONS", ())
    for module in ("flows.report_flow", "flows.artifacts"):
        monkeypatch.setattr(f"{module}.publish_link", lambda *told: shown.append(told))
    path = report_flow.fn(ReportRequest(lake=str(lake), output=output and str(tmp_path / output)))
    [(key, link, words, how)] = shown
    assert key == "report" and str(lake) in words and f"--lake {lake}" in how
    assert Path(unquote(urlsplit(link).path)) == Path(path) and Path(path).read_text().startswith("<!doctype html>")


def test_no_lake_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.artifacts.publish_link", lambda *told: pytest.fail("nothing was made"))
    with pytest.raises(UserError, match="no lake"):
        report_flow.fn(ReportRequest(lake=str(tmp_path / "nothing")))
