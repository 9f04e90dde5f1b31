"""Figures of the report in the Prefect UI: drawings with their colours, in the artifact itself."""

from __future__ import annotations

import base64

from prefect.artifacts import create_image_artifact
from prefect.context import FlowRunContext

from flows.report.figures import Figure
from flows.report.images import standalone


def publish_figure(figure: Figure) -> None:
    """Show a figure as an artifact of the current flow run; nothing outside one, or where it is not drawn."""
    if FlowRunContext.get() is None or figure.svg is None:
        return
    drawing = base64.b64encode(standalone(figure).encode()).decode()
    text = f"{figure.title}. {figure.caption}"
    create_image_artifact(image_url=f"data:image/svg+xml;base64,{drawing}", key=figure.id, description=text)
