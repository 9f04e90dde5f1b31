"""The report as a flow: made on a schedule or after a run, and linked from the Prefect UI."""

from __future__ import annotations

from prefect import flow
from pydantic import Field

from flows.report.page import FILE, write_report
from flows.settings import settings
from flows.work import publish_link
from storage import files
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
    target = request.output or lake.absolute(FILE)
    where = path.resolve().as_uri() if files.is_local(target) else target
    served = f"winnow report --serve --lake {request.lake}"
    told = f"Browsers do not follow links from a server to files: copy it, or run `{served}` on that machine."
    publish_link("report", where, "report.html", told)
    return str(path)
