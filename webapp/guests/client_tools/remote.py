"""A client of a Millrace server, authenticated with an API token."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import Any

from webapp.base.untrusted_json import JsonObject
from webapp.models.upstream import Body, Upstream
from webapp.streaming.codec import SseDecoder, SseMessage
from webapp.streaming.stop import Stop


class Unexpected(Exception):
    """The server's response is not the expected one."""


class Remote:
    """Sends requests; `json` returns a small response as a whole, `opened` and `events` a stream as it arrives."""

    def __init__(self, url: str, token: str = "", *, seconds: float = 30) -> None:
        self.url, self._token, self._upstream, self._seconds = url, token, Upstream(), seconds

    def json(self, method: str, path: str, *, expects: int, **body: Any) -> JsonObject:
        """Returns the JSON object of a response; raises `Unexpected` for any other status."""
        with self.opened(method, path, body=body or None) as reply:
            content, status = reply.read_all(), reply.status
        value = _object(content)
        if status != expects:
            raise Unexpected(f"{method} {path} answered {status}: {value.get('error', content[:200].decode('utf-8', 'replace'))}")
        return value

    @contextmanager
    def opened(
        self, method: str, path: str = "", *, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Body]:
        """Yields a response whose head has been read; leaving the block closes the connection."""
        # Without a token the server makes a visitor of the client, and no page of another site may cause that.
        usual_headers = {"Authorization": f"Bearer {self._token}"} if self._token else {"Sec-Fetch-Site": "none"}
        with self._upstream.open(
            method,
            self.url.rstrip("/") + path if path else self.url,
            stop=Stop(Event),
            headers={**usual_headers, **(headers or {})},
            json=body,
            first_byte_seconds=self._seconds,
            trust="operator",
        ) as reply:
            reply.within(self._seconds)
            yield reply

    def close(self) -> None:
        self._upstream.close()

    def events(self, reply: Body) -> Iterator[SseMessage]:
        """Yields the messages of a stream as they arrive."""
        if reply.status != 200:
            raise Unexpected(f"The stream answered {reply.status}: {_object(reply.read_all()).get('error', '')}")
        decoder = SseDecoder()
        for piece in reply.chunks():
            yield from decoder.feed(piece)


def _object(content: bytes) -> JsonObject:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
