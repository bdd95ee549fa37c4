"""The events of a generation: a closed set of values, JSON both ways. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import UnionType
from typing import Any, Literal, NotRequired, TypedDict, get_args, get_origin

Status = Literal["completed", "stopped", "interrupted", "failed"]
PhaseName = Literal["thinking", "responding", "saving", "waiting"]
CallState = Literal["asked", "waiting", "running", "done", "failed", "denied", "unknown"]


@dataclass(frozen=True, slots=True)
class Started:
    model: str
    provider: str
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    name: PhaseName


@dataclass(frozen=True, slots=True)
class Delta:
    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    text: str


class SourceRecord(TypedDict):
    """What an answer was given, by which number: a passage, with an adjacent one merged into it, or an extract of a web page.

    A web page has its address, title and text here, and empty ids.
    """

    number: int
    document_id: str
    passage_id: str
    page: int | None
    beside_id: NotRequired[str]
    url: NotRequired[str]
    title: NotRequired[str]
    text: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of an answer: each a `SourceRecord` or, for a program, what its caller can see of it."""

    items: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Asking:
    """A piece of a call while the model writes it: a transient event, which is never part of a log.

    `arguments` is the text since the last piece of the call, its `chars` characters so far with it.
    """

    round: int
    number: int
    tool: str
    title: str
    arguments: str
    chars: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A model's call of a tool. `arguments` are a JSON object, or the text that the model wrote if that is none.

    `why` says why a person must decide, where the policy alone does not.
    """

    call_id: str
    round: int
    tool: str
    title: str
    arguments: Any
    policy: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a tool server asks a person for a call: a form of `fields`, or a page to visit. `number` counts those of the call."""

    call_id: str
    number: int
    server: str
    message: str
    fields: tuple[Mapping[str, Any], ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person has decided about a call or, with a `number`, answered to a question of its server."""

    call_id: str
    decision: str
    by: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Returned:
    """What became of a call: its new state, and what the tool returned, possibly cut."""

    call_id: str
    state: CallState
    text: str = ""
    is_cut: bool = False
    error: str = ""
    sources: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a source yields last if a person must decide before it can go on: the run is parked. Never part of a log.

    `limit` is the limit that the run has reached; empty if it waits for decisions about calls.
    """

    limit: str = ""


@dataclass(frozen=True, slots=True)
class Asks:
    """A source is about to ask the model again, with these texts: they are metered. Never part of a log."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    code: str
    message: str
    detail: str = ""


class NoticeRecord(TypedDict):
    """A notice as it is stored with a generation."""

    code: str
    message: str
    detail: NotRequired[str]


class AttemptRecord(TypedDict):
    """A failed request to a provider or, with the code `mended`, a repair of a reply, as it is stored with a generation."""

    model: str
    how: str
    code: str
    message: str
    seconds: NotRequired[float]
    of_connection: NotRequired[bool]
    retry_after: NotRequired[float | None]


# Of the limit at which an answer waits; its detail is the limit and its figure, such as `rounds 12`.
LIMIT_NOTICE = "limit"
PICTURE_LEFT_OUT = "picture_left_out"
# Says that messages were folded before this answer.
FOLDED_NOTICE = "folded"
# The code of a notice that an attempt failed, and those of notices that another one follows: what was known about the failed one
# is no longer valid.
ATTEMPT_NOTICE, FOLLOWED = "tried", {"retry", "whole", "fallback", "demo_fallback"}


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage that a provider reports; None is unknown, never zero. `cost` is decimal text in US dollars.

    `model` is the model that answered, if the server reports it; `upstream_id` is the id by which the cost can be queried
    later.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: str | None = None
    model: str = ""
    upstream_id: str = ""

    def updated(self, later: "Usage") -> "Usage":
        """Merges both: later values win, but unknown ones do not erase known ones."""
        if self.upstream_id and later.upstream_id not in ("", self.upstream_id):
            # It belongs to another request.
            return later
        values = {name: value for name, value in asdict(later).items() if value not in (None, "")}
        return replace(self, **values)


@dataclass(frozen=True, slots=True)
class Saved:
    what: str
    id: str
    role: str


@dataclass(frozen=True, slots=True)
class Failed:
    code: str
    message: str
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The end. A provider's own `Ended` means that the terminal marker was received, and which."""

    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Calling:
    """A piece of a model's call of a tool: the first of call `number` has its id and its tool, each more of its arguments.

    It is in a log only where the call is a program's to make, which sent its own tools with the request.
    """

    number: int
    id: str = ""
    tool: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a provider wants to be sent back together with the calls of this reply. Never part of a log."""

    data: str


@dataclass(frozen=True, slots=True)
class Pictured:
    """A picture in a model's answer, as it was sent. Never part of a log: where it is kept, the text refers to its file.

    Until its provider has read it, it has an `address`. One that was asked for has the words of the request.
    """

    content: bytes = field(default=b"", repr=False)
    address: str = ""
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Changed:
    what: str
    id: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event written by another version: kept as it is, never shown."""

    value: Any


Text = Delta | Reasoning
TEXTS: tuple[type[Text], ...] = get_args(Text)
CallEvent = Asked | Question | Decided | Returned
GenerationEvent = Started | Phase | Delta | Reasoning | Sources | Asking | CallEvent | Notice | Usage | Saved | Failed | Ended
Event = GenerationEvent | Changed | Calling | Kept | Pictured | Waiting | Asks | Unknown
GENERATION_EVENTS: dict[str, type[GenerationEvent]] = {kind.__name__.lower(): kind for kind in get_args(GenerationEvent)}
KINDS: dict[str, type[Event]] = {**GENERATION_EVENTS, "calling": Calling, "changed": Changed}
NAMES = {kind: name for name, kind in KINDS.items()}
HINTS = {kind: {field.name: field.type for field in fields(kind)} for kind in KINDS.values()}


def to_json(event: Event) -> Any:
    if isinstance(event, Unknown):
        return event.value
    # Not `asdict`, whose deep copy costs many times as much, nor two dictionaries: every token passes through this function.
    value: dict[str, Any] = {"kind": NAMES[type(event)]}
    for name in event.__slots__:
        value[name] = getattr(event, name)
    return value


def from_json(value: Any) -> Event:
    """Decodes an event; an unknown kind, or fields of a wrong type, give `Unknown`."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str) or value["kind"] not in KINDS:
        return Unknown(value)
    kind = KINDS[value["kind"]]
    reply: dict[str, Any] = {
        name: tuple(part) if isinstance(part, list) else part for name, part in value.items() if name != "kind"
    }
    if not reply.keys() <= HINTS[kind].keys() or not all(_fits(part, HINTS[kind][name]) for name, part in reply.items()):
        return Unknown(value)
    try:
        return kind(**reply)
    except TypeError:
        # A field is missing.
        return Unknown(value)


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if hint is Any:
        return True
    if origin is Literal:
        return value in get_args(hint)
    if origin is UnionType:
        return any(_fits(value, choice) for choice in get_args(hint))
    if origin is tuple:
        return isinstance(value, tuple) and all(isinstance(part, dict) for part in value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return value is None if hint is type(None) else isinstance(value, hint)
