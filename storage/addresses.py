"""Which addresses a web server may have: public ones, so that a redirect or a name cannot lead into this network.

A URL that a person gives with an address of this machine or network in it is meant so. What a redirect, a list or the
name service leads to is not: those are refused, before anything is sent, unless `allow_private` says otherwise. Behind
a proxy only what is written in the URL can be seen.

Source: the registries of special-purpose addresses (RFC 6890), and forms of IPv6 that carry an IPv4 address (RFC 4291,
3056, 4380, 6052).
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from storage.errors import UserError
from storage.uris import split_url

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_HINT = "If that is meant, set WINNOW_ALLOW_PRIVATE=true, or give --allow-private."

_private_allowed = False


def allow_private(allowed: bool) -> None:
    """Let this process read from addresses of its own machine and network, wherever a name or redirect leads."""
    global _private_allowed
    _private_allowed = allowed


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet and is not multicast."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def is_literal(uri: str) -> bool:
    """Whether a URL's host is an IP address or localhost, so that there is no name to resolve."""
    host = split_url(uri).hostname or ""
    return host == "localhost" or _address(host) is not None


def check_written(uri: str) -> None:
    """Raises UserError where the URL itself names a private address that no person gave."""
    host = split_url(uri).hostname or ""
    address = _address(host)
    if not _private_allowed and (host.rstrip(".") == "localhost" or (address and not is_public(address))):
        raise _refusal(host, host)


def pool(guarded: bool, **options: Any) -> urllib3.PoolManager:
    """A pool of connections; a guarded one checks every address it connects to before anything is sent."""
    manager = urllib3.PoolManager(**options)
    if guarded:
        manager.pool_classes_by_scheme = {"http": _GuardedPool, "https": _GuardedSecurePool}
    return manager


def _address(host: str) -> str | None:
    """The IP address that a host is written as, also in forms that only the C library reads (`127.1`, `0x7f000001`)."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host)) if host[-1:].isalnum() else None
    except OSError:
        return None


def _check_host(host: str, port: int | None) -> None:
    """Raises UserError where a name resolves to a private address. One that does not resolve fails on connecting."""
    if _private_allowed:
        return
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    for *_, address in found:
        _check_address(host, str(address[0]))


def _check_address(host: str, address: str) -> None:
    if not _private_allowed and not is_public(address):
        raise _refusal(host, address)


def _refusal(host: str, address: str) -> UserError:
    where = f"{host} is an address" if host == address else f"{host} leads to {address}, an address"
    return UserError(f"{where} of this machine or network, and was not given by you.", _HINT)


class _Guarded(HTTPConnection):
    def __str__(self) -> str:  # as messages name it
        return f"{self.host}:{self.port}"

    def _new_conn(self) -> socket.socket:
        _check_host(self._dns_host, self.port)
        made = super()._new_conn()
        try:
            _check_address(self._dns_host, made.getpeername()[0])  # the name may have another meaning by now
        except UserError:
            made.close()
            raise
        return made


class _GuardedSecure(_Guarded, HTTPSConnection):
    pass


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _GuardedSecurePool(HTTPSConnectionPool):
    ConnectionCls = _GuardedSecure
