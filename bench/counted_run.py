"""One answer of a benchmark that kills its server: begun, read, decided about and continued as a person would, then judged."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.browsing import JSON, NOTHING, Browser, Stream
from bench.scripted_model import ONCE, TOOLS, script, whole_text

# What ends a request when the server dies: no connection, half a head, half a body.
CUT = (OSError, EOFError, ValueError, IndexError, TimeoutError)
REQUEST_SECONDS, LOOK_SECONDS, AGAIN_SECONDS = 15.0, 0.5, 0.2
# How long nothing may happen to a run that no one disturbs.
STUCK_SECONDS = 60.0
# From this time on, a run that has not ended is named in the output.
LATE_SECONDS = 10.0
# How often the server continues an answer by itself; after that a person does.
RESTARTS = 2
# How long an answer that was cut off is left to the server before a person continues it although it should.
PATIENCE_SECONDS = 25.0
LEFT, DENIED = 0.15, 0.15
IN_PROGRESS = ("queued", "running")
Rows = Callable[..., list[tuple[Any, ...]]]


@dataclass
class Findings:
    """What all runs have shown: each fault in words under the name of its bar, and how often things happened."""

    faults: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    late: list[str] = field(default_factory=list)
    slowest: float = 0.0
    slowest_start: float = 0.0


class Api:
    """A program that uses the API of a server that is killed now and then: it asks again until it has a reply."""

    def __init__(self, browser: Browser, findings: Findings) -> None:
        self.browser, self._findings = browser, findings

    async def ask(self, method: str, path: str, body: Any = None, more: Mapping[str, str] = NOTHING) -> tuple[int, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        while True:
            try:
                async with asyncio.timeout(REQUEST_SECONDS):
                    stream = await self.browser.open(method, f"/api/v1{path}", content, {**JSON, **more})
                    text = await stream.text()
                value = json.loads(text) if text else None
                if stream.status < 500:
                    return stream.status, value
                self._findings.counts[f"replies with {stream.status}"] += 1
                if stream.status == 500:
                    self._findings.faults.setdefault("errors", []).append(f"{method} {path}: {text[:300]}")
            except TimeoutError:
                self._findings.counts["requests without a reply"] += 1
            except CUT:
                pass
            await asyncio.sleep(AGAIN_SECONDS)


class Follower:
    """Reads a generation's events as they come, and continues at its position after each kill."""

    def __init__(self, browser: Browser, generation: str) -> None:
        self.generation, self._browser, self._position = generation, browser, ""
        self.text, self.ends = "", 0

    async def read(self) -> None:
        while not self.ends:
            with suppress(*CUT):
                more = {"Accept": "text/event-stream", **({"Last-Event-ID": self._position} if self._position else {})}
                stream = await self._browser.open("GET", f"/api/v1/generations/{self.generation}/events", more=more)
                if stream.status == 204:
                    return
                async for event in _events(stream):
                    self._take(event)
            await asyncio.sleep(AGAIN_SECONDS)

    def _take(self, event: Mapping[str, str]) -> None:
        self._position = event.get("id", self._position)
        match event.get("event"):
            case "delta":
                self.text += json.loads(event["data"])["text"]
            case "snapshot":
                self.text = json.loads(event["data"])["text"]
            case "ended":
                self.ends += 1


class CountedRun:
    """An answer to the question that names it; `rows` reads the server's database, and `model` is its model's own API."""

    def __init__(self, name: str, api: Api, model: Api, rows: Rows, findings: Findings, dice: random.Random, *, has_tools: bool):
        self.name, self._api, self._model, self._rows = name, api, model, rows
        self._findings, self._dice, self._has_tools = findings, dice, has_tools
        self._whole = whole_text(name, has_tools=has_tools)
        self.is_over, self.message_id = False, ""
        self._followers: dict[str, Follower] = {}
        self._reading: list[asyncio.Task[None]] = []
        # When it was disturbed last, until it has gone on; when it was last seen to do so.
        self.disturbed_at: float | None = None
        self._moved_at = self._cut_at = time.monotonic()

    @property
    def has_gone_on(self) -> bool:
        return bool(self.message_id) and self.disturbed_at is None

    def disturb(self) -> None:
        if self.message_id and not self.is_over:
            self.disturbed_at = self._moved_at = time.monotonic()

    async def go(self) -> None:
        await self._begin()
        message: dict[str, Any] = {}
        while not self.is_over:
            status, message = await self._api.ask("GET", f"/messages/{self.message_id}")
            if status != 200 or not message["generation"]:
                self._fault("errors", f"its message is answered with {status}: {message}, {self._generations()}")
                break
            _, asked = await self._model.ask("GET", f"/report/{self.name}")
            self._follow(message)
            self._note_progress(message, asked)
            if message["status"] == "completed":
                break
            if not self._whole.startswith(message["content"]):
                self._fault("texts", f"{message['content'][-200:]!r} is no prefix")
                break
            if time.monotonic() - self._moved_at > STUCK_SECONDS:
                self._fault("stuck", f"{message['status']}, calls {_states(message)}, {self._generations()}")
                break
            await self._act(message, asked)
            await asyncio.sleep(LOOK_SECONDS)
        self.is_over = True
        if message.get("status") == "completed" and message["generation"]:
            _, asked = await self._model.ask("GET", f"/report/{self.name}")
            await self._judge(message, asked)
        for task in self._reading:
            task.cancel()

    async def _begin(self) -> None:
        body = {"message": f"Count for {self.name}, please.", "model": "bench/model", "tools": TOOLS if self._has_tools else []}
        status, reply = await self._api.ask("POST", "/chats", body, {"Idempotency-Key": f"key-{self.name}"})
        if status != 201:
            raise RuntimeError(f"POST /chats answered {status}: {reply}")
        self.message_id = reply["sent"]["message_id"]
        self._moved_at = time.monotonic()

    def _follow(self, message: Mapping[str, Any]) -> None:
        id = message["generation"]["id"]
        if id not in self._followers:
            self._followers[id] = Follower(self._api.browser, id)
            self._reading.append(asyncio.create_task(self._followers[id].read()))

    def _note_progress(self, message: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        """Notes whether it has gone on since it was disturbed: a request came, or it is a person's turn, or the end."""
        since, now = self.disturbed_at or 0.0, time.monotonic()
        moves = [moment for moment in asked["came_at"] if moment > since]
        is_left = self._is_cut(message) and self._restarts() <= RESTARTS
        waits_for_nothing = message["status"] == "waiting" and not list(_open_to_a_person(message))
        if message["status"] not in IN_PROGRESS and not is_left and not waits_for_nothing:
            moves.append(now)
        self._moved_at = max(self._moved_at, *moves) if moves else self._moved_at
        if self.disturbed_at is not None and moves:
            self._findings.slowest = max(self._findings.slowest, seconds := min(moves) - self.disturbed_at)
            self._findings.counts["runs that went on after a kill"] += 1
            if seconds > LATE_SECONDS:
                rows = [row[:3] for row in self._generations()]
                self._findings.late.append(f"{self.name} went on after {seconds:.1f} s: {rows}, calls {_states(message)}")
            self.disturbed_at = None
        if not self._is_cut(message):
            self._cut_at = now

    def _is_cut(self, message: Mapping[str, Any]) -> bool:
        return message["status"] in ("interrupted", "failed", "stopped")

    def _restarts(self) -> int:
        cut = "SELECT count(*) FROM generations WHERE message_id = :id AND reason = 'server_restart'"
        return int(self._rows(cut, id=self.message_id)[0][0])

    def _generations(self) -> list[tuple[Any, ...]]:
        query = "SELECT id, status, reason, error, owner, text_offset FROM generations WHERE message_id = :id ORDER BY id"
        return self._rows(query, id=self.message_id)

    async def _act(self, message: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        """Does what a person would who knows what the counter has counted."""
        for call in _open_to_a_person(message) if message["status"] == "waiting" else ():
            await self._decide(call, asked)
        if not self._is_cut(message):
            return
        waited_seconds, restarts = time.monotonic() - self._cut_at, self._restarts()
        if restarts > RESTARTS or waited_seconds > PATIENCE_SECONDS:
            if restarts <= RESTARTS:
                self._fault("left", f"{message['status']} ({message['generation']['reason']}) was not continued by itself")
            self._findings.counts["answers continued by a person"] += 1
            await self._api.ask("POST", f"/messages/{self.message_id}/continue", {})

    async def _decide(self, call: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        label = call["arguments"]["call"]
        receipts = asked["receipts"].get(label, [])
        if call["state"] == "waiting":
            decision = {"decision": "deny" if self._dice.random() < DENIED else "allow"}
        elif label in asked["under_way"]:
            # A person who wants to know whether it was done waits until it is not being done any more.
            return
        elif receipts:
            decision = {"decision": "done", "result": receipts[-1]}
        else:
            decision = {"decision": "leave" if self._dice.random() < LEFT else "again"}
        status, _ = await self._api.ask("POST", f"/calls/{call['id']}/decision", decision)
        if status == 200:
            self._findings.counts[f"decisions: {decision['decision']}"] += 1

    async def _judge(self, message: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        self._findings.counts["answers"] += 1
        for words in asked["strange"]:
            self._fault("texts", words)
        if message["content"] != self._whole:
            self._fault("texts", f"it ends {message['content'][-120:]!r} and has {len(message['content'])} characters")
        for bar, words in [*self.faults_of_calls(message["calls"], asked)]:
            self._fault(bar, words)
        generations = self._generations()
        if any(status in (*IN_PROGRESS, "waiting") for _, status, *_ in generations):
            self._fault("ends", f"it is completed, and runs: {generations}")
        for id, *_, offset in generations:
            reader = Follower(self._api.browser, id)
            await reader.read()
            for text, ends in [(reader.text, reader.ends), *self._was_followed(id)]:
                if ends != 1:
                    self._fault("ends", f"{id} has {ends} ends for its readers")
                if not self._whole[offset:].startswith(text):
                    self._fault("texts", f"readers of {id} saw {text[-120:]!r}")

    def _was_followed(self, id: str) -> Iterator[tuple[str, int]]:
        follower = self._followers.get(id)
        if follower and follower.ends:
            yield follower.text, follower.ends

    def faults_of_calls(self, calls: list[dict[str, Any]], asked: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yields what is wrong with the calls of an answer that has ended: each fault's bar, and words."""
        wanted = [call for part in script(self.name, has_tools=self._has_tools) for call in part.calls]
        labels = [label for _, label in wanted]
        if [call["arguments"]["call"] for call in calls] != labels:
            yield "results", f"calls are {[call['arguments'] for call in calls]}"
        for call in calls:
            label, state = call["arguments"]["call"], call["state"]
            results = [text for name, text in asked["results"] if name == label]
            if state in ("asked", "waiting", "running", "unknown"):
                yield "open", f"{label} is {state}"
            if state == "done" and results != [call["text"]]:
                yield "results", f"{label} returned {call['text']!r}, and the model was told {results}"
            if state == "done" and call["text"] not in asked["receipts"].get(label, []):
                yield "results", f"{label} returned {call['text']!r}, and the receipts are {asked['receipts'].get(label)}"
            if call["tool"] in ONCE and len(asked["receipts"].get(label, [])) > 1:
                yield "twice", f"{label} has {asked['receipts'][label]}"
            ended_at = datetime.fromisoformat(call["ended_at"]).timestamp() if call["ended_at"] else float("inf")
            if state == "done" and any(moment > ended_at for moment in asked["counted_at"].get(label, [])):
                yield "twice", f"{label} was done again after it had returned"

    def _fault(self, bar: str, words: str) -> None:
        self._findings.faults.setdefault(bar, []).append(f"{self.name}: {words}")


def _open_to_a_person(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yields the calls that wait for a decision."""
    return (call for call in message["calls"] if call["state"] in ("waiting", "unknown"))


def _states(message: Mapping[str, Any]) -> list[str]:
    return [call["state"] for call in message["calls"]]


async def _events(stream: Stream) -> AsyncIterator[dict[str, str]]:
    """Yields the events of a stream, each as its fields."""
    rest = b""
    try:
        async for piece in _pieces(stream):
            *events, rest = (rest + piece).split(b"\n\n")
            for event in events:
                lines = [line.partition(": ") for line in event.decode().split("\n")]
                yield {name: value for name, _, value in lines if name}
    finally:
        stream.writer.close()


async def _pieces(stream: Stream) -> AsyncIterator[bytes]:
    if stream.header("transfer-encoding") != "chunked":
        while piece := await stream.reader.read(65536):
            yield piece
        return
    while size := int(await stream.reader.readline(), 16):
        yield await stream.reader.readexactly(size)
        await stream.reader.readexactly(2)
