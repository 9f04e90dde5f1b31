"""One request to a web server: redirects followed with care, a proxy where the machine names one, connections kept."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urljoin
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.response import BaseHTTPResponse

from storage import addresses
from storage.errors import UserError
from storage.uris import is_web, split_url

_MOST_REDIRECTS = 5
_REDIRECT_BYTES = 1 << 14
"""Of what a redirect says itself, read so that its connection can be used again; a longer one is closed."""
_CONNECT_SECONDS, _READ_SECONDS = 10.0, 60.0


def get(uri: str, headers: dict[str, str]) -> BaseHTTPResponse:
    """The response at the end of all redirects. A redirect to another server may not lead to a private address.

    Raises:
        UserError: It leads to one, or to something that is no web server's.
    """
    place = uri
    for _ in range(_MOST_REDIRECTS + 1):
        named = _server(place) == _server(uri)
        if not named:
            addresses.check_written(place)
        response = _pool_for(place, guarded=not (named and addresses.is_literal(uri))).request(
            "GET", place, headers=headers, preload_content=False, redirect=False
        )
        location = response.get_redirect_location()
        if not location:
            return response
        response.read(_REDIRECT_BYTES)
        put_away(response)
        place = _joined(place, location)
        if not is_web(place):
            raise UserError(f"{uri} leads to {place}, which is not on the web.", "Check the URL.")
    raise UserError(f"{uri} leads nowhere: it is sent on more than {_MOST_REDIRECTS} times.", "Check the URL.")


def put_away(response: BaseHTTPResponse) -> None:
    """Return a connection to its pool if its response was read to the end. Otherwise close it: the unread rest would be
    taken for the next response."""
    if getattr(response, "length_remaining", None) == 0:
        response.release_conn()
    else:
        response.close()


def _joined(place: str, location: str) -> str:
    """Where a redirect leads.

    Raises:
        UserError: Nowhere: it is no URL.
    """
    try:
        return urljoin(place, location)
    except ValueError as error:
        raise UserError(f"{place} leads nowhere: it is sent on to {location}.", "Check the URL.") from error


def _server(uri: str) -> tuple[str, str]:
    parts = split_url(uri)
    return parts.scheme, parts.netloc


def _pool_for(uri: str, guarded: bool) -> urllib3.PoolManager:
    parts = split_url(uri)
    return _pool(None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme), guarded)


@cache
def _pool(proxy: str | None, guarded: bool) -> urllib3.PoolManager:
    """Connections, kept for the next request; `proxy` as the machine's settings name it."""
    options: dict[str, Any] = {
        "maxsize": 16,
        "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
        "retries": urllib3.Retry(total=5, connect=0, read=0, status=0, other=0, redirect=0, raise_on_status=False),
    }
    return urllib3.ProxyManager(proxy, **options) if proxy else addresses.pool(guarded, **options)
