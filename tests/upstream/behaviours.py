"""Turns a behaviour of the scripted upstream, which is data, into a response head and steps. Pure.

A behaviour is one of these, with `status`, `headers`, `framing` (chunked, close, length), `slice` (bytes per write) and
`slice_pause` (seconds between) where they make sense:

    {"says": "text", ...}       the text as tokens, in a server's format (`dialect`); for the options see `Speech`
    {"calls": [...], ...}       calls of tools, after the text if it `says` any
    {"rounds": [...]}           a behaviour for each round: the first until results of calls come, the next for those, and so on;
                                the last also where no tools are offered
    {"counted": 100, ...}       w000001 w000002 ..., continued exactly after a partial answer in the request
    {"embeds": 64, ...}         a vector with this many dimensions for each text, by `ngrams`, or with a number per model;
                                `planted` numbers phrases with the same meaning; with `holds` it waits until released
    {"context": {...}, ...}     the rest, but a refusal of what is longer than its `tokens`, `as` an engine of `contexts.py`
    {"json": ...}               this value; {"html": ...} and {"text": ...} likewise
    {"steps": [...]}            {"send": text} {"send64": base64} {"sleep": s} {"close": "fin" or "rst"} {"hang": true},
                                {"hold": true} waits until released;
                                with "for_ever": true the data is sent again and again
    {"raw": [...]}              steps without a head: they write it themselves, or never
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.upstream.contexts import refusal
from tests.upstream.dialects import DIALECTS, Chat, rounds_of
from tests.upstream.ngrams import vector
from tests.upstream.speech import NAMES, Frame, Speech, text_of

Step = dict[str, Any]
COUNTED = re.compile(r"w(\d{6})")
TOKEN = re.compile(r"\S+\s*|\s+")
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Played:
    """One response, ready to be sent; `has_head` is false when the steps write the head themselves."""

    steps: Iterator[Step]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    framing: str = "chunked"
    has_head: bool = True
    slice: int = 0
    slice_pause: float = 0


def played(behaviour: dict[str, Any], request: dict[str, Any], dialect: str = "openrouter") -> Played:
    """Turns a behaviour into a response; `dialect` is the path's format, unless the behaviour names another."""
    if "context" in behaviour:
        context, others = behaviour["context"], {name: value for name, value in behaviour.items() if name != "context"}
        return played(refusal(context, request) or others, request, dialect)
    if "rounds" in behaviour:
        rounds = behaviour["rounds"]
        return played(rounds[min(rounds_of(request), len(rounds) - 1) if request.get("tools") else -1], request, dialect)
    how = {name: behaviour[name] for name in ("status", "headers", "framing", "slice", "slice_pause") if name in behaviour}
    how["headers"] = dict(how.get("headers", {}))
    if "raw" in behaviour:
        return Played(iter(behaviour["raw"]), has_head=False)
    if "steps" in behaviour:
        return _with_type(Played(iter(behaviour["steps"]), **how), "text/event-stream")
    if "embeds" in behaviour:
        waits: list[Step] = [{"hold": True}] if behaviour.get("holds") else []
        steps = [*waits, {"send": json.dumps(_embedded(behaviour, request))}]
        return _with_type(Played(iter(steps), **{"framing": "length" if not waits else "close", **how}), JSON)
    for name, kind in (("json", JSON), ("html", "text/html; charset=utf-8"), ("text", "text/plain")):
        if name in behaviour:
            text = json.dumps(behaviour[name]) if name == "json" else behaviour[name]
            return _with_type(Played(iter([{"send": text}]), **{"framing": "length", **how}), kind)
    return _spoken({"dialect": dialect, **behaviour}, request, how)


def _embedded(behaviour: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    texts = list(request.get("input", []))
    wanted = behaviour["embeds"]
    length = wanted[request["model"]] if isinstance(wanted, dict) else wanted
    vectors = [vector(text, length, behaviour.get("planted", {})) for text in texts]
    rows = [{"object": "embedding", "index": place, "embedding": numbers} for place, numbers in enumerate(vectors)]
    tokens = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens, "cost": tokens / 1_000_000}
    return {"object": "list", "data": rows, "model": request.get("model", ""), "usage": usage}


def tokens_of(behaviour: dict[str, Any], request: dict[str, Any]) -> list[str]:
    if "counted" not in behaviour:
        return behaviour.get("tokens") or TOKEN.findall(behaviour.get("says", ""))
    text = " ".join(f"w{number:06d}" for number in range(1, behaviour["counted"] + 1))
    said = partial_of(request)
    return TOKEN.findall(text[len(said) :] if text.startswith(said) else text)


def partial_of(request: dict[str, Any]) -> str:
    """Returns the partial answer that the request continues: its last message, or the one before an instruction to continue."""
    last = request.get("messages", [])[-2:]
    if last and last[-1].get("role") == "assistant":
        return str(last[-1]["content"])
    if len(last) == 2 and last[0].get("role") == "assistant" and "Continue exactly" in str(last[1]["content"]):
        return str(last[0]["content"])
    return ""


def _with_type(reply: Played, kind: str) -> Played:
    reply.headers.setdefault("Content-Type", kind)
    return reply


def _spoken(behaviour: dict[str, Any], request: dict[str, Any], how: dict[str, Any]) -> Played:
    speech = Speech(**{name: value for name, value in behaviour.items() if name in NAMES})
    teller = DIALECTS[speech.dialect](speech, tokens_of(behaviour, request), request)
    if request.get("stream"):
        return _with_type(Played(_streamed(speech, teller), **how), "text/event-stream")
    waits: list[Step] = [{"hold": True}] if speech.holds else []
    steps = [*waits, {"sleep": speech.delay + speech.pace * len(teller.tokens)}, {"send": json.dumps(teller.whole())}]
    return _with_type(Played(iter(steps), **{**how, "framing": "close" if waits else "length"}), JSON)


def _streamed(speech: Speech, teller: Chat) -> Iterator[Step]:
    yield {"sleep": speech.delay}
    yield from _steps(speech, teller.opening())
    for thought in TOKEN.findall(speech.reasoning):
        yield from _steps(speech, teller.thought(thought))
        yield {"sleep": speech.pace}
    for number, token in enumerate(teller.tokens):
        yield from _fault(speech, teller, number)
        if teller.maybe() or (speech.comments and number % speech.comments == 0):
            yield from _steps(speech, [teller.ping])
        yield from _noted(token, _steps(speech, teller.token(token)))
        yield {"sleep": speech.pace}
    yield from _fault(speech, teller, len(teller.tokens))
    for number, call in enumerate(teller.calls, start=1):
        yield from _steps(speech, teller.call(call))
        yield {"sleep": speech.pace}
        yield from _fault(speech, teller, len(teller.tokens) + number)
    yield from _steps(speech, teller.ending())


def _fault(speech: Speech, teller: Chat, number: int) -> Iterator[Step]:
    if number in speech.holds:
        yield {"hold": True}
    if number == speech.cut_after:
        yield {"close": speech.cut}
    while number == speech.stall_after and speech.stall_comments:
        yield {"send": ": still here\n\n"}
        yield {"sleep": speech.stall_comments}
    if number == speech.stall_after:
        yield {"hang": True}
    if number == speech.error_after:
        yield from _steps(speech, teller.failure())
        yield {"over": True}


def _steps(speech: Speech, frames: Iterable[Frame]) -> Iterator[Step]:
    for frame in frames:
        yield {"send": text_of(frame, speech), "decides": frame.decides}


def _noted(token: str, steps: Iterator[Step]) -> Iterator[Step]:
    """Yields the steps of a token, the last of which is marked with it, so that the log records it as sent."""
    *before, last = steps
    yield from before
    yield {**last, "token": token}


def bytes_of(step: Step) -> bytes:
    if "send64" in step:
        return base64.b64decode(step["send64"])
    text: str = step["send"]
    return text.encode("utf-8", "surrogatepass")
