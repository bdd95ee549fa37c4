"""Smoke test of the five compatibility APIs: each sends, is cut off, falls back, keeps context and session, and cancels."""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from webapp.base.untrusted_json import JsonObject
from webapp.guests.client_tools.remote import Remote, Unexpected
from webapp.guests.client_tools.smoke import PAUSE_SECONDS, QUESTION, CheckResult, Pause, tried
from webapp.models.upstream import Body
from webapp.streaming.codec import SseMessage

# What each line is about, and what to expect there.
EXPECTED = {
    "whole": "the text of all events is the text that is stored",
    "cut": "the answer continues without its reader and is stored whole",
    "fallback": "another model's answer and a notice of it, or an error and the closing event",
    "context": "the model is sent what was said before",
    "session": "a second message goes into the same session",
    "cancel": "the stream ends at once, and its text is kept",
}
EXPECTED_OF_PLANS = {
    "whole": "the plan of the last event is the plan that is stored",
    "cut": "what was written without a reader is kept: after 10 s the plan is stopped, unless it was complete before",
    "fallback": EXPECTED["fallback"],
    "context": "the plan contains the goal that was entered",
    "session": "the same inputs give a second plan",
    "cancel": EXPECTED["cancel"],
}
# Demo models that fail always, and that return the request as their answer.
FAILS, ECHOES = "demo/rate-limited", "demo/echo"
# How long an answer can go on after it was cancelled, and after its reader has left.
CANCEL_SECONDS, END_SECONDS = 10.0, 120.0
# A server that asks for a longer wait than a limit per minute can take is not waited for.
MOST_WAIT_SECONDS, MOST_WAITS = 60, 5
Event = Mapping[str, Any]


class LeftOut(Exception):
    """The check can't be made here; says why."""


@dataclass(frozen=True, slots=True)
class ChatDialect:
    """A dialect of chats: where and what it sends, and what its events say, of which `data` is parsed.

    `begins` says whether a message without a session begins one; `session` returns its id from an event, if it is there.
    """

    name: str
    path: str
    body: Callable[[str, str], JsonObject]
    text: Callable[[str, Event], str]
    session: Callable[[Event], str]
    closing: str
    begins: bool = False


DIALECTS = (
    ChatDialect(
        "roleplay",
        "/api/messages/addUserMessageStreamingMode",
        lambda chat, text: {"chatSessionId": chat, "message": text},
        lambda kind, data: data["content"] if kind == "chunk" else data["partialMessage"] if kind == "state" else "",
        lambda data: "",
        "end",
    ),
    ChatDialect(
        "quick chat",
        "/api/chat/stream",
        lambda chat, text: {"message": text, **({"chatId": chat} if chat else {})},
        lambda kind, data: data["content"] if kind == "message" else "",
        lambda data: data.get("chatId", ""),
        "complete",
        begins=True,
    ),
    ChatDialect(
        "threads",
        "/threads/{chat}/messages/stream",
        lambda chat, text: {"content": text},
        lambda kind, data: data["data"]["content"] if kind == "ai_response" else "",
        lambda data: "",
        "done",
    ),
    ChatDialect(
        "assistant",
        "/ai/chat/stream",
        lambda chat, text: {"message": text, **({"session_id": chat} if chat else {})},
        lambda kind, data: data["content"] if kind == "token" else "",
        lambda data: data.get("session_id", ""),
        "stream_end",
        begins=True,
    ),
)


def checks(remote: Remote, *, pause: Pause) -> Iterator[CheckResult]:
    """Runs the checks of each dialect one after the other, and deletes the chats that they created."""
    for dialect in DIALECTS:
        trial = ChatTrial(remote, dialect, pause)
        for name in EXPECTED:
            yield _checked(f"{dialect.name}, {name} (expect: {EXPECTED[name]})", getattr(trial, name))
        yield tried(f"{dialect.name}, tidying up", trial.delete)
    plans = PlanTrial(remote, pause)
    for name, expected in EXPECTED_OF_PLANS.items():
        yield _checked(f"plans, {name} (expect: {expected})", getattr(plans, name))


def _checked(name: str, check: Callable[[], str]) -> CheckResult:
    try:
        return tried(name, check)
    except LeftOut as why:
        return CheckResult(name, None, str(why))


class ChatTrial:
    """Tries a dialect of chats, in one session from its first check on."""

    def __init__(self, remote: Remote, dialect: ChatDialect, pause: Pause) -> None:
        self._remote, self._dialect, self._pause = remote, dialect, pause
        self._chat = self._word = ""

    def whole(self) -> str:
        if not self._dialect.begins:
            self._chat = self._remote.json("POST", "/chat/threads", expects=201, title="Smoke test")["thread"]["id"]
        self._word = f"HERON{token_hex(3)}"
        text, closing = self._asked(f"{QUESTION} Remember the word {self._word}.")
        stored = self._last()
        if not text or (text, stored["status"]) != (stored["content"], "completed"):
            raise Unexpected(f"{len(text)} characters came, {len(stored['content'])} are stored as {stored['status']}")
        return f"{len(text)} characters, then {closing}"

    def cut(self) -> str:
        received = ""
        with self._opened(QUESTION) as events:
            for kind, data in events:
                received += self._dialect.text(kind, data)
                if received:
                    break
        stored = self._ended(END_SECONDS)
        if stored["status"] != "completed" or not stored["content"].startswith(received):
            raise Unexpected(f"the answer was stored as {stored['status']}")
        return f"dropped after {len(received)} characters, {len(stored['content'])} are stored"

    def fallback(self) -> str:
        with self._using(FAILS) as is_there:
            if not is_there:
                raise LeftOut(f"only the demo has a model that fails on purpose ({FAILS})")
            text, closing = self._asked("Hello")
        stored = self._last()
        return f"{len(text)} characters, stored as {stored['status']}, then {closing}"

    def context(self) -> str:
        with self._using(ECHOES):
            text, _ = self._asked("Which word did I ask you to remember? Answer with this word alone.")
        if self._word not in text:
            raise Unexpected(f"the answer doesn't contain {self._word}: {text[:200]}")
        return f"the answer contains {self._word}"

    def session(self) -> str:
        before = self._messages()
        session_id = self._chat
        self._asked("Thank you")
        added = self._messages()[len(before) :]
        if self._chat != session_id or [message["role"] for message in added] != ["user", "assistant"]:
            raise Unexpected(f"{len(added)} messages were added to {session_id}")
        return f"{len(before)} messages became {len(before) + 2} in {session_id}"

    def cancel(self) -> str:
        began_at, is_cancelled, received, closing = time.monotonic(), False, "", ""
        with self._opened(QUESTION) as events:
            for closing, data in events:
                received += self._dialect.text(closing, data)
                if received and not is_cancelled:
                    began_at, is_cancelled = time.monotonic(), True
                    self._remote.json("POST", f"/api/chat/{self._chat}/stream/cancel", expects=200)
        seconds = time.monotonic() - began_at
        stored = self._ended(CANCEL_SECONDS)
        if stored["status"] != "stopped" or stored["content"] != received or closing != self._dialect.closing:
            raise Unexpected(f"after {seconds:.1f} s the last event was {closing}, and the answer is {stored['status']}")
        return f"{len(stored['content'])} characters are stored, over after {seconds:.2f} s"

    def delete(self) -> str:
        self._remote.json("DELETE", f"/api/v1/chats/{self._chat}", expects=204)
        return "its chat is in the trash"

    def _asked(self, text: str) -> tuple[str, str]:
        """Returns the text of an answer and the type of its last event, which must be the closing one."""
        received = closing = ""
        with self._opened(text) as events:
            for closing, data in events:
                received += self._dialect.text(closing, data)
                self._chat = self._chat or self._dialect.session(data)
        if closing != self._dialect.closing:
            raise Unexpected(f"the last event was {closing or 'none'}, not {self._dialect.closing}")
        return received, closing

    @contextmanager
    def _opened(self, text: str) -> Iterator[Iterator[tuple[str, Event]]]:
        path, body = self._dialect.path.format(chat=self._chat), self._dialect.body(self._chat, text)
        with _streaming(self._remote, self._pause, path, body) as reply:
            yield map(_parsed, self._remote.events(reply))

    @contextmanager
    def _using(self, model: str) -> Iterator[bool]:
        """Lets the chat use another model inside the block; yields False, and changes nothing, if the server lacks it."""
        path = f"/api/v1/chats/{self._chat}"
        before = self._remote.json("GET", path, expects=200)["model"]
        try:
            self._remote.json("PATCH", path, expects=200, model=model)
        except Unexpected:
            yield False
            return
        try:
            yield True
        finally:
            self._remote.json("PATCH", path, expects=200, model=before)

    def _messages(self) -> list[JsonObject]:
        messages: list[JsonObject] = self._remote.json("GET", f"/api/v1/chats/{self._chat}/messages", expects=200)["messages"]
        return messages

    def _last(self) -> JsonObject:
        return self._messages()[-1]

    def _ended(self, seconds: float) -> JsonObject:
        return _awaited(self._last, lambda generation: generation["status"] not in ("queued", "running"), seconds, self._pause)


class PlanTrial:
    """Tries the dialect of plans, with one set of inputs."""

    def __init__(self, remote: Remote, pause: Pause) -> None:
        self._remote, self._pause = remote, pause
        self._word, self._inputs, self._first = f"HERON{token_hex(3)}", "", ""

    def whole(self) -> str:
        goals = [f"Learn about {self._word}"]
        self._inputs = self._remote.json("POST", "/api/plan/inputs", expects=201, goals=goals)["preferenceId"]
        *_, (kind, data) = self._events()
        stored = self._state(data["planId"])
        if kind != "complete" or (stored["status"], stored["partial"]) != ("completed", data["plan"]):
            raise Unexpected(f"the last event was {kind}, and the plan is stored as {stored['status']}")
        self._first = data["planId"]
        return f"{stored['progress']['weeksCompleted']} weeks, {stored['progress']['chars']} characters"

    def cut(self) -> str:
        events = self._events()
        _, data = next(events)
        next(events)
        events.close()
        stored = self._ended(data["planId"], END_SECONDS)
        is_stopped = stored["error"] and stored["error"]["code"] == "client_disconnected" and stored["partial"]
        if stored["status"] != "completed" and not is_stopped:
            raise Unexpected(f"the plan is stored as {stored['status']}")
        return f"{stored['status']} with {stored['progress']['weeksCompleted']} weeks"

    def fallback(self) -> str:
        raise LeftOut("a plan is written by your default model; make one that fails your default to see its fallback")

    def context(self) -> str:
        if self._word not in json.dumps(self._state(self._first)["partial"]):
            raise Unexpected(f"the plan doesn't contain {self._word}")
        return f"the plan contains {self._word}"

    def session(self) -> str:
        *_, (_, data) = self._events()
        if data["planId"] == self._first or self._state(self._first)["status"] != "completed":
            raise Unexpected(f"the inputs {self._inputs} gave {data['planId']}, and {self._first} has changed")
        return f"{self._inputs} gave two plans"

    def cancel(self) -> str:
        id, began_at, is_cancelled, closing = "", time.monotonic(), False, ""
        for event in self._events():
            closing, data = event
            id = data["planId"]
            if not is_cancelled and data.get("partial"):
                began_at, is_cancelled = time.monotonic(), True
                self._remote.json("DELETE", f"/api/streaming/cancel/{id}", expects=202)
        seconds = time.monotonic() - began_at
        stored = self._ended(id, CANCEL_SECONDS)
        if closing != "error" or stored["status"] not in ("partial", "failed") or seconds > CANCEL_SECONDS:
            raise Unexpected(f"after {seconds:.1f} s the last event was {closing}, and the plan is {stored['status']}")
        return f"stored as {stored['status']}, over after {seconds:.2f} s"

    def _events(self) -> Generator[tuple[str, Event], None, None]:
        with _streaming(self._remote, self._pause, "/api/streaming/generate-plan", {"preferenceId": self._inputs}) as reply:
            yield from map(_parsed, self._remote.events(reply))

    def _state(self, id: str) -> JsonObject:
        return self._remote.json("GET", f"/api/streaming/status/{id}", expects=200)

    def _ended(self, id: str, seconds: float) -> JsonObject:
        return _awaited(lambda: self._state(id), lambda state: state["status"] != "generating", seconds, self._pause)


@contextmanager
def _streaming(remote: Remote, pause: Pause, path: str, body: Mapping[str, Any]) -> Iterator[Body]:
    """Yields the reply to a request that streams; waits where a rate limit says how long."""
    for attempt in range(MOST_WAITS + 1):
        with remote.opened("POST", path, body=body, headers={"Accept": "text/event-stream"}) as reply:
            wait_seconds = int(reply.headers.get("retry-after", 0)) if reply.status == 429 else 0
            if not 0 < wait_seconds <= MOST_WAIT_SECONDS or attempt == MOST_WAITS:
                yield reply
                return
        pause(wait_seconds)


def _awaited(read: Callable[[], JsonObject], is_over: Callable[[JsonObject], bool], seconds: float, pause: Pause) -> JsonObject:
    began_at = time.monotonic()
    while not is_over(state := read()):
        if time.monotonic() - began_at > seconds:
            raise Unexpected(f"it was still running after {seconds:.0f} s")
        pause(PAUSE_SECONDS)
    return state


def _parsed(message: SseMessage) -> tuple[str, Event]:
    data = json.loads(message.data)
    return str(data.get("type", message.event)), data
