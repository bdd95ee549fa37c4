"""A fake connection to an upstream that sends these bytes in these chunks, and then ends or fails."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.models.providers.received import KEY, Received, collect, request_for
from webapp.models.providers.openai import OpenAIProvider
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

EVENT_STREAM = {"Content-Type": "text/event-stream"}


class CannedBody:
    def __init__(self, chunks: Sequence[bytes], stop: Stop, *, headers: Mapping[str, str], breaks: bool) -> None:
        self.status, self.headers, self.host = 200, headers, "canned"
        self._chunks, self._stop, self._breaks = iter(chunks), stop, breaks

    def chunks(self, read_size: int = 0) -> Iterator[bytes]:
        while not self._stop and (chunk := next(self._chunks, b"")):
            yield chunk
        if self._breaks and not self._stop:
            raise ProviderError("cut", "The connection to canned broke off.", retryable=True)

    def rest(self, seconds: float) -> None:
        pass

    def read_all(self, most_bytes: int = 0) -> bytes:
        return b"".join(self.chunks())

    def within(self, seconds: float, *, quietly: bool = False) -> None:
        self._breaks = self._breaks and not quietly

    def finish(self) -> None:
        pass


class Canned:
    """Replaces the outgoing `Upstream` where only the bytes matter."""

    def __init__(self, *chunks: bytes, headers: Mapping[str, str] = EVENT_STREAM, breaks: bool = False) -> None:
        self._chunks, self._headers, self._breaks = [chunk for chunk in chunks if chunk], headers, breaks

    @contextmanager
    def open(self, method: str, url: str, *, stop: Stop, **_: Any) -> Iterator[CannedBody]:
        yield CannedBody(self._chunks, stop, headers=self._headers, breaks=self._breaks)


TOLD = {"choices": [{"delta": {"content": "told"}}]}
STOPPED = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


def lines(*values: Any) -> bytes:
    return b"".join(b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n" for value in values)


def collected_from(stop: Stop, *chunks: bytes, **how: Any) -> Received:
    provider = OpenAIProvider("canned", "http://canned/v1", KEY, Canned(*chunks, **how))  # type: ignore[arg-type]
    return collect(provider.stream(request_for(), stop))


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}
