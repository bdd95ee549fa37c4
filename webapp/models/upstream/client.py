"""The client for all outgoing requests: opens them, watches for a stop, and closes them."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlencode

import gevent
import requests
from gevent.event import Event as GreenEvent

from webapp.models.upstream.addresses import Trust, parts_of
from webapp.models.upstream.body import MOST_SMALL_BYTES, Body, Stopped, late
from webapp.models.upstream.bounded_json import UnreadableJson, load
from webapp.models.upstream.large_replies import read_in_thread
from webapp.models.upstream.multipart import Multipart
from webapp.models.upstream.read_beat import Beat
from webapp.models.upstream.sockets import RefusedAddress, Sender
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JsonReply:
    """A small reply, read completely; `value` is None if the content is not JSON."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    value: Any


def all_at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Makes calls that wait, all at the same time, and returns their results in order."""
    waiting = [gevent.spawn(call) for call in calls]
    gevent.joinall(waiting, raise_error=True)
    return [greenlet.value for greenlet in waiting]


class Upstream:
    """The HTTP client, one per process: it pools connections and ignores cookies, proxies, `.netrc` and redirects."""

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, connect_seconds: float = 10, most_bytes: int = 256 * 1024 * 1024
    ) -> None:
        self._most_bytes, self._beat = most_bytes, Beat()
        self._senders: dict[Trust, Sender] = {
            "operator": Sender("operator", tls, connect_seconds),
            "public": Sender("public", tls, connect_seconds),
        }

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        stop: Stop,
        headers: Mapping[str, str],
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | Multipart | None = None,
        first_byte_seconds: float = 0,
        trust: Trust = "public",
        label: str = "",
        takes_detours: bool = False,
    ) -> Iterator[Body]:
        """Yields a reply once its headers have arrived; raises `Stopped` or `ProviderError` before.

        `json` is sent as JSON, `form` like the fields of a form, `content` as it is: with files, a `Multipart`.
        The timeout includes the first byte of the body. Errors name the server by its `label`, or by its host. A redirect is an
        error, unless the caller `takes_detours`: then it is a reply like others, and never followed by this client.
        """
        parts = parts_of(url)
        host = label or parts.hostname or ""
        data = content if form is None else urlencode(form)
        request = requests.Request(method, url, headers=dict(headers), json=json, data=data)
        until = monotonic() + first_byte_seconds if first_byte_seconds else None
        response = self._opened(request, host, stop, first_byte_seconds, trust)
        try:
            body = Body(response, host, stop, self._beat, until=until, most_bytes=self._most_bytes)
            with stop.aborting(body.abort):
                if stop:
                    raise Stopped(host)
                _refuse_redirects(body, takes_detours)
                yield body
        finally:
            response.close()

    def json(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: Any = None,
        seconds: float = 20,
        most_bytes: int = MOST_SMALL_BYTES,
        trust: Trust = "public",
        label: str = "",
    ) -> JsonReply:
        """Returns a small reply, read completely within `seconds`; `body` is sent as JSON."""
        until = monotonic() + seconds
        stop = Stop(GreenEvent)  # pyright: ignore[reportArgumentType]
        with self.open(
            method, url, stop=stop, headers=headers, json=body, first_byte_seconds=seconds, trust=trust, label=label
        ) as reply:
            reply.within(until - monotonic())
            content = reply.read_all(most_bytes)
        return JsonReply(reply.status, reply.headers, content, read_in_thread(_value, content))

    def close(self) -> None:
        for sender in self._senders.values():
            sender.close()

    def _opened(self, request: requests.Request, host: str, stop: Stop, seconds: float, trust: Trust) -> requests.Response:
        # In a separate greenlet: a stop kills that one, never the caller, which can be saving by then.
        child = gevent.spawn(_exchange, self._senders[trust], request, host)
        with ExitStack() as undo:
            undo.callback(_abandon, child)
            with stop.aborting(partial(child.kill, block=False)):
                child.join(seconds or None)
            if stop:
                raise Stopped(host)
            if not child.ready():
                raise late(host)
            outcome: requests.Response | ProviderError = child.get(block=False)
            if isinstance(outcome, ProviderError):
                raise outcome
            undo.pop_all()
            return outcome


def _value(content: bytes) -> Any:
    try:
        return load(content)
    except UnreadableJson:
        return None


def _refuse_redirects(body: Body, takes_detours: bool) -> None:
    if 300 <= body.status < 400 and not takes_detours:
        raise ProviderError("invalid", f"{body.host} redirects to another address. Enter the final address in the settings.")
    # Compression was not requested, and a few KB can unpack to gigabytes.
    if body.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ProviderError("invalid", f"{body.host} sent an unexpected compressed reply.")


def _exchange(sender: Sender, request: requests.Request, host: str) -> requests.Response | ProviderError:
    """Returns the reply, or an error as a value: the hub would also print an error that is raised."""
    try:
        return sender.send(request)
    except RefusedAddress:
        return RefusedAddress(host)
    except ProviderError as failure:
        return failure
    # No chaining below: the messages of these errors can contain a header, and so the key.
    except requests.exceptions.SSLError:
        words = f"Couldn't connect securely to {host}: its certificate isn't trusted, or it doesn't use HTTPS."
        return ProviderError("error", words, of_connection=True)
    except requests.ConnectionError:
        return ProviderError("cut", f"{host} closed the connection without responding.", retryable=True)
    except (requests.RequestException, UnicodeError):
        return ProviderError("invalid", f"Couldn't send the request to {host}: its address or key is malformed.")


def _abandon(child: Any) -> None:
    child.kill(block=False)
    child.link(_discard)


def _discard(child: Any) -> None:
    # It can finish just before it is killed.
    if isinstance(child.value, requests.Response):
        child.value.close()
