"""What a reverse proxy says about the visitor, believed from the addresses the operator named and no others."""

import ipaddress
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator

from webapp.web.crowd import RETRY_SECONDS, SENTENCE, Crowd

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BehindProxies:
    """Takes address and scheme from X-Forwarded-For and -Proto when a trusted proxy is the one that speaks.

    The connections are the proxy's own, so what counts for an address is its requests that are not answered yet.
    """

    def __init__(self, app: WSGIApplication, trusted: Iterable[str], crowd: Crowd) -> None:
        self._app, self._crowd = app, crowd
        self._trusted: list[Network] = [ipaddress.ip_network(each) for each in trusted]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        nearest = _address(environ.get("REMOTE_ADDR", ""))
        if not nearest or not self._is_trusted(nearest):
            return self._app(environ, start_response)
        environ["REMOTE_ADDR"] = str(self._visitor(nearest, environ.get("HTTP_X_FORWARDED_FOR", "")))
        scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        return self._counted(environ, start_response)

    def is_proxy(self, address: str) -> bool:
        """Whether an address is one of those that the operator named."""
        found = _address(address)
        return found is not None and self._is_trusted(found)

    def _counted(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        with ExitStack() as stack:
            if not stack.enter_context(self._crowd.entered(environ["REMOTE_ADDR"])):
                refusal = Response(SENTENCE, 429, {"Retry-After": str(RETRY_SECONDS)}, content_type="text/plain; charset=utf-8")
                return refusal(environ, start_response)
            # It has left when its answer is over, not when that begins.
            return ClosingIterator(self._app(environ, start_response), stack.pop_all().close)
        raise AssertionError("an ExitStack of ours swallows nothing")

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
