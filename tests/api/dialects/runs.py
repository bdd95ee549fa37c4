"""Canonical runs of every kind, and parsers that turn each dialect's frames into what its client would see."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.support.events import any_event
from webapp.api.native.events import PLACED
from webapp.api.streaming.encoding import DialectFrame, Encoder, StreamState, wire
from webapp.guests.dialects.assistant import AssistantEncoder
from webapp.guests.dialects.openai.encoder import CompletionEncoder, CompletionIdentity
from webapp.guests.dialects.quick.encoder import Quick, QuickEncoder
from webapp.guests.dialects.roleplay.encoder import RoleplayEncoder
from webapp.guests.dialects.threads.encoder import ThreadsEncoder
from webapp.streaming.events import (
    GENERATION_EVENTS,
    Delta,
    Ended,
    Event,
    Failed,
    Notice,
    Phase,
    Reasoning,
    Saved,
    Sources,
    Started,
    Usage,
)
from webapp.streaming.topics import Entry

NOW = "2026-11-20T12:00:00.000Z"
STATUSES = {"completed": "ok", "stopped": "stopped", "interrupted": "error", "failed": "error"}


@dataclass(frozen=True)
class Heard:
    """A client's final result: the text, how it ended, and whether the closing event came last and once."""

    text: str
    outcome: str
    is_closed: bool


def encoders() -> dict[str, Encoder]:
    """Returns a new encoder of each dialect."""
    question = {"id": "q", "role": "user", "content": "Why?", "createdAt": NOW, "sources": []}
    return {
        "roleplay": RoleplayEncoder("g", "a", "q"),
        "quick": QuickEncoder(Quick("c", "a")),
        "threads": ThreadsEncoder("c", question, lambda: NOW),
        "assistant": AssistantEncoder("c", "a", lambda: 1200),
        "door": CompletionEncoder(CompletionIdentity("g", "demo/quick", 1_800_000_000, has_usage=True)),
    }


def told(encoder: Encoder, events: Sequence[Event], *, state: StreamState | None = None) -> list[DialectFrame]:
    """Returns all frames of a run, as a client receives them."""
    state = state or StreamState("g", "c", "a", "m", "running")
    frames, first = encoder.opening(state), state.seq
    for seq, event in enumerate(events[first:], first + 1):
        frames += encoder.encode(Entry(seq, event))
    return frames + encoder.closing()


def of_roleplay(frames: list[DialectFrame]) -> Heard:
    text, outcome, ends = "", "", 0
    for frame in frames:
        if frame.event == "state":
            text = _dict(frame)["partialMessage"]
        elif frame.event == "chunk":
            text += _dict(frame)["content"]
        elif frame.event == "error":
            outcome = "error"
        elif frame.event == "end":
            outcome, ends = outcome or STATUSES[_dict(frame)["status"]], ends + 1
    return Heard(text, outcome, frames[-1].event == "end" and ends == 1)


def of_quick(frames: list[DialectFrame]) -> Heard:
    last = _dict(frames[-1])
    text = "".join(_dict(frame)["content"] for frame in frames if frame.event == "message")
    outcome = {"completed": "ok", "stopped": "stopped", "failed": "error"}[last["status"]]
    assert (outcome == "error") == ("error" in [frame.event for frame in frames])
    return Heard(text, outcome, [frame.event for frame in frames].index("complete") == len(frames) - 1)


def of_threads(frames: list[DialectFrame]) -> Heard:
    events = [_dict(frame) for frame in frames]
    pieces = [event["data"] for event in events if event["type"] == "ai_response"]
    text, done = "".join(piece["content"] for piece in pieces), events[-1]["data"]
    outcome = "stopped" if done["stopped"] else "ok" if done["success"] else "error"
    assert (outcome == "error") == ("error" in [event["type"] for event in events])
    assert all(piece["accumulated"] == text for piece in pieces if piece["isComplete"])
    return Heard(text, outcome, [event["type"] for event in events].index("done") == len(events) - 1)


def of_assistant(frames: list[DialectFrame]) -> Heard:
    events = [_dict(frame) for frame in frames]
    text = "".join(event["content"] for event in events if event["type"] == "token")
    types = [event["type"] for event in events]
    warned = [event["code"] for event in events if event["type"] == "warning"]
    outcome = "error" if "error" in types else "stopped" if "stopped" in warned else "ok"
    assert (outcome == "error") != ("done" in types)
    return Heard(text, outcome, types.index("stream_end") == len(types) - 1)


def of_door(frames: list[DialectFrame]) -> Heard:
    """This client knows only success and error: stopped and complete are the same to it."""
    *chunks, last = frames
    choices = [choice for frame in chunks for choice in _dict(frame).get("choices", [])]
    text = "".join(choice["delta"].get("content", "") for choice in choices)
    is_error = any("error" in _dict(frame) for frame in chunks)
    assert is_error != any(choice["finish_reason"] for choice in choices)
    return Heard(text, "error" if is_error else "ok", last.data == "[DONE]")


CLIENTS: dict[str, Callable[[list[DialectFrame]], Heard]] = {
    "roleplay": of_roleplay,
    "quick": of_quick,
    "threads": of_threads,
    "assistant": of_assistant,
    "door": of_door,
}


def _dict(frame: DialectFrame) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(line_of(frame))
    return value


def line_of(frame: DialectFrame) -> str:
    """Returns the value of a frame's `data` field."""
    lines = wire([frame])[0].decode().split("\n")
    assert lines[-2:] == ["", ""], lines
    names = [name for name, is_there in (("event", frame.event), ("id", frame.id), ("data", True)) if is_there]
    assert [line.partition(":")[0] for line in lines[:-2]] == names
    return lines[-3].removeprefix("data: ")


words = st.text(max_size=12)
# All other event types are ones that no dialect has to know yet. Those that clients know are generated below, or occur only at
# fixed places.
KNOWN = {Delta, Reasoning, Phase, Notice, Usage, Sources, *map(GENERATION_EVENTS.get, PLACED)}
others: list[st.SearchStrategy[Event]] = [any_event(kind) for kind in GENERATION_EVENTS.values() if kind not in KNOWN]
middles: st.SearchStrategy[Event] = st.one_of(
    words.map(Delta),
    words.map(Delta),
    words.map(Reasoning),
    st.sampled_from(["thinking", "responding"]).map(Phase),
    st.builds(Notice, st.sampled_from(["retry", "fallback", "whole", "tried", "unsaved"]), words),
    st.builds(Usage, st.integers(0, 9), st.none() | st.integers(0, 9)),
    st.just(Sources(({"title": "A page"},))),
    *others,
)
ends: st.SearchStrategy[tuple[Event, ...]] = st.one_of(
    st.just((Saved("message", "a", "assistant"), Ended("completed", "stop"))),
    st.just((Saved("message", "a", "assistant"), Ended("completed", "length"))),
    st.just((Saved("message", "a", "assistant"), Ended("stopped", "user"))),
    st.just((Failed("cut", "It broke.", True), Saved("message", "a", "assistant"), Ended("interrupted", "cut"))),
    st.just((Failed("rate", "Too fast."), Saved("message", "a", "assistant"), Ended("failed", "rate"))),
    st.just((Ended("interrupted", "server_restart"),)),
)
runs: st.SearchStrategy[list[Event]] = st.builds(
    lambda demo, said, end: [Started("m", "p", demo), *said, Phase("saving"), *end], st.booleans(), st.lists(middles), ends
)


def text_of(events: Iterable[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def outcome_of(events: Sequence[Event]) -> str:
    last = events[-1]
    assert isinstance(last, Ended)
    return STATUSES[last.status]
