"""A reply on its way: bytes as they arrive, in time or not at all, until somebody asks to stop."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from http.client import HTTPException
from time import monotonic

import gevent
import requests
from urllib3.exceptions import HTTPError

from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

LAST_WORD_SECONDS = 0.05
UNLIMITED = nullcontext()
MOST_JSON_BYTES = 16 * 1024 * 1024


class Stopped(Exception):
    """The wish to stop came before there was a whole reply."""


def late(host: str) -> ProviderError:
    return ProviderError("stall", f"{host} did not answer in time.", retryable=True)


class Body:
    """A reply whose head has arrived. `chunks` ends early, without an error, when somebody asks to stop."""

    def __init__(self, response: requests.Response, host: str, stop: Stop, *, until: float | None, most_bytes: int) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.host = host
        self._response, self._stop, self._until, self._most_bytes = response, stop, until, most_bytes
        self._is_quiet, self._awaits_first, self._received = False, True, 0

    def chunks(self, read_size: int = 65536) -> Iterator[bytes]:
        """The bytes as they arrive; raises `ProviderError` when they break off or are late."""
        while not self._stop and (chunk := self._read(read_size)):
            if self._awaits_first:
                self._until, self._awaits_first = None, False
            self._received += len(chunk)
            if self._received > self._most_bytes:
                raise ProviderError("error", f"{self.host} sent more than {self._most_bytes >> 20} MB.")
            yield chunk

    def whole(self, most_bytes: int = MOST_JSON_BYTES) -> bytes:
        parts, size = [], 0
        for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > most_bytes:
                raise ProviderError("invalid", f"{self.host} sent a reply larger than {most_bytes >> 10} KB.")
        if self._stop:
            raise Stopped(self.host)
        return b"".join(parts)

    def within(self, seconds: float, *, quietly: bool = False) -> None:
        """The rest must arrive in this time; what is later is a stall or, quietly, the end."""
        self._until, self._is_quiet, self._awaits_first = monotonic() + seconds, quietly, False

    def finish(self) -> None:
        """Lets a reply that is over end properly, if it does so at once: its connection can be used again."""
        self.within(LAST_WORD_SECONDS, quietly=True)
        with suppress(ProviderError):
            for _ in self.chunks():
                pass

    def abort(self) -> None:
        """Wakes the reader from another greenlet. Closing is the reader's: here it would fail while the reader reads."""
        with suppress(RuntimeError, ValueError, OSError):
            self._response.raw.shutdown()

    def _read(self, size: int) -> bytes:
        seconds = None if self._until is None else self._until - monotonic()
        if seconds is None or seconds > 0:
            try:
                # Only around the read: nothing is ever thrown into code of the caller.
                with gevent.Timeout(seconds, False) if seconds else UNLIMITED:
                    return self._response.raw.read1(size, decode_content=False) or b""
            except (HTTPError, HTTPException, OSError) as error:
                return self._ended_by(ProviderError("cut", f"The connection to {self.host} broke off.", retryable=True), error)
        return self._ended_by(late(self.host))

    def _ended_by(self, failure: ProviderError, cause: Exception | None = None) -> bytes:
        if self._stop or self._is_quiet:
            return b""
        raise failure from cause
