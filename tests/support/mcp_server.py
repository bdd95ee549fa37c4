"""A tool server written from the specification of MCP alone, in both of its kinds, strict with clients; it misbehaves on demand.

Its tools are `TOOLS`. What a client does against the specification is in `faults`, and every request in `log`.
"""

import base64
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from gevent.server import StreamServer

STATELESS, HANDSHAKE = "2026-07-28", "2025-11-25"
META = "io.modelcontextprotocol/"
# As a piece of a reply: the connection ends here, as if it were lost.
CUT = b"CUT"
JSON, STREAM = "application/json", "text/event-stream"
Message = dict[str, Any]
Run = Generator[Message, None, Message]
HOW = "Count with care."
PIXEL = b"\x89PNG\r\n\x1a\n..."


@dataclass
class Received:
    """A request, and whether its client has gone before the end of the reply."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes
    is_closed: Event = field(default_factory=Event)

    @property
    def message(self) -> Message:
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def method(self) -> str:
        return str(self.message.get("method", ""))

    @property
    def params(self) -> Message:
        return self.message.get("params") or {}

    @property
    def meta(self) -> Message:
        return self.params.get("_meta") or {}


@dataclass
class Said:
    """A reply; pieces that aren't bytes are sent one by one, as they come."""

    content: bytes | Iterable[bytes] = b""
    kind: str = JSON
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def said(value: Any, status: int = 200, **headers: str) -> Said:
    return Said(json.dumps(value).encode(), status=status, headers=headers)


def failed(id: Any, code: int, words: str, *, status: int = 200, data: Any = None) -> Said:
    error = {"code": code, "message": words} | ({"data": data} if data is not None else {})
    return said({"jsonrpc": "2.0", "id": id, "error": error}, status)


def event(message: Any, id: str = "") -> bytes:
    head = f"id: {id}\n" if id else ""
    return f"{head}data: {json.dumps(message) if message is not None else ''}\n\n".encode()


def text(words: str, **more: Any) -> Message:
    return {"content": [{"type": "text", "text": words}], **more}


class HttpServer:
    """Answers requests by `answer`, and notices when a client is gone. Has full control of its bytes."""

    def __init__(self) -> None:
        self.log: list[Received] = []
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, request: Received) -> Said:
        raise NotImplementedError

    def close(self) -> None:
        self._server.stop(timeout=0)

    def _serve(self, sock: Any, _: Any) -> None:
        reader = sock.makefile("rb")
        try:
            while line := reader.readline():
                verb, path, _ = line.decode().split(" ", 2)
                headers = dict(self._headers(reader))
                request = Received(verb, path, headers, reader.read(int(headers.get("content-length", 0))))
                self.log.append(request)
                if not self._send(sock, request, self.answer(request)):
                    return
        except OSError:
            pass
        finally:
            reader.close()
            sock.close()

    @staticmethod
    def _headers(reader: Any) -> Iterator[tuple[str, str]]:
        while line := reader.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            yield name.strip().lower(), value.strip()

    def _send(self, sock: Any, request: Received, reply: Said) -> bool:
        """Sends a reply; returns whether the connection can be used again."""
        is_whole = isinstance(reply.content, bytes)
        framing = {"Content-Length": str(len(reply.content))} if is_whole else {"Transfer-Encoding": "chunked"}
        headers = {"Content-Type": reply.kind, **framing, **reply.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        sock.sendall(f"HTTP/1.1 {reply.status} Said\r\n{head}\r\n".encode())
        if isinstance(reply.content, bytes):
            sock.sendall(reply.content)
            return True
        player = gevent.spawn(self._play, sock, reply.content)
        watcher = gevent.spawn(self._watch, sock)
        gevent.wait([player, watcher], count=1)
        if not player.ready():
            request.is_closed.set()
        gevent.killall([player, watcher])
        return False

    @staticmethod
    def _play(sock: Any, pieces: Iterable[bytes]) -> None:
        try:
            for piece in pieces:
                if piece is CUT:
                    return
                sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            sock.sendall(b"0\r\n\r\n")
        except OSError:
            pass

    @staticmethod
    def _watch(sock: Any) -> None:
        with suppress(OSError):
            sock.recv(1)


class McpServer(HttpServer):
    """A tool server at `url`. `replies` says how it answers; `page_size` pages its list; `token` makes it ask for one."""

    def __init__(self, *speaks: str, replies: str = "json", page_size: int = 0, token: str = "") -> None:
        super().__init__()
        self.url = f"{self.origin}/mcp"
        self.speaks, self.replies, self.page_size, self.token = speaks or (STATELESS,), replies, page_size, token
        self.faults: list[str] = []
        # Instead of what the specification says, by method: what a test wants.
        self.instead: dict[str, Callable[[Received], Said]] = {}
        self.tools, self.runs = {tool["name"]: tool for tool in TOOLS}, dict(RUNS)
        self.challenge = "Bearer"
        self.sessions: dict[str, Message] = {}
        self.has_sessions = True
        # How many events of a stream are sent before it is cut, and how the next ones are found.
        self.cut_after = 0
        self.retry_ms: int | None = None
        self.streams: dict[str, list[Message]] = {}
        self.counted = 0
        self.go_on = Event()
        self.answers: dict[str, AsyncResult] = {}
        self.ids: set[Any] = set()
        self._numbers = count(1)

    @property
    def methods(self) -> list[str]:
        """The methods of all requests, in order."""
        return [request.method or request.verb for request in self.log]

    def of(self, method: str) -> list[Received]:
        return [request for request in self.log if request.method == method]

    def check(self, is_right: bool, words: str) -> None:
        if not is_right:
            self.faults.append(words)

    def answer(self, request: Received) -> Said:
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return Said(status=401, headers={"WWW-Authenticate": self.challenge})
        if instead := self.instead.get(request.method or request.verb):
            return instead(request)
        if request.verb != "POST":
            return self._other(request)
        self.check(request.headers.get("content-type") == JSON, "the content type of a request is not JSON")
        accepted = request.headers.get("accept", "")
        self.check(JSON in accepted and STREAM in accepted, "a request must accept JSON and streams")
        message = request.message
        self.check(message.get("jsonrpc") == "2.0", f"not one JSON-RPC message: {request.body[:80]!r}")
        is_modern = request.headers.get("mcp-protocol-version") == STATELESS or f"{META}protocolVersion" in request.meta
        if is_modern and STATELESS in self.speaks:
            return self._stateless(request)
        return self._with_handshake(request) if HANDSHAKE in self.speaks else self._unsupported(request)

    def _unsupported(self, request: Received) -> Said:
        words, data = "Unsupported protocol version", {"supported": list(self.speaks), "requested": "?"}
        return failed(request.message.get("id"), -32022, words, status=400, data=data)

    # 2026-07-28

    def _stateless(self, request: Received) -> Said:
        message, meta, headers = request.message, request.meta, request.headers
        id, method = message.get("id"), request.method
        self.check(isinstance(id, str | int) and not isinstance(id, bool), "a request needs an id, and nothing else is sent")
        self.check(id not in self.ids, "an id is used twice")
        self.ids.add(id)
        self.check("mcp-session-id" not in headers, "there are no sessions")
        self.check("last-event-id" not in headers, "streams can't be resumed")
        if headers.get("mcp-protocol-version") != meta.get(f"{META}protocolVersion"):
            return self._mismatch(id, "MCP-Protocol-Version")
        if not isinstance(meta.get(f"{META}clientCapabilities"), dict):
            return failed(id, -32602, "clientCapabilities are missing", status=400)
        if headers.get("mcp-method") != method:
            return self._mismatch(id, "Mcp-Method")
        match method:
            case "server/discover":
                about = {
                    "supportedVersions": list(self.speaks),
                    "capabilities": {"tools": {}},
                    "instructions": HOW,
                }
                return self._complete(id, {**about, "ttlMs": 60_000, "cacheScope": "public"})
            case "tools/list":
                return self._complete(id, {**self._page(request.params), "ttlMs": 300_000, "cacheScope": "public"})
            case "tools/call":
                return self._called(request)
        return failed(id, -32601, "Method not found", status=404)

    def _called(self, request: Received) -> Said:
        id, params = request.message["id"], request.params
        if decoded(request.headers.get("mcp-name", "")) != params.get("name"):
            return self._mismatch(id, "Mcp-Name")
        tool = self.tools.get(params.get("name", ""))
        if not tool:
            return failed(id, -32602, f"Unknown tool: {params.get('name')}")
        for name, part in tool["inputSchema"].get("properties", {}).items():
            if (header := part.get("x-mcp-header")) and (value := params.get("arguments", {}).get(name)) is not None:
                plain = value if isinstance(value, str) else json.dumps(value)
                if decoded(request.headers.get(f"mcp-param-{header.lower()}", "")) != plain:
                    return self._mismatch(id, f"Mcp-Param-{header}")
        return self._run(request, self.runs[params["name"]](self, request), stream="")

    def _mismatch(self, id: Any, name: str) -> Said:
        return failed(id, -32020, f"Header mismatch: {name}", status=400)

    def _complete(self, id: Any, result: Message) -> Said:
        about = {f"{META}serverInfo": {"name": "stand-in", "title": "Stand-in", "version": "1"}}
        result = {"resultType": "complete", **result, "_meta": about}
        reply = {"jsonrpc": "2.0", "id": id, "result": result}
        return said(reply) if self.replies == "json" else Said([event(reply)], STREAM)

    # 2025-11-25

    def _with_handshake(self, request: Received) -> Said:
        message, method, id = request.message, request.method, request.message.get("id")
        if method == "initialize":
            return self._initialized(request)
        session = request.headers.get("mcp-session-id", "")
        if self.has_sessions and not session:
            return Said(b"Bad Request: Missing session ID", "text/plain", 400)
        if self.has_sessions and session not in self.sessions:
            return Said(b"Session not found", "text/plain", 404)
        if request.headers.get("mcp-protocol-version") != HANDSHAKE:
            return Said(b"Bad Request: Unsupported protocol version", "text/plain", 400)
        state = self.sessions.setdefault(session, {"ready": not self.has_sessions, "ids": set()})
        if "method" not in message:
            self.answers[str(id)].set(message)
            return Said(status=202)
        if id is None:
            state["ready"] |= method == "notifications/initialized"
            return Said(status=202)
        self.check(state["ready"], "a request before the client has said that it is ready")
        self.check(id not in state["ids"], "an id is used twice in a session")
        state["ids"].add(id)
        if method == "tools/list":
            return self._streamed(request, None, {"jsonrpc": "2.0", "id": id, "result": self._page(request.params)})
        if method == "tools/call" and request.params.get("name") in self.tools:
            return self._run(request, self.runs[request.params["name"]](self, request), stream=f"s{next(self._numbers)}")
        return failed(id, -32602 if method == "tools/call" else -32601, f"Unknown: {request.params.get('name') or method}")

    def _initialized(self, request: Received) -> Said:
        params, session = request.params, f"session-{next(self._numbers)}"
        self.check(params.get("protocolVersion") == HANDSHAKE, "the newest version is offered first")
        self.check(isinstance(params.get("capabilities"), dict), "a client says what it can")
        self.check(bool(params.get("clientInfo", {}).get("name")), "a client says who it is")
        self.check("mcp-session-id" not in request.headers, "a new session has no id")
        about = {"name": "stand-in", "title": "Stand-in", "version": "1"}
        result = {"protocolVersion": HANDSHAKE, "capabilities": {"tools": {}}, "serverInfo": about}
        reply = {"jsonrpc": "2.0", "id": request.message["id"], "result": {**result, "instructions": HOW}}
        headers = {}
        if self.has_sessions:
            self.sessions[session] = {"ready": False, "ids": set()}
            headers = {"Mcp-Session-Id": session}
        return Said(json.dumps(reply).encode(), headers=headers)

    def _other(self, request: Received) -> Said:
        session, last = request.headers.get("mcp-session-id", ""), request.headers.get("last-event-id", "")
        if HANDSHAKE not in self.speaks or (request.verb == "GET" and not last):
            return Said(status=405)
        if session not in self.sessions:
            return Said(status=404)
        if request.verb == "DELETE":
            del self.sessions[session]
            return Said(status=200)
        self.check(STREAM in request.headers.get("accept", ""), "a resumed stream is a stream")
        stream, _, number = last.rpartition("-")
        return Said(self._events(stream, int(number) + 1), STREAM)

    def _streamed(self, request: Received, stream: str | None, reply: Message) -> Said:
        return said(reply) if self.replies == "json" else Said([event(reply)], STREAM)

    # Both

    def _page(self, params: Message) -> Message:
        tools, size = list(self.tools.values()), self.page_size or len(self.tools)
        start = int(params.get("cursor", "at-0").removeprefix("at-"))
        more = {"nextCursor": f"at-{start + size}"} if start + size < len(tools) else {}
        return {"tools": tools[start : start + size], **more}

    def _run(self, request: Received, run: Run, *, stream: str) -> Said:
        if self.replies == "json":
            return self._result(request, _last(run))
        if stream and self.cut_after:
            # All is known before it is sent, so that what was cut can be sent again.
            messages = list(self._messages(request, run))
            self.streams[stream] = [{}, *messages]
            return Said(self._events(stream, 0), STREAM)
        return Said((event(message) for message in self._messages(request, run)), STREAM)

    def _events(self, stream: str, start: int) -> Iterator[bytes]:
        """Yields the events of a stream from one on, until it is cut; the first one only has an id."""
        for number, message in list(enumerate(self.streams[stream]))[start:]:
            if number - start >= self.cut_after:
                if self.retry_ms is not None:
                    yield f"retry: {self.retry_ms}\n\n".encode()
                yield CUT
            yield event(message or None, f"{stream}-{number}")

    def _messages(self, request: Received, run: Run) -> Iterator[Message]:
        while True:
            try:
                message = next(run)
            except StopIteration as ended:
                yield json.loads(bytes(self._result(request, ended.value).content))  # type: ignore[arg-type]
                return
            yield message

    def _result(self, request: Received, result: Message) -> Said:
        id = request.message["id"]
        is_modern = request.headers.get("mcp-protocol-version") == STATELESS
        about = {"resultType": "complete", "_meta": {f"{META}serverInfo": {"name": "stand-in", "version": "1"}}}
        return said({"jsonrpc": "2.0", "id": id, "result": {**(about if is_modern else {}), **result}})


def decoded(value: str) -> str:
    if value.startswith("=?base64?") and value.endswith("?="):
        return base64.b64decode(value[9:-2]).decode()
    return value


def _last(run: Run) -> Message:
    while True:
        try:
            next(run)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]


def progress(request: Received, value: float, words: str = "") -> Message:
    params = {"progressToken": request.meta.get("progressToken"), "progress": value, "message": words}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


# The tools


def echo(_: McpServer, request: Received) -> Run:
    yield progress(request, 1)
    return text(json.dumps(request.params.get("arguments"), sort_keys=True))


def add(_: McpServer, request: Received) -> Run:
    yield from ()
    numbers = request.params["arguments"]
    return {"content": [], "structuredContent": {"sum": numbers["a"] + numbers["b"]}}


def count_up(server: McpServer, request: Received) -> Run:
    server.counted += 1
    yield from ()
    return text(f"counted to {server.counted}")


def show(_: McpServer, __: Received) -> Run:
    yield from ()
    data = base64.b64encode(PIXEL).decode()
    contents = [
        {"type": "text", "text": "Here it is."},
        {"type": "image", "data": data, "mimeType": "image/png"},
        {
            "type": "resource",
            "resource": {"uri": "file:///notes/otters%20today.txt", "mimeType": "text/plain", "text": "They swim."},
        },
        {"type": "resource", "resource": {"uri": "file:///report.pdf", "mimeType": "application/pdf", "blob": data}},
        {"type": "resource_link", "uri": "file:///main.rs", "name": "main.rs"},
        {"type": "audio", "data": data, "mimeType": "audio/wav"},
    ]
    return {"content": contents}


def wait(server: McpServer, request: Received) -> Run:
    yield progress(request, 1, "Waiting")
    server.go_on.wait(30)
    return text("waited")


def fail(_: McpServer, __: Received) -> Run:
    yield from ()
    return text("The date must be in the future.", isError=True)


def book(server: McpServer, request: Received) -> Run:
    """Asks for how many, each kind of the protocol in its own way."""
    elicitation = {"message": "For how many?", "requestedSchema": BOOKING}
    if request.headers.get("mcp-protocol-version") == STATELESS:
        yield from ()
        if (response := request.params.get("inputResponses", {}).get("booking")) is None:
            asked = {"method": "elicitation/create", "params": {"mode": "form", **elicitation}}
            return {"resultType": "input_required", "inputRequests": {"booking": asked}, "requestState": "opaque\u00e9=="}
        server.check(request.params.get("requestState") == "opaque\u00e9==", "the state comes back as it was")
    else:
        id = f"e{len(server.answers)}"
        server.answers[id] = AsyncResult()
        yield {"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": elicitation}
        response = server.answers[id].get(timeout=60)["result"]
    if response["action"] != "accept":
        return text("Nothing was booked.", isError=True)
    return text(f"Booked: {json.dumps(response['content'], sort_keys=True)}")


BOOKING = {
    "type": "object",
    "properties": {
        "people": {"type": "integer", "title": "People", "minimum": 1, "maximum": 8},
        "room": {"type": "string", "oneOf": [{"const": "r1", "title": "Red"}, {"const": "b1", "title": "Blue"}], "default": "b1"},
        "extras": {"type": "array", "items": {"enum": ["tea", "coffee"]}, "maxItems": 1},
        "late": {"type": "boolean", "default": False},
        "name": {"type": "string", "maxLength": 20},
    },
    "required": ["people"],
}
ANY = {"type": "object"}
RUNS: dict[str, Callable[[McpServer, Received], Run]] = {
    "echo": echo, "add": add, "count": count_up, "show": show, "wait": wait, "fail": fail, "book": book, "regional": echo,
}  # fmt: skip
NUMBERS = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}
REGIONAL = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "number": {"type": "integer", "x-mcp-header": "Number"},
        "is_new": {"type": "boolean", "x-mcp-header": "Is-New"},
        "query": {"type": "string"},
    },
}
TOOLS: list[Message] = [
    {"name": "echo", "title": "Echo", "description": "Says it again.", "inputSchema": ANY, "annotations": {"readOnlyHint": True}},
    {"name": "add", "description": "Adds two numbers.", "inputSchema": NUMBERS, "annotations": {"idempotentHint": True}},
    {
        "name": "count",
        "description": "Counts.",
        "inputSchema": ANY,
        "annotations": {"title": "Count up", "destructiveHint": False},
    },
    {"name": "show", "description": "Shows everything.", "inputSchema": ANY},
    {"name": "wait", "description": "Waits.", "inputSchema": ANY},
    {"name": "fail", "description": "Fails.", "inputSchema": ANY},
    {"name": "book", "description": "Books a room.", "inputSchema": ANY},
    {"name": "regional", "description": "Is routed by its arguments.", "inputSchema": REGIONAL},
]
