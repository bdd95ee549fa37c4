"""What a reverse proxy says about the visitor, believed from the addresses the operator named and no others."""

import ipaddress
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BehindProxies:
    """Takes address and scheme from X-Forwarded-For and -Proto when a trusted proxy is the one that speaks."""

    def __init__(self, app: WSGIApplication, trusted: Iterable[str]) -> None:
        self._app = app
        self._trusted: list[Network] = [ipaddress.ip_network(each) for each in trusted]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        nearest = _address(environ.get("REMOTE_ADDR", ""))
        if nearest and self._is_trusted(nearest):
            environ["REMOTE_ADDR"] = str(self._visitor(nearest, environ.get("HTTP_X_FORWARDED_FOR", "")))
            scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start_response)

    def _visitor(self, nearest: Address, said: str) -> Address:
        # Each proxy appends whom it heard; only what stands right of the first stranger was written by our own.
        for text in reversed(said.split(",")):
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
    # A socket that listens on both families shows IPv4 visitors in IPv6's clothes.
    return getattr(address, "ipv4_mapped", None) or address
