"""Figures of the report in the Prefect UI: drawings with their colours, in the artifact itself."""

from __future__ import annotations

import base64

from prefect.context import FlowRunContext

from flows.report.figures import Figure
from flows.report.images import standalone
from flows.work import publish_markdown


def publish_figure(figure: Figure) -> None:
    """Show a figure as an artifact of the current flow run; nothing outside one, or where it is not drawn.

    It is markdown: an image artifact writes the address of its image, here all of the drawing, across the page.
    """
    if FlowRunContext.get() is None or figure.svg is None:
        return
    drawing = base64.b64encode(standalone(figure).encode()).decode()
    publish_markdown(figure.id, f"![{figure.title}](data:image/svg+xml;base64,{drawing})", figure.caption)
