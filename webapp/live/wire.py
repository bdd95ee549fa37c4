"""What all streams have on the wire: their headers, how they open, and how it is noticed that a browser has left."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gevent
from flask import Response

from webapp.streaming.codec import HEARTBEAT

EVENT_STREAM = "text/event-stream"
OPENING = b"retry: 500\n\n" + HEARTBEAT
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


def streamed(frames: Iterable[bytes]) -> Response:
    """An answer that is sent as it comes."""
    return Response(frames, mimetype=EVENT_STREAM, headers=HEADERS, direct_passthrough=True)


def socket_of(environ: Mapping[str, Any]) -> Any:
    """The socket of a request, where the server shows it."""
    return environ.get("gunicorn.socket")


@contextmanager
def noticed_leaving(socket: Any, wake: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Says at once when the browser has closed; writing alone would learn it only at the second heartbeat."""
    gone: list[bool] = []

    def leave() -> None:
        gone.append(True)
        wake()

    if socket is None:
        yield lambda: False
        return
    watcher = gevent.get_hub().loop.io(socket.fileno(), 1)
    watcher.start(leave)
    try:
        yield lambda: bool(gone)
    finally:
        watcher.stop()
        watcher.close()
