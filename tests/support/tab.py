"""An open page's event stream over a real socket, which reads, stops reading or waits, as a test requires."""

import re
import socket
import time
from urllib.parse import urlsplit

import gevent

from tests.support.person import Person
from webapp.streaming.codec import SseDecoder, SseMessage

# Not the middle of an id, which can look like a word.
WORD = re.compile(r"w0\d{5}(?!\w)")


class Tab:
    """A stream, open but not yet read; `read` starts a greenlet that records data and times, `buffer` shrinks the TCP window."""

    def __init__(self, person: Person, events_url: str, *, buffer: int = 0) -> None:
        parts = urlsplit(person.url)
        self._socket = socket.socket()
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            # The peer's send buffer grows with the segment size, which is 64 KB on the loopback interface.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self._socket.connect((parts.hostname, parts.port))
        lines = [
            f"GET {events_url} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"Cookie: {person.cookies}",
            "Sec-Fetch-Site: same-origin",
        ]
        self._socket.sendall(("\r\n".join([*lines, "Accept: text/event-stream"]) + "\r\n\r\n").encode())
        self.raw = b""
        self._cuts: list[tuple[int, float]] = []
        self.is_over = False

    def read(self) -> "Tab":
        self._greenlet = gevent.spawn(self._read)
        return self

    @property
    def is_open(self) -> bool:
        return b": ping" in self.raw and not self.is_over

    @property
    def is_clean(self) -> bool:
        """Whether the stream ended with its last chunk."""
        return self.is_over and self.raw.endswith(b"\r\n0\r\n\r\n")

    @property
    def messages(self) -> list[SseMessage]:
        return list(SseDecoder().feed(b"".join(_chunks(self.raw.partition(b"\r\n\r\n")[2]))))

    def first_seen(self) -> dict[str, float]:
        """Returns when each counted word first arrived."""
        seen: dict[str, float] = {}
        start = 0
        for end, at in self._cuts:
            # A word can be split across two reads.
            for word in WORD.findall(self.raw[max(0, start - 16) : end].decode("latin-1")):
                seen.setdefault(word, at)
            start = end
        return seen

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        try:
            while piece := self._socket.recv(65536):
                self.raw += piece
                self._cuts.append((len(self.raw), time.monotonic()))
        except OSError:
            pass
        self.is_over = True


def _chunks(body: bytes) -> list[bytes]:
    chunks = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        chunks.append(rest[:length])
        body = rest[length + 2 :]
    return chunks
