"""What a Prefect server does by itself when Winnow's events come: `automations.yaml`, read and created.

`winnow up` does it; `python -m flows.automations` does it for the server that PREFECT_API_URL names.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import yaml
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_URL
from pydantic import ValidationError

from flows.progress import tell
from flows.settings import settings
from storage.errors import UserError

FILE = "automations.yaml"
NOTIFY = "{notify}"
"""Stands for the id of the block that messages go through."""

BLOCK = "winnow"


def read_automations(path: Path, notify: str | None) -> tuple[list[AutomationCore], list[str]]:
    """The automations of a file, and the names of those left out because there is no way to send their messages.

    Raises:
        UserError: There is no such file, or it does not hold automations.
    """
    try:
        rows = yaml.safe_load(path.read_text("utf-8"))["automations"]
        kept = [row for row in rows if notify or not _notifies(row)]
        found = [AutomationCore.model_validate(_filled(row, notify)) for row in kept]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Copy it from a checkout of Winnow.") from error
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{path} does not hold automations: {error}", "See Prefect's documentation of them.") from error
    return found, [str(row["name"]) for row in rows if row not in kept]


def create_automations(path: Path, url: str | None) -> list[str]:
    """Create a file's automations on the server that PREFECT_API_URL names, or bring those of the same name up to date.

    What somebody switched on or off in the UI stays so.

    Args:
        path: The file.
        url: Where messages are posted, as JSON with a `text`; Slack, Mattermost and others take that. None: nowhere.

    Returns:
        Their names.

    Raises:
        UserError: The file does not hold automations, or the server does not answer.
    """
    try:
        return _create(path, url)
    except (httpx.HTTPError, PrefectException) as error:
        raise UserError(
            f"the Prefect server {PREFECT_API_URL.value()} did not take the automations: {error}.",
            "Is it running, and of the version this project pins?",
        ) from error


def _create(path: Path, url: str | None) -> list[str]:
    wanted, left_out = read_automations(path, _save_block(url) if url else None)
    with get_client(sync_client=True) as client:
        for automation in wanted:
            there = client.read_automations_by_name(automation.name)
            if there:
                client.update_automation(there[0].id, automation.model_copy(update={"enabled": there[0].enabled}))
            else:
                client.create_automation(automation)
    if left_out:
        tell(f"without WINNOW_NOTIFY_URL nobody is told, and left out are: {'; '.join(left_out)}")
    return [automation.name for automation in wanted]


def _save_block(url: str) -> str:
    """The notification block of that address; its id."""
    message = {"text": "{{subject}}\n{{body}}"}
    block = CustomWebhookNotificationBlock(name=BLOCK, url=url, json_data=message)
    return str(block.save(BLOCK, overwrite=True))


def _notifies(row: dict[str, Any]) -> bool:
    return any(action.get("block_document_id") == NOTIFY for action in row["actions"])


def _filled(row: dict[str, Any], notify: str | None) -> dict[str, Any]:
    actions = [a | {"block_document_id": notify} if a.get("block_document_id") == NOTIFY else a for a in row["actions"]]
    return row | {"actions": actions}


def main(arguments: Sequence[str]) -> None:
    """Create the automations of the file given, or of those that come with Winnow."""
    if not PREFECT_API_URL.value():
        raise SystemExit("Which server? Set PREFECT_API_URL.")
    path = Path(arguments[0]) if arguments else Path(str(resources.files("flows"))).parent / FILE
    try:
        names = create_automations(path, settings().notify_address)
    except UserError as error:
        raise SystemExit(str(error)) from error
    print("\n".join(names))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
