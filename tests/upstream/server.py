"""An upstream that follows a script and logs its requests: `python -m tests.upstream.server --port 0`.

It replaces OpenRouter and similar servers at `/api/v1/...`, and Anthropic at the same path. The first line it prints is its
port. `POST /_script` queues behaviours or sets a default one, `GET /_log` returns the log, `POST /_reset` clears script and
log. `POST /_beside` sets the behaviour for one question, independent of script, log and reset; `{"over": question}` completes
its answers early. `POST /_over` completes every other current answer early, `POST /_go` releases one that is holding.
"""

import argparse
import json
import socket
import struct
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from time import monotonic
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import Semaphore
from gevent.server import StreamServer
from gevent.socket import wait_read

from tests.upstream.behaviours import Played, Step, bytes_of, played
from tests.upstream.dialects import is_of_round

CHAT, MESSAGES, MODELS, KEY, GENERATION = "/chat/completions", "/messages", "/models", "/key", "/generation"
EMBEDDINGS, PICTURES, SEARCH = "/embeddings", "/images/generations", "/search"
EDITS, TRANSCRIPTIONS, SPEECH = "/images/edits", "/audio/transcriptions", "/audio/speech"
# Not paths, but keys: requests for a chat's title or story are interleaved with those for answers, so they are scripted and
# logged separately.
TITLE, STORY, FOLD, FACTS = "title", "story", "fold", "facts"
ASIDES = {
    "You name conversations.": TITLE,
    "You keep the story of a long conversation": STORY,
    "You shorten the beginning of a long conversation": FOLD,
    "You find what is worth remembering of a person": FACTS,
}
LISTED = [
    {"id": "fake/plain", "name": "Fake: Plain", "context_length": 8192},
    {"id": "fake/large", "name": "Fake: Large", "context_length": 200_000},
]
UNKNOWN = {"status": 404, "json": {"error": {"code": 404, "message": "Not found"}}}
STANDING: dict[str, dict[str, Any]] = {
    CHAT: {"says": "Hello from the scripted upstream.", "cost": 0.00012},
    MESSAGES: {"says": "Hello from the scripted upstream."},
    MODELS: {"json": {"data": LISTED}},
    KEY: {"json": {"data": {"label": "sk-or-v1-abc...123", "limit": 10, "limit_remaining": 4.2, "usage": 5.8}}},
    STORY: {"status": 404, "json": {"error": {"code": 404, "message": "No stories here"}}},
    FOLD: {"status": 404, "json": {"error": {"code": 404, "message": "No folds here"}}},
    FACTS: {"says": '{"facts": []}'},
    GENERATION: {"json": {"data": {"id": "gen-1", "total_cost": 0.00012, "tokens_prompt": 10, "tokens_completion": 5}}},
    EMBEDDINGS: UNKNOWN,
    PICTURES: UNKNOWN,
    EDITS: UNKNOWN,
    TRANSCRIPTIONS: UNKNOWN,
    SPEECH: UNKNOWN,
    # A search of the web, as SearXNG answers.
    SEARCH: UNKNOWN,
    # A webhook for alerts.
    "/hook": {"json": {}},
    TITLE: {"status": 404, "json": {"error": {"code": 404, "message": "No titles here"}}},
}
REFUSED = {"status": 401, "json": {"error": {"code": 401, "message": "No auth credentials found"}}}


class Gone(Exception):
    """Raised when the behaviour has closed the connection."""


@dataclass
class Beside:
    """The behaviour for one question, and the requests with that question."""

    behaviour: dict[str, Any]
    log: list[dict[str, Any]] = field(default_factory=list)
    over: Event = field(default_factory=Event)


class Script:
    """The behaviours for coming requests, and the log of past ones."""

    def __init__(self) -> None:
        self.log: list[dict[str, Any]] = []
        self.side_requests: dict[str, list[dict[str, Any]]] = {TITLE: [], STORY: [], FOLD: [], FACTS: []}
        self.beside: dict[str, Beside] = {}
        # Ends the answers that start from now on; `end` replaces it.
        self.over = Event()
        self.turns = Semaphore(0)
        self._queues: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        self._standing = dict(STANDING)

    def next(self, path: str, request: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        place = next((place for place in STANDING if path.partition("?")[0].endswith(place)), "")
        place = (_side_request(request) if place else "") or place
        if not place:
            return UNKNOWN
        if self._queues[place]:
            return self._queues[place].popleft()
        if headers.get("authorization", "").startswith("Bearer bad") or headers.get("x-api-key", "").startswith("bad"):
            return REFUSED
        return self._standing[place]

    def take(self, order: dict[str, Any]) -> None:
        place = order.get("at", CHAT)
        self._queues[place].extend(order.get("queue", []))
        if "standing" in order:
            self._standing[place] = order["standing"]

    def take_beside(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        """Sets the behaviour for a question, or completes its answers early; returns its requests."""
        beside = self.beside.setdefault(order["question"], Beside(order.get("behaviour", {})))
        if order.get("over"):
            beside.over.set()
        return beside.log

    def end(self) -> None:
        """Completes the current answers, and none that are requested later."""
        self.over.set()
        self.over = Event()

    def besides(self, request: Any) -> Beside | None:
        """Returns the behaviour for the request's question, if one was set for it."""
        messages = request.get("messages") if isinstance(request, dict) else None
        return self.beside.get(_question(messages)) if messages and not _side_request(request) else None

    def reset(self) -> None:
        self.log.clear()
        for request in self.side_requests.values():
            request.clear()
        self._queues.clear()
        self._standing = dict(STANDING)
        self.turns = Semaphore(0)


class Connection:
    """One socket: reads requests, sends responses, and notices immediately when the client disconnects."""

    def __init__(self, sock: Any, number: int, script: Script) -> None:
        self._sock, self._number, self._script = sock, number, script
        self._buffer = b""
        self._write: Callable[[bytes], None] = sock.sendall

    def serve(self) -> None:
        try:
            while head := self._until(b"\r\n\r\n"):
                self._answer(*_head(head))
        except (OSError, Gone):
            pass

    def _answer(self, method: str, path: str, headers: dict[str, str]) -> None:
        body = self._exactly(int(headers.get("content-length", 0)))
        if path.startswith("/_"):
            self._control(method, path, json.loads(body or b"{}"))
            return
        request = _json(body)
        entry: dict[str, Any] = {"method": method, "path": path, "headers": headers, "body": request}
        entry |= {"connection": self._number, "received": monotonic(), "client_closed": None, "finished": None}
        entry |= {"bytes": 0, "tokens": []}
        dialect = "anthropic" if path.endswith(MESSAGES) else "openrouter"
        if beside := self._script.besides(request):
            beside.log.append(entry)
            reply = played(beside.behaviour, request, dialect)
            self._play(reply, entry, beside.over)
            return
        self._script.side_requests.get(_side_request(request), self._script.log).append(entry)
        reply = played(self._script.next(path, request if isinstance(request, dict) else {}, headers), request or {}, dialect)
        reply.headers.setdefault("X-Generation-Id", f"gen-{len(self._script.log)}")
        self._play(reply, entry, self._script.over)

    def _control(self, method: str, path: str, order: dict[str, Any]) -> None:
        if path == "/_script":
            self._script.take(order)
        elif path == "/_reset":
            # Yields, so that requests already sent on other connections are read, and logged, before the reset.
            for _ in range(3):
                gevent.sleep(0)
            self._script.reset()
        elif path == "/_over":
            self._script.end()
        elif path == "/_go":
            self._script.turns.release()
        beside = self._script.take_beside(order) if path == "/_beside" else []
        told = {
            "/_log": self._script.log,
            **{f"/_{name}": log for name, log in self._script.side_requests.items()},
            "/_beside": beside,
        }
        content = json.dumps(told.get(path, {})).encode()
        self._sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content))
        self._sock.sendall(content)

    def _play(self, reply: Played, entry: dict[str, Any], over: Event) -> None:
        """Sends a response until its end, or until the client disconnects, even in the middle of a step."""
        player = gevent.spawn(self._perform, replace(reply, steps=_until(over, reply.steps)), entry, over)
        watcher = gevent.spawn(self._watch)
        gevent.wait([player, watcher], count=1)
        if not player.ready() and watcher.value == "gone":
            entry["client_closed"] = monotonic()
            player.kill()
        player.join()
        watcher.kill()
        if player.value != "over":
            raise Gone
        entry["finished"] = monotonic()

    def _watch(self) -> str:
        try:
            more = self._sock.recv(65536)
        except OSError:
            return "gone"
        self._buffer += more
        return "more" if more else "gone"

    def _perform(self, reply: Played, entry: dict[str, Any], over: Event) -> str:
        try:
            steps: Iterable[Step] = reply.steps
            if reply.framing == "length" and reply.has_head:
                steps = list(steps)
            if reply.has_head:
                self._sock.sendall(_status_line(reply, steps))
            for step in steps:
                if self._step(step, reply, entry, over):
                    break
            if reply.has_head and reply.framing == "chunked":
                self._sock.sendall(b"0\r\n\r\n")
            return "over" if reply.has_head and reply.framing != "close" else self._close("fin")
        except OSError:
            entry["client_closed"] = entry["client_closed"] or monotonic()
            return "gone"

    def _step(self, step: Step, reply: Played, entry: dict[str, Any], over: Event) -> bool:
        """Runs a step; returns whether it was the last one."""
        if "sleep" in step:
            over.wait(step["sleep"]) if step["sleep"] else gevent.sleep(0)
        elif "hang" in step:
            gevent.sleep(3600)
        elif "hold" in step:
            self._script.turns.acquire()
        elif "close" in step:
            self._close(step["close"])
            raise OSError
        elif "send" in step or "send64" in step:
            self._send(bytes_of(step), reply, entry)
            while "for_ever" in step:
                self._send(bytes_of(step), reply, entry)
                gevent.sleep(0)
            if "token" in step:
                entry["tokens"].append([step["token"], monotonic()])
        return "over" in step

    def _send(self, content: bytes, reply: Played, entry: dict[str, Any]) -> None:
        size = reply.slice or len(content) or 1
        for at in range(0, len(content), size):
            piece = content[at : at + size]
            is_chunk = reply.has_head and reply.framing == "chunked"
            self._sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if is_chunk else piece)
            entry["bytes"] += len(piece)
            if reply.slice_pause:
                gevent.sleep(reply.slice_pause)

    def _close(self, how: str) -> str:
        if how == "rst":
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self._sock.shutdown(socket.SHUT_WR)
        self._sock.close()
        return "closed"

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            if not (more := self._sock.recv(65536)):
                return b""
            self._buffer += more
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def _exactly(self, size: int) -> bytes:
        # Collected in a list, as appending to one bytes object would be quadratic: some scripts are forty megabytes.
        pieces, missing = [self._buffer], size - len(self._buffer)
        while missing > 0:
            if not (more := self._sock.recv(65536)):
                raise Gone
            pieces.append(more)
            missing -= len(more)
        content = b"".join(pieces)
        self._buffer = content[size:]
        return content[:size]


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    return method, path, {name.strip().lower(): value.strip() for name, _, value in pairs}


def _until(over: Event, steps: Iterable[Step]) -> Iterator[Step]:
    """Yields the steps; once `over` is set, it skips those of tokens and pauses, so that only the end remains."""
    return (step for step in steps if not (over.is_set() and ("token" in step or "sleep" in step)))


def _question(messages: list[dict[str, Any]]) -> str:
    """Returns the text of the last message that has no calls and no results."""
    return str(next((message for message in reversed(messages) if not is_of_round(message)), messages[-1]).get("content"))


def _side_request(request: Any) -> str:
    """Returns whether a request is for a title, a story, a fold or facts; empty for any other."""
    return next((name for words, name in ASIDES.items() if words in str(request)[:2000]), "")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace") or None


def _status_line(reply: Played, steps: Iterable[Step]) -> bytes:
    headers = dict(reply.headers)
    if reply.framing == "chunked":
        headers["Transfer-Encoding"] = "chunked"
    elif reply.framing == "length" and isinstance(steps, list):
        headers["Content-Length"] = str(sum(len(bytes_of(step)) for step in steps if "send" in step or "send64" in step))
    else:
        headers["Connection"] = "close"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode("latin-1")


def server(port: int, **tls: str) -> StreamServer:
    script, numbers = Script(), count(1)

    def serve(sock: Any, _: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Connection(sock, next(numbers), script).serve()

    return StreamServer(("127.0.0.1", port), serve, backlog=1024, **tls)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certfile")
    parser.add_argument("--keyfile")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input closes, as it does with a killed parent")
    chosen = parser.parse_args(arguments)
    tls = {"certfile": chosen.certfile, "keyfile": chosen.keyfile} if chosen.certfile else {}
    running = server(chosen.port, **tls)
    running.start()
    print(running.server_port, flush=True)
    if chosen.lifeline:
        gevent.spawn(wait_read, sys.stdin.fileno()).link(lambda _: running.stop())
    running.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
