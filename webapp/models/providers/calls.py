"""The calls of tools in one reply, and what a request sends of earlier ones. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from math import isfinite
from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.models.providers.base import ModelRequest, ProviderError, ToolCall, Turn
from webapp.models.providers.values import TextCleaner, id_of, name_of
from webapp.models.upstream.bounded_json import exceeds
from webapp.streaming.events import Calling

MOST_CALLS, MOST_ARGUMENTS = 64, 1_000_000
# How much of a call is read whose model is told that its arguments are too long.
MOST_READ = 4 * MOST_ARGUMENTS
# Of what is to be sent back, in characters: more reasoning than a model writes between two calls.
MOST_KEPT = 1_000_000
# Arguments up to this size are tried as JSON where only that tells two calls of the same tool apart.
MOST_TRIED = 65_536
NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
LONGEST_TOOL_NAME = 64
# An object that nothing is known about, for arguments that are not one: servers reject the whole request with those.
UNREADABLE, MOST_UNREADABLE = "not_json", 2000


@dataclass(slots=True)
class OpenCall:
    """A call that may get more arguments; its `number` and its `id` are given with its name, without which it is none."""

    number: int = -1
    id: str = ""
    tool: str = ""
    # The id as the server wrote it.
    sent_id: str = ""
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    extra: JsonObject = field(default_factory=dict)
    cleaner: TextCleaner = field(default_factory=TextCleaner)

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    @property
    def is_whole(self) -> bool:
        return self.size <= MOST_TRIED and self.arguments.rstrip().endswith("}") and object_in(self.arguments) is not None


class Calls:
    """Puts the calls of one reply together from its pieces: numbers them, makes missing ids, and limits them.

    `origin` names the server and the model, which alone can read what it wants back with these calls.
    """

    def __init__(self, request: ModelRequest, server: str) -> None:
        self.origin = origin_of(request, server)
        self._checked = {tool.name for tool in request.tools if tool.is_checked}
        self._taken_ids = {call.id for turn in request.turns for call in turn.calls}
        self._open: list[OpenCall] = []
        self._named: list[OpenCall] = []
        self._by_index: dict[int, OpenCall] = {}

    def __bool__(self) -> bool:
        """Whether the model has called."""
        return bool(self._named)

    @property
    def all(self) -> tuple[ToolCall, ...]:
        return tuple(ToolCall(call.id, call.tool, call.arguments) for call in self._named)

    def reason(self, finish: str) -> str:
        """Returns the reason of the end; servers that finish with `stop` after calls are many."""
        return "calls" if self and finish == "stop" else finish

    @property
    def extras(self) -> dict[str, JsonObject]:
        """What servers gave with single calls beside the usual fields, by their ids."""
        return {call.id: call.extra for call in self._named if call.extra}

    def take(self, index: Any, id: Any, tool: Any, arguments: Any, extra: Mapping[str, Any] | None = None) -> Iterator[Calling]:
        """Takes a piece of a call and yields what it adds.

        A server can leave out the index, number all calls 0, name a call again in each piece, or never give an id.
        """
        call = self._call_of(index if isinstance(index, int) else None, id_of(id), name := name_of(tool))
        call.extra |= extra or {}
        text = call.cleaner.take(_text_of(arguments))
        call.size += len(text)
        if (over := call.size - MOST_ARGUMENTS) > 0:
            if (call.tool or name) not in self._checked or call.size > MOST_READ:
                raise ProviderError("invalid", f"The model called a tool with more than {MOST_ARGUMENTS:,} characters.")
            # One character more than allowed says that they are too long.
            text = text[: max(0, len(text) - over + 1)]
        call.pieces.append(text)
        if call.tool:
            if text:
                yield Calling(call.number, arguments=text)
        elif name:
            call.tool, call.number, call.id = name, len(self._named), self._new_id(call.sent_id)
            self._named.append(call)
            yield Calling(call.number, call.id, call.tool, call.arguments)

    def add(self, index: int, id: Any, tool: Any, arguments: Any, extra: Mapping[str, Any] | None = None) -> None:
        """Takes a whole call, of a reply in one piece."""
        for _ in self.take(index, id, tool, arguments, extra):
            pass

    def _call_of(self, index: int | None, id: str, tool: str) -> OpenCall:
        if index is None:
            same = next((call for call in self._open if id and call.sent_id == id), None)
            call = same or (self._open[-1] if self._open else None)
        else:
            call = self._by_index.get(index)
        if call is None or (tool and call.tool and _is_another(call, id, tool)):
            if len(self._open) == MOST_CALLS:
                raise ProviderError("invalid", f"The model called more than {MOST_CALLS} tools at once.")
            call = OpenCall()
            self._open.append(call)
        if index is not None:
            self._by_index[index] = call
        call.sent_id = call.sent_id or id
        return call

    def _new_id(self, id: str) -> str:
        """Returns an id that no other call of this request has."""
        number = len(self._named)
        while not id or id in self._taken_ids:
            number += 1
            id = f"call_{number}"
        self._taken_ids.add(id)
        return id


def _is_another(call: OpenCall, id: str, tool: str) -> bool:
    """Returns whether a piece with a name begins another call: the same name can also come with each piece of one."""
    if id and call.sent_id:
        return id != call.sent_id
    return tool != call.tool or call.is_whole


def _text_of(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else as_json(arguments)


def as_json(value: Any, *, ascii: bool = False) -> str:
    """Returns a value that was decoded from a reply as JSON; its fractions were decoded as decimals."""
    return json.dumps(value, ensure_ascii=ascii, default=float)


def object_in(text: str) -> JsonObject | None:
    """Returns the JSON object in a text; None for anything else, and for what could not be sent as JSON again."""
    try:
        value = None if exceeds(text) else DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _finite(number: str) -> float:
    if not isfinite(value := float(number)):
        raise ValueError(f"{number} has no place in JSON")
    return value


DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


def arguments_in(call: ToolCall) -> JsonObject:
    """Returns the arguments of an earlier call as an object, even if the model didn't write one."""
    if not call.arguments.strip():
        return {}
    arguments = object_in(call.arguments)
    return {UNREADABLE: call.arguments[:MOST_UNREADABLE]} if arguments is None else arguments


def sent_name(tool: str) -> str:
    """Returns the name of a called tool in characters that every server accepts: models also call tools that don't exist."""
    return NOT_IN_NAMES.sub("_", tool)[:LONGEST_TOOL_NAME] or "_"


def sent_id(id: str, accepted: re.Pattern[str]) -> str:
    """Returns the id of an earlier call, or another in its place if it has a form that only its own server accepts."""
    return id if accepted.fullmatch(id) else sha256(id.encode()).hexdigest()[:9]


def parameters_of(schema: str) -> JsonObject:
    """Returns a tool's schema as it is sent: every server requires the type."""
    return {"type": "object", "properties": {}, **json.loads(schema or "{}")}


def origin_of(request: ModelRequest, server: str) -> str:
    return f"{server} {request.model}"


def kept_as_text(origin: str, parts: Mapping[str, Any]) -> str:
    """Returns what is to be sent back, as `kept_in` reads it; empty if that is nothing or too much."""
    text = as_json({"origin": origin, **parts}, ascii=True) if any(parts.values()) else ""
    return text if len(text) <= MOST_KEPT else ""


def kept_in(turn: Turn, origin: str) -> JsonObject:
    """Returns what this server and model wants back with a turn's calls; empty if it was another's."""
    kept = dict_of(object_in(turn.kept)) if turn.kept else {}
    return kept if kept.get("origin") == origin else {}
