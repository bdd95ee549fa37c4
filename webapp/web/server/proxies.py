"""Trusts the headers of reverse proxies at the addresses that the operator configured, and of no others."""

import ipaddress
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wsgi import ClosingIterator

from webapp.base.current import PerApp
from webapp.web.server.connection_limiter import CONNECTION, ConnectionLimiter

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BehindProxies:
    """Takes address and scheme from X-Forwarded-For and -Proto if the request comes from a trusted proxy.

    `sign_in_header` is removed from every other request, because it says who has signed in.

    The connections are the proxy's, so the limit for an address counts its unfinished requests instead.
    """

    def __init__(
        self, app: WSGIApplication, trusted: Iterable[str], limiter: ConnectionLimiter, *, sign_in_header: str = ""
    ) -> None:
        self._app, self._limiter = app, limiter
        self._sign_in_key = f"HTTP_{sign_in_header.upper().replace('-', '_')}"
        self._trusted: list[Network] = [ipaddress.ip_network(network) for network in trusted]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        nearest = _address(environ.get("REMOTE_ADDR", ""))
        if not nearest or not self._is_trusted(nearest):
            environ.pop(self._sign_in_key, None)
            return self._app(environ, start_response)
        environ["REMOTE_ADDR"] = str(self._visitor(nearest, environ.get("HTTP_X_FORWARDED_FOR", "")))
        scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        return self._counted(environ, start_response)

    def is_proxy(self, address: str) -> bool:
        """Returns whether the operator configured this address as a proxy."""
        addresses = _address(address)
        return addresses is not None and self._is_trusted(addresses)

    def _counted(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        with ExitStack() as stack:
            environ[CONNECTION] = stack.enter_context(self._limiter.entered(environ["REMOTE_ADDR"]))
            # Counts the request until its response has been sent, not just until it starts.
            return ClosingIterator(self._app(environ, start_response), stack.pop_all().close)
        raise AssertionError("an ExitStack of ours swallows nothing")

    def _visitor(self, nearest: Address, forwarded: str) -> Address:
        # Each proxy appends the address it received the request from. Read from the right, only the entries up to the first
        # untrusted address were written by trusted proxies.
        for text in reversed(forwarded.split(",")):
            address = _address(text.strip())
            if address is None:
                return nearest
            nearest = address
            if not self._is_trusted(address):
                return address
        return nearest

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket reports IPv4 clients as IPv4-mapped IPv6 addresses.
    return getattr(address, "ipv4_mapped", None) or address


LIMITER = PerApp[ConnectionLimiter]()
PROXIES = PerApp[BehindProxies]()
