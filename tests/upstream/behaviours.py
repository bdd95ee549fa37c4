"""What the scripted upstream does with a request: from a behaviour, which is data, to a head and steps. Pure.

A behaviour is one of these, with `status`, `headers`, `framing` (chunked, close, length), `slice` (bytes per write)
and `slice_pause` (seconds between) where they make sense:

    {"says": "text", ...}       the text as tokens, in the words of chat completions; options are in `Speech`
    {"counted": 100, ...}       w000001 w000002 ..., and exactly on from a partial answer in the request
    {"json": ...}               this value; {"html": ...} and {"text": ...} likewise
    {"steps": [...]}            {"send": text} {"send64": base64} {"sleep": s} {"close": "fin" or "rst"} {"hang": true}
    {"raw": [...]}              steps without a head: they write it themselves, or never
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

Step = dict[str, Any]
COUNTED = re.compile(r"w(\d{6})")
TOKEN = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Played:
    """One reply, ready to be played; `has_head` is false when the steps write the head themselves."""

    steps: Iterator[Step]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    framing: str = "chunked"
    has_head: bool = True
    slice: int = 0
    slice_pause: float = 0


@dataclass(frozen=True, slots=True)
class Speech:
    """How a text is told."""

    reasoning: str = ""
    tokens: list[str] | None = None
    delay: float = 0
    pace: float = 0
    newline: str = "\n"
    space: str = " "
    comments: int = 0
    role_first: bool = True
    finish: str | None = "stop"
    done: bool = True
    usage: dict[str, Any] | None = None
    sends_usage: bool = True
    cost: float | None = None
    model: str = ""
    cut_after: int | None = None
    cut: str = "fin"
    stall_after: int | None = None
    stall_comments: float = 0
    error_after: int | None = None
    error: Any = None


NAMES = {each.name for each in fields(Speech)}


def played(behaviour: dict[str, Any], request: dict[str, Any]) -> Played:
    how = {name: behaviour[name] for name in ("status", "headers", "framing", "slice", "slice_pause") if name in behaviour}
    how["headers"] = dict(how.get("headers", {}))
    if "raw" in behaviour:
        return Played(iter(behaviour["raw"]), has_head=False)
    if "steps" in behaviour:
        return _with_type(Played(iter(behaviour["steps"]), **how), "text/event-stream")
    for name, kind in (("json", "application/json"), ("html", "text/html; charset=utf-8"), ("text", "text/plain")):
        if name in behaviour:
            text = json.dumps(behaviour[name]) if name == "json" else behaviour[name]
            return _with_type(Played(iter([{"send": text}]), **{"framing": "length", **how}), kind)
    return _spoken(behaviour, request, how)


def tokens_of(behaviour: dict[str, Any], request: dict[str, Any]) -> list[str]:
    if "counted" not in behaviour:
        return behaviour.get("tokens") or TOKEN.findall(behaviour.get("says", ""))
    text = " ".join(f"w{number:06d}" for number in range(1, behaviour["counted"] + 1))
    said = partial_of(request)
    return TOKEN.findall(text[len(said) :] if text.startswith(said) else text)


def partial_of(request: dict[str, Any]) -> str:
    """The beginning of an answer that the request asks to be continued: the last turn, or the one before an instruction."""
    last = request.get("messages", [])[-2:]
    if last and last[-1].get("role") == "assistant":
        return str(last[-1]["content"])
    if len(last) == 2 and last[0].get("role") == "assistant" and "Go on exactly" in str(last[1]["content"]):
        return str(last[0]["content"])
    return ""


def _with_type(reply: Played, kind: str) -> Played:
    reply.headers.setdefault("Content-Type", kind)
    return reply


def _spoken(behaviour: dict[str, Any], request: dict[str, Any], how: dict[str, Any]) -> Played:
    speech = Speech(**{name: value for name, value in behaviour.items() if name in NAMES})
    tokens = tokens_of(behaviour, request)
    if request.get("stream"):
        return _with_type(Played(_streamed(speech, tokens, request), **how), "text/event-stream")
    steps = iter([{"sleep": speech.delay + speech.pace * len(tokens)}, {"send": json.dumps(_whole(speech, tokens, request))}])
    return _with_type(Played(steps, **{**how, "framing": "length"}), "application/json")


def _streamed(speech: Speech, tokens: list[str], request: dict[str, Any]) -> Iterator[Step]:
    yield {"sleep": speech.delay}
    if speech.role_first:
        yield _chunk(speech, request, {"role": "assistant", "content": None})
    for thought in TOKEN.findall(speech.reasoning):
        yield _chunk(speech, request, {"reasoning": thought})
        yield {"sleep": speech.pace}
    for number, token in enumerate(tokens):
        yield from _fault(speech, number)
        if speech.comments and number % speech.comments == 0:
            yield {"send": f": OPENROUTER PROCESSING{speech.newline * 2}"}
        yield {**_chunk(speech, request, {"content": token}), "token": token}
        yield {"sleep": speech.pace}
    yield from _fault(speech, len(tokens))
    yield from _ending(speech, tokens, request)


def _fault(speech: Speech, number: int) -> Iterator[Step]:
    if number == speech.cut_after:
        yield {"close": speech.cut}
    while number == speech.stall_after and speech.stall_comments:
        yield {"send": ": still here\n\n"}
        yield {"sleep": speech.stall_comments}
    if number == speech.stall_after:
        yield {"hang": True}
    if number == speech.error_after:
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        yield _data(speech, {"error": speech.error, "choices": [choice]})
        yield from [_line(speech, "[DONE]")] if speech.done else []
        yield {"over": True}


def _ending(speech: Speech, tokens: list[str], request: dict[str, Any]) -> Iterator[Step]:
    if speech.finish:
        yield _chunk(speech, request, {"content": ""}, speech.finish)
    if speech.sends_usage:
        yield _data(speech, {"model": _model(speech, request), "choices": [], "usage": _usage(speech, tokens)})
    if speech.done:
        yield _line(speech, "[DONE]")


def _whole(speech: Speech, tokens: list[str], request: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(tokens), "reasoning": speech.reasoning or None}
    choice = {"index": 0, "message": message, "finish_reason": speech.finish}
    return {"id": "gen-whole", "model": _model(speech, request), "choices": [choice], "usage": _usage(speech, tokens)}


def _usage(speech: Speech, tokens: list[str]) -> dict[str, Any]:
    usage = speech.usage or {"prompt_tokens": 10, "completion_tokens": len(tokens), "total_tokens": 10 + len(tokens)}
    return usage if speech.cost is None else {**usage, "cost": speech.cost}


def _model(speech: Speech, request: dict[str, Any]) -> str:
    return speech.model or str(request.get("model", ""))


def _chunk(speech: Speech, request: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> Step:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _data(speech, {"object": "chat.completion.chunk", "model": _model(speech, request), "choices": [choice]})


def _data(speech: Speech, value: dict[str, Any]) -> Step:
    # UTF-8 as it is, so that a slice can cut through a character.
    return _line(speech, json.dumps(value, ensure_ascii=False))


def _line(speech: Speech, text: str) -> Step:
    return {"send": f"data:{speech.space}{text}{speech.newline * 2}"}


def bytes_of(step: Step) -> bytes:
    if "send64" in step:
        return base64.b64decode(step["send64"])
    text: str = step["send"]
    return text.encode("utf-8", "surrogatepass")
