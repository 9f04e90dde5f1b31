"""The report as a flow: made on a schedule or after a run, and linked from the Prefect UI."""

from __future__ import annotations

from prefect import flow
from pydantic import Field

from flows.artifacts import publish_report_link
from flows.report.page import write_report
from flows.settings import settings
from storage.lake import Lake
from storage.schema import Section


class ReportRequest(Section):
    """Of which lake, and where to; Prefect shows it as a form."""

    lake: str = Field(default_factory=lambda: settings().lake, description="directory or URL prefix of the lake")
    output: str = Field("", description="file to write; by default report.html in the lake")


@flow(name="report", flow_run_name="report")
def report_flow(request: ReportRequest) -> str:
    """Write the report of a lake; where it is."""
    lake = Lake(request.lake)
    path = write_report(lake, request.output)
    publish_report_link(lake, request.output)
    return path
