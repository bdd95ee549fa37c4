"""The wire format that all streams share: headers, opening bytes, and detecting that a browser has left."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gevent
from flask import Response

from webapp.streaming.codec import HEARTBEAT

EVENT_STREAM = "text/event-stream"
OPENING = b"retry: 500\n\n" + HEARTBEAT
# Those of requests that wait for what others do, and end with the server: a stop waits for all others first.
waiting_sockets = set[Any]()
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


def streaming_response(frames: Iterable[bytes]) -> Response:
    """Returns a streaming response."""
    return Response(frames, mimetype=EVENT_STREAM, headers=HEADERS, direct_passthrough=True)


def socket_of(environ: Mapping[str, Any]) -> Any:
    """Returns the socket of a request; None if the server does not expose it."""
    return environ.get("gunicorn.socket")


@contextmanager
def detecting_disconnect(socket: Any, wake: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Detects immediately that the browser has disconnected; writing alone would fail only at the second heartbeat."""
    gone: list[bool] = []

    def leave() -> None:
        # Otherwise the event loop would report it in every turn until the stream has ended.
        watcher.stop()
        gone.append(True)
        wake()

    if socket is None:
        yield lambda: False
        return
    watcher = gevent.get_hub().loop.io(socket.fileno(), 1)
    watcher.start(leave)
    waiting_sockets.add(socket)
    try:
        yield lambda: bool(gone)
    finally:
        waiting_sockets.discard(socket)
        watcher.stop()
        watcher.close()
