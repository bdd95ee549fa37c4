"""One request to a tool server and its reply, over Streamable HTTP: as JSON or as a stream, resumed, cancelled and bounded."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from random import SystemRandom
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from webapp.base.heavy.turns import TimeSlice, give_way
from webapp.base.untrusted_json import JsonObject
from webapp.base.visible_text import line_of
from webapp.models.upstream import Body, Stopped, Trust, Upstream
from webapp.models.upstream.bounded_json import exceeds
from webapp.models.upstream.large_replies import read_in_thread
from webapp.streaming.codec import LineTooLong, SseDecoder
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Signal
from webapp.tools.mcp.elicitation import digest_of
from webapp.tools.tool import ToolFailed

# The version without sessions, and those that begin with a handshake, the newest first.
STATELESS, WITH_HANDSHAKE = "2026-07-28", ("2025-11-25", "2025-06-18", "2025-03-26")
MOST_BYTES, MOST_ERROR_BYTES, MOST_PARTS = 8 * 1024 * 1024, 64 * 1024, 200_000
MOST_MESSAGES, MOST_QUESTIONS, MOST_RESUMPTIONS = 20_000, 50, 50
MOST_SESSION, MOST_EVENT_ID = 1_000, 1_000
ERROR_SECONDS, SIDE_SECONDS = 5.0, 10.0
# What a server may say of the wait before a stream is resumed.
LEAST_RESUME_SECONDS, MOST_RESUME_SECONDS = 0.1, 30.0
# How long a reply is waited for after a request that cannot be answered.
UNANSWERED_SECONDS = 3.0
METHOD_NOT_FOUND = -32601
STOPPED = "The answer was stopped."
ACCEPT = {"Accept": "application/json, text/event-stream"}
# A gateway that has lost the reply of the server behind it.
LOST_STATUSES = (502, 504)
_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class Server:
    """What is needed to speak with a tool server.

    `headers` are sent with each request, with a token if there is one. `version` is the protocol's, as agreed before, or empty to
    find out. `session` belongs to the versions with a handshake: the id of an open one, if there is any. `trust` says who has
    entered the address, and so whether it may be in this network.
    """

    address: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: str = ""
    session: str = field(default="", repr=False)
    trust: Trust = "public"
    label: str = ""

    @property
    def name(self) -> str:
        """The name of the server in sentences."""
        return self.label or urlsplit(self.address).hostname or "The server"


class SignInRequired(Exception):
    """The server wants a person to sign in, or to allow more; `challenge` is its `WWW-Authenticate`."""

    def __init__(self, message: str, challenge: str = "", *, needs_more: bool = False) -> None:
        super().__init__(message)
        self.message, self.challenge, self.needs_more = message, challenge, needs_more


class ConnectionLost(ToolFailed):
    """The connection was lost before the reply."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_unknown=True)


class ServerRefusal(Exception):
    """The server has answered with an error, so that it did nothing: an HTTP status, the code of a JSON-RPC error, or both."""

    def __init__(self, status: int, code: int | None = None, message: str = "", data: Any = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.data = status, code, message, data

    @property
    def is_of_session(self) -> bool:
        """Whether the server no longer knows the session; some say so by another status than the specification."""
        return self.status == 404 or (self.status == 400 and "session" in self.message.lower())

    def sentence(self, name: str) -> str:
        if self.message:
            return f"{name} reported an error: {self.message}"
        words = {
            403: "refuses access",
            404: "has no tools at this address",
            405: "has no tools at this address",
            429: "gets too many requests",
        }
        return f"{name} {words.get(self.status, 'reported an error')} (HTTP {self.status})."


@dataclass(frozen=True, slots=True)
class Times:
    """How many seconds each thing may take: a call without and with progress, and the waits before something is sent again."""

    handshake: float = 20.0
    listing: float = 30.0
    call: float = 60.0
    most_call: float = 600.0
    again: float = 1.0
    resume: float = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a server. Its reply must come within `seconds`, or `most_seconds` while the server reports progress."""

    method: str
    params: Mapping[str, Any]
    seconds: float
    most_seconds: float = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    resume_seconds: float = 1.0


class Exchange:
    """Sends requests to a server, one after another."""

    def __init__(
        self,
        upstream: Upstream,
        server: Server,
        stop: Stop,
        *,
        spawn: Callable[[Callable[[], object]], object],
        signal: Callable[[], Signal],
    ) -> None:
        self.server, self.version, self.session = server, server.version, server.session
        # What the server has asked a person during a request without getting an answer, and the answers that there are already.
        self.questions: list[Any] = []
        self.answers: JsonObject = {}
        # Asks a person while the request is open; None if there is no answer in time. What that takes is no time of the server.
        self.ask_person: Callable[[Any], JsonObject | None] = lambda _: None
        self.asking_seconds = 0.0
        self._given = set[str]()
        self.stop = stop
        self._upstream, self._spawn, self._signal = upstream, spawn, signal
        self._secrets = [word for value in server.headers.values() for word in value.split() if len(word) >= 8]

    def ask(self, request: Request) -> JsonObject:
        """Returns the result of a request.

        Raises `Refusal`, `SignInRequired`, or `ToolFailed`, whose `is_unknown` says that the request was sent, and no reply seen.
        """
        id, self._given = _random.getrandbits(48), set()
        meta = {**request.params.get("_meta", {}), "progressToken": id}
        message = {"jsonrpc": "2.0", "id": id, "method": request.method, "params": {**request.params, "_meta": meta}}
        return _Wait(self, id, request).result(message, {**self.own_headers(request.method), **request.headers})

    def tell(self, method: str) -> None:
        """Sends a notification."""
        with self._sent({"jsonrpc": "2.0", "method": method}, self.own_headers(method), SIDE_SECONDS) as body:
            self.refuse(body)

    def end_session(self) -> None:
        """Tells the server that the session is over, without waiting for it."""
        if self.session:
            self._spawn(partial(self._aside, "DELETE", None, self.own_headers("")))

    def own_headers(self, method: str) -> dict[str, str]:
        headers = {"MCP-Protocol-Version": self.version} if self.version and method != "initialize" else {}
        if self.version == STATELESS:
            return {**headers, "Mcp-Method": method}
        return {**headers, "Mcp-Session-Id": self.session} if self.session and method != "initialize" else headers

    def answer(self, message: Mapping[str, Any]) -> None:
        """Answers a request of the server. It gets models and folders from nowhere, and from people what is known already."""
        method, reply = message.get("method"), {"jsonrpc": "2.0", "id": message.get("id")}
        if method == "ping":
            reply["result"] = {}
        elif method == "elicitation/create":
            reply["result"] = self._answer_to(message.get("params"))
        else:
            reply["error"] = {"code": METHOD_NOT_FOUND, "message": "This client doesn't offer that."}
        # What a stop means for the request is said where its reply is read.
        with suppress(ProviderError, ToolFailed), self._sent(reply, self.own_headers(""), SIDE_SECONDS):
            pass

    def _answer_to(self, params: Any) -> Any:
        """Returns what a person answers to this, or has answered before, or that there is no answer."""
        digest = digest_of(params)
        if digest in self.answers and digest not in self._given:
            self._given.add(digest)
            return self.answers[digest]
        began = monotonic()
        response = self.ask_person(params) if digest else None
        self.asking_seconds += monotonic() - began
        if response is None:
            self.questions.append(params)
            return {"action": "cancel"}
        self._given.add(digest)
        self.answers[digest] = response
        return response

    def cancel(self, id: int, reason: str) -> None:
        """Tells the server that a request is given up, without waiting for it; without sessions, the closed stream says so."""
        if self.version == STATELESS:
            return
        params = {"requestId": id, "reason": reason}
        message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        self._spawn(partial(self._aside, "POST", message, self.own_headers("")))

    def refuse(self, body: Body) -> None:
        """Raises what an unsuccessful status says."""
        if 200 <= body.status < 300:
            return
        challenge = body.headers.get("WWW-Authenticate", "")[:8_000]
        needs_more = body.status == 403 and "insufficient_scope" in challenge
        if body.status == 401 or needs_more:
            words = "wants you to allow more" if needs_more else "wants you to sign in"
            raise SignInRequired(f"{self.server.name} {words}.", challenge, needs_more=needs_more)
        if 300 <= body.status < 400:
            raise ToolFailed(f"{self.server.name} redirects to another address. Enter the final address in the settings.")
        content, messages = b"", list[Any]()
        body.within(ERROR_SECONDS, quietly=True)
        with suppress(ProviderError, UnreadableMessage):
            content = body.read_all(MOST_ERROR_BYTES)
            messages = messages_of(content)
        errors = [message["error"] for message in messages if isinstance(message.get("error"), dict)]
        raise self.refusal(body.status, errors[0] if errors else {})

    def refusal(self, status: int, error: Mapping[str, Any]) -> ServerRefusal:
        code, words = error.get("code"), error.get("message")
        words = line_of(self.without_secrets(words[:10_000]), 500) if isinstance(words, str) else ""
        return ServerRefusal(status, code if isinstance(code, int) else None, words, error.get("data"))

    def without_secrets(self, text: str) -> str:
        """Returns a text of the server without what is in our headers, such as a token, which callers of tools must not see."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def opened(
        self, method: str, message: Any, headers: Mapping[str, str], stop: Stop, seconds: float
    ) -> AbstractContextManager[Body]:
        """Opens a reply; ours win over the server's fixed headers."""
        return self._upstream.open(
            method,
            self.server.address,
            stop=stop,
            headers={**self.server.headers, **ACCEPT, **headers},
            json=message,
            first_byte_seconds=max(0.1, seconds),
            trust=self.server.trust,
            label=self.server.name,
            takes_detours=True,
        )

    @contextmanager
    def _sent(self, message: Any, headers: Mapping[str, str], seconds: float) -> Iterator[Body]:
        try:
            with self.opened("POST", message, headers, self.stop, seconds) as body:
                yield body
        except Stopped:
            raise ToolFailed(STOPPED) from None

    def _aside(self, method: str, message: Any, headers: Mapping[str, str]) -> None:
        """Sends something whose outcome changes nothing, with a stop of its own: the request's may be why it is sent."""
        with suppress(ProviderError, Stopped), self.opened(method, message, headers, Stop(self._signal), SIDE_SECONDS):
            pass


class _Wait:
    """The wait for one reply: reads until it is there, resumes a stream that was cut, and gives up in time."""

    def __init__(self, exchange: Exchange, id: int, request: Request) -> None:
        now = monotonic()
        self._exchange, self._id, self._name, self._seconds = exchange, id, exchange.server.name, request.seconds
        self._until, self._most_until = now + request.seconds, now + max(request.seconds, request.most_seconds)
        self._is_handshake, self._ended = request.method == "initialize", f"{self._name} ended the connection without a reply."
        self._bytes = self._messages = self._questions = 0
        self._progress, self._asked_before = float("-inf"), exchange.asking_seconds
        self._event_id, self._resume_seconds = "", request.resume_seconds
        self._time_slice = TimeSlice(give_way)

    def result(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> JsonObject:
        if self._exchange.stop:
            raise ToolFailed(STOPPED)
        reply = self._reply("POST", message, headers)
        for _ in range(MOST_RESUMPTIONS):
            if reply is not None:
                break
            reply = self._resumed()
        if reply is None:
            raise ConnectionLost(self._ended)
        result, error = reply.get("result"), reply.get("error")
        if isinstance(error, dict):
            raise self._exchange.refusal(200, error)
        if not isinstance(result, dict):
            raise self._lost("sent a reply that can't be understood")
        return result

    def _reply(self, method: str, message: Any, headers: Mapping[str, str]) -> JsonObject | None:
        """Returns the reply, or None if the stream ended before it."""
        try:
            with self._exchange.opened(method, message, headers, self._exchange.stop, self._left()) as body:
                return self._read(body, is_resumed=method == "GET")
        except Stopped:
            raise self._given_up("The answer was stopped", STOPPED) from None
        except ProviderError as error:
            if error.of_connection and method == "POST":
                raise ToolFailed(error.message) from error
            if error.code == "stall":
                raise self._given_up("No reply in time", f"{self._name} didn't reply in time.") from error
            if self._event_id and (error.code == "cut" or error.of_connection):
                return None
            if error.code == "cut":
                raise ConnectionLost(error.message) from error
            raise ToolFailed(error.message, is_unknown=True) from error

    def _read(self, body: Body, *, is_resumed: bool) -> JsonObject | None:
        if is_resumed and not 200 <= body.status < 300:
            raise ConnectionLost(f"{self._name} lost the reply.")
        self._exchange.refuse(body)
        if self._is_handshake and (session := body.headers.get("Mcp-Session-Id", "")):
            self._keep_session(session)
        body.within(self._left())
        if body.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/event-stream":
            return self._streamed(body)
        content = body.read_all(MOST_BYTES)
        try:
            messages = messages_of(content)
        except UnreadableMessage:
            is_page = content.lstrip()[:1] == b"<"
            raise self._lost("sent a web page instead of a reply" if is_page else "sent no valid reply") from None
        if reply := self._among(messages):
            return reply
        # What couldn't be read has no id.
        error = next((message for message in messages if message.get("error") and message.get("id") is None), None)
        if not error:
            raise self._lost("sent a reply to something else" if messages else "sent no reply")
        return error

    def _streamed(self, body: Body) -> JsonObject | None:
        decoder = SseDecoder(max_chars=MOST_BYTES)
        try:
            for chunk in body.chunks():
                self._count(len(chunk))
                for event in decoder.feed(chunk):
                    self._time_slice.check()
                    if event.event != "message" or not event.data:
                        continue
                    if reply := self._among(messages_of(event.data.encode("utf-8", "surrogatepass"))):
                        return reply
                body.within(self._left())
        except LineTooLong:
            raise self._lost(f"sent a reply larger than {MOST_BYTES >> 20} MB") from None
        except UnreadableMessage:
            raise self._lost("sent a message that can't be understood") from None
        finally:
            self._note(decoder)
        if self._exchange.stop:
            raise Stopped
        return None

    def _resumed(self) -> JsonObject | None:
        """Asks for the rest of a stream that was cut, where the server numbers its events."""
        exchange = self._exchange
        if not self._event_id or exchange.version == STATELESS:
            raise ConnectionLost(self._ended)
        if exchange.stop.wait(min(self._resume_seconds, self._left())):
            raise self._given_up("The answer was stopped", STOPPED)
        if self._left() <= 0:
            raise self._given_up("No reply in time", f"{self._name} didn't reply in time.")
        headers = {**exchange.own_headers(""), "Last-Event-ID": self._event_id, "Accept": "text/event-stream"}
        return self._reply("GET", None, headers)

    def _among(self, messages: list[JsonObject]) -> JsonObject | None:
        """Returns our reply if it is among the messages; answers what the server asks, and ignores what was not asked."""
        for message in messages:
            self._messages += 1
            if self._messages > MOST_MESSAGES:
                raise self._lost("sent too many messages without a reply")
            if "method" not in message:
                if message.get("id") == self._id:
                    return message
            elif "id" not in message:
                self._take_note(message)
            elif self._exchange.version == STATELESS:
                # This version has no way to answer: a server that waits for it never replies.
                self._until = min(self._until, monotonic() + UNANSWERED_SECONDS)
            else:
                self._questions += 1
                if self._questions > MOST_QUESTIONS or self._left() <= 0:
                    raise self._lost("asked too much without a reply")
                self._exchange.answer(message)
        return None

    def _take_note(self, message: Mapping[str, Any]) -> None:
        """Gives the server more time if it says that it has made progress with our request."""
        params = message.get("params")
        if message.get("method") != "notifications/progress" or not isinstance(params, dict):
            return
        progress = params.get("progress")
        if not isinstance(progress, int | float) or params.get("progressToken") != self._id:
            return
        if progress > self._progress:
            self._progress = progress
            self._until = min(monotonic() + self._seconds, self._most_until)

    def _note(self, decoder: SseDecoder) -> None:
        if 0 < len(decoder.last_event_id) <= MOST_EVENT_ID and decoder.last_event_id.isprintable():
            self._event_id = decoder.last_event_id
        if decoder.retry_ms is not None:
            self._resume_seconds = min(max(decoder.retry_ms / 1000, LEAST_RESUME_SECONDS), MOST_RESUME_SECONDS)

    def _keep_session(self, session: str) -> None:
        if len(session) > MOST_SESSION or not all("!" <= letter <= "~" for letter in session):
            raise self._lost("sent a session that can't be used")
        self._exchange.session = session

    def _count(self, length: int) -> None:
        self._bytes += length
        if self._bytes > MOST_BYTES:
            raise self._lost(f"sent more than {MOST_BYTES >> 20} MB")

    def _left(self) -> float:
        return self._until + self._exchange.asking_seconds - self._asked_before - monotonic()

    def _given_up(self, reason: str, words: str) -> ToolFailed:
        """Gives up the reply, and tells the server."""
        if not self._is_handshake:
            self._exchange.cancel(self._id, reason)
        return ToolFailed(words, is_unknown=True)

    def _lost(self, words: str) -> ToolFailed:
        return ToolFailed(f"{self._name} {words}.", is_unknown=True)


class UnreadableMessage(ValueError):
    """What a server sent is no JSON-RPC message."""


def messages_of(content: bytes) -> list[JsonObject]:
    """Returns the messages in a text: one, or a list of them; raises `UnreadableMessage`."""
    value = read_in_thread(_value, content)
    messages = value if isinstance(value, list) else [value]
    if not all(isinstance(message, dict) for message in messages):
        raise UnreadableMessage
    return messages


def _value(content: bytes) -> Any:
    try:
        text = content.decode("utf-8-sig")
        if exceeds(text, MOST_PARTS):
            return None
        # Not `bounded_json`, whose numbers are decimals: what is read here is written again, as a schema and as text.
        return json.loads(text, parse_constant=_refuse, parse_float=_number)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number")


def _number(text: str) -> float:
    number = float(text)
    return number if abs(number) != float("inf") else _refuse(text)
