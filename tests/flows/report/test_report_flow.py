"""The report made by a flow: a file, and a link to it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from flows.report_flow import ReportRequest, report_flow
from storage.errors import UserError


def test_the_link_leads_to_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, shown = tmp_path / "a lake", []
    lake.mkdir()
    monkeypatch.setattr("flows.report.page.SECTIONS", ())
    monkeypatch.setattr("flows.artifacts.publish_link", lambda *told: shown.append(told))
    path = report_flow.fn(ReportRequest(lake=str(lake)))
    [(key, link, words, description)] = shown
    assert key == "report" and str(lake) in words and f"--lake {lake}" in description
    assert Path(unquote(urlsplit(link).path)) == Path(path) and Path(path).read_text().startswith("<!doctype html>")


def test_no_lake_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.artifacts.publish_link", lambda *told: pytest.fail("nothing was made"))
    with pytest.raises(UserError, match="no lake"):
        report_flow.fn(ReportRequest(lake=str(tmp_path / "nothing")))
