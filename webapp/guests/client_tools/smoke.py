"""Smoke test of a Millrace server through its API: sends, streams, reconnects, stops."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from webapp.guests.client_tools.remote import Remote, Unexpected
from webapp.models.providers.base import ProviderError
from webapp.models.upstream import Stopped

QUESTION = "Tell me at length how a water mill works."
STOP_SECONDS = 10.0
PAUSE_SECONDS = 0.1


Pause = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check; `is_ok` is None for one that can't be made on this server."""

    name: str
    is_ok: bool | None
    words: str


def checks(remote: Remote, *, has_token: bool, pause: Pause) -> Iterator[CheckResult]:
    """Runs the checks one after the other, and deletes the chat that they created."""
    yield tried("is alive", lambda: _alive(remote))
    if not has_token:
        yield tried("answers visitors", lambda: _visit(remote))
        return
    try:
        thread = remote.json("POST", "/chat/threads", expects=201, title="Smoke test")["thread"]["id"]
    except (Unexpected, ProviderError, LookupError, TypeError, ValueError) as error:
        yield CheckResult("creates a chat", False, str(error))
        return
    yield tried("sends and streams", lambda: _stream(remote, thread))
    yield tried("reconnects", lambda: _come_again(remote, thread))
    yield tried("stops", lambda: _stop(remote, thread, pause))
    yield tried("tidies up", lambda: _delete(remote, thread))


def tried(name: str, check: Callable[[], str]) -> CheckResult:
    """Makes a check and returns its words or, if it fails, those of the error."""
    try:
        return CheckResult(name, True, check())
    except (Unexpected, ProviderError, Stopped, LookupError, TypeError, ValueError) as error:
        return CheckResult(name, False, str(error) or type(error).__name__)


def _alive(remote: Remote) -> str:
    with remote.opened("GET", "/healthz") as reply:
        if reply.status != 200:
            raise Unexpected(f"/healthz answered {reply.status}")
    return "/healthz answers"


def _visit(remote: Remote) -> str:
    with remote.opened("POST", "/api/chat/stream", body={"message": "Hello"}) as reply:
        events = [json.loads(message.data) for message in remote.events(reply)]
    text = "".join(event.get("content", "") for event in events)
    if not text or events[-1].get("status") != "completed":
        raise Unexpected(f"the stream ended with {events[-1] if events else 'nothing'}")
    return f"{len(events)} events, {len(text)} characters; use --token for more checks"


def _stream(remote: Remote, thread: str) -> str:
    began_at, first_at, text, last = time.monotonic(), 0.0, "", ""
    with remote.opened("POST", f"/threads/{thread}/messages/stream", body={"content": QUESTION}) as reply:
        for message in remote.events(reply):
            event = json.loads(message.data)
            last = event["type"]
            if last == "error":
                raise Unexpected(event["data"]["error"])
            if last == "ai_response":
                first_at = first_at or time.monotonic()
                text += event["data"]["content"]
    if last != "done" or text != _stored(remote, thread):
        raise Unexpected(f"the stream ended with {last or 'nothing'}, and its text doesn't match what is stored")
    return f"{len(text)} characters, the first after {first_at - began_at:.2f} s, all after {time.monotonic() - began_at:.2f} s"


def _come_again(remote: Remote, thread: str) -> str:
    """Reads the start of an answer, drops the connection, and reads the rest on another from the same position."""
    stream_id = _begin(remote, thread)
    path = f"/api/v1/generations/{stream_id}/events"
    received, last_id = "", ""
    with remote.opened("GET", path) as reply:
        for message in remote.events(reply):
            received, last_id = received + _delta(message.event, message.data), message.id
            if received:
                break
    with remote.opened("GET", path, headers={"Last-Event-ID": last_id}) as reply:
        rest = "".join(_delta(message.event, message.data) for message in remote.events(reply))
    if received + rest != _stored(remote, thread):
        raise Unexpected("the text from two connections doesn't match what is stored")
    return f"{len(received)} characters, dropped at {last_id}, {len(rest)} more characters, nothing lost or duplicated"


def _stop(remote: Remote, thread: str, pause: Pause) -> str:
    _begin(remote, thread)
    first = remote.json("POST", f"/api/chat/{thread}/stream/cancel", expects=200)
    remote.json("POST", f"/api/chat/{thread}/stream/cancel", expects=200)
    began_at = time.monotonic()
    while remote.json("GET", f"/api/chat/{thread}/stream/status", expects=200)["isStreaming"]:
        if time.monotonic() - began_at > STOP_SECONDS:
            raise Unexpected(f"it continued for {STOP_SECONDS:.0f} s after it was stopped")
        pause(PAUSE_SECONDS)
    return f"{first['status']}, over after {time.monotonic() - began_at:.2f} s, and stopping again changed nothing"


def _delete(remote: Remote, thread: str) -> str:
    remote.json("DELETE", f"/api/v1/chats/{thread}", expects=204)
    return "its chat is in the trash"


def _begin(remote: Remote, thread: str) -> str:
    body = {"chatSessionId": thread, "message": QUESTION}
    reply = remote.json("POST", "/api/messages/addUserMessageStreamingMode", expects=202, **body)
    return str(reply["streamId"])


def _stored(remote: Remote, thread: str) -> str:
    return str(remote.json("GET", f"/chat/threads/{thread}/messages?limit=1", expects=200)["messages"][-1]["content"])


def _delta(event: str, data: str) -> str:
    return str(json.loads(data)["text"]) if event == "delta" else ""
