"""A reply as it arrives: bytes within the timeouts, until a stop is requested."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPException
from time import monotonic

import gevent
import requests
from gevent.hub import Waiter
from urllib3.exceptions import HTTPError

from webapp.base.words import size
from webapp.models.upstream.read_beat import Beat
from webapp.models.upstream.sockets import reply_of
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

LAST_WORD_SECONDS = 0.05
MOST_JSON_BYTES = 16 * 1024 * 1024
# The limit for requests besides answers: the longest list of models is one megabyte.
MOST_SMALL_BYTES = 4 * 1024 * 1024


class Stopped(Exception):
    """The stop was requested before the reply was complete."""


def late(host: str) -> ProviderError:
    return ProviderError("stall", f"{host} didn't respond in time.", retryable=True)


class Body:
    """A reply whose headers have arrived. `chunks` ends early, without an error, when a stop is requested."""

    def __init__(
        self, response: requests.Response, host: str, stop: Stop, beat: Beat, *, until: float | None, most_bytes: int
    ) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.host = host
        self._response, self._stop, self._beat, self._until, self._most_bytes = response, stop, beat, until, most_bytes
        self._reply, self._resting = reply_of(response), Waiter()
        self._is_quiet, self._awaits_first, self._received = False, True, 0

    def chunks(self, read_size: int = 65536) -> Iterator[bytes]:
        """Yields the bytes as they arrive; raises `ProviderError` if the connection is lost or a timeout expires."""
        while not self._stop.reason and (chunk := self._read(read_size)):
            if self._awaits_first:
                self._until, self._awaits_first = None, False
            self._received += len(chunk)
            if self._received > self._most_bytes:
                raise ProviderError("error", f"{self.host} sent more than {size(self._most_bytes)}.")
            yield chunk

    def rest(self, seconds: float) -> None:
        """Waits for the next stroke of the beat if everything that has arrived is read; a requested stop ends the wait."""
        if not self._reply.turns.has_more:
            self._beat.wait(seconds, self._resting)
            self._reply.turns.time_slice.begin()

    def read_all(self, most_bytes: int = MOST_JSON_BYTES) -> bytes:
        # Not a list of pieces: pieces of one byte each would take many times the memory.
        content = bytearray()
        for chunk in self.chunks():
            content += chunk
            if len(content) > most_bytes:
                raise ProviderError("invalid", f"{self.host} sent a reply larger than {size(most_bytes)}.")
        if self._stop:
            raise Stopped(self.host)
        return bytes(content)

    def within(self, seconds: float, *, quietly: bool = False) -> None:
        """Sets a timeout for the rest: afterwards the reply counts as stalled or, with `quietly`, as ended."""
        self._until, self._is_quiet, self._awaits_first = monotonic() + seconds, quietly, False

    def finish(self) -> None:
        """Reads to the real end of a finished reply, if that arrives immediately, so that its connection can be reused."""
        self.within(LAST_WORD_SECONDS, quietly=True)
        with suppress(ProviderError):
            for _ in self.chunks():
                pass

    def abort(self) -> None:
        """Wakes the reader from another greenlet. Only the reader closes: a close from here would fail while it reads."""
        gevent.get_hub().loop.run_callback(self._resting.switch, None)
        with suppress(RuntimeError, ValueError, OSError):
            self._response.raw.shutdown()

    def _read(self, size: int) -> bytes:
        try:
            if self._until is None:
                return self._received_now(size)
            if (seconds := self._until - monotonic()) > 0:
                # Only around the read, so that the timeout is never raised inside the caller's code.
                with gevent.Timeout(seconds, False):  # pyright: ignore[reportArgumentType]
                    return self._received_now(size)
        except (HTTPError, HTTPException, OSError) as error:
            return self._ended_by(ProviderError("cut", f"The connection to {self.host} was lost.", retryable=True), error)
        return self._ended_by(late(self.host))

    def _received_now(self, size: int) -> bytes:
        # What comes in chunks is read below urllib3, which takes as long for each read as the read itself, and counts only
        # bodies whose length is known. Its end is for urllib3 to note.
        content = self._reply.read1(size) if self._reply.chunked else b""
        return content or self._response.raw.read1(size, decode_content=False) or b""

    def _ended_by(self, failure: ProviderError, cause: Exception | None = None) -> bytes:
        if self._stop or self._is_quiet:
            return b""
        raise failure from cause
