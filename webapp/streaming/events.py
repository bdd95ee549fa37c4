"""What can happen to a generation: a closed set of values, JSON both ways. Pure."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Status = Literal["completed", "stopped", "interrupted", "failed"]
PhaseName = Literal["thinking", "responding", "saving"]


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


@dataclass(frozen=True, slots=True)
class Sources:
    items: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Notice:
    code: str
    message: str
    detail: str = ""


# The code of the notice that a try has failed: what was known of it holds no longer.
TRIED = "tried"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a provider says an answer took; None is unknown, never nothing. `cost` is decimal text in US dollars.

    `model` is who served it, when the server says; `upstream_id` what its cost can be asked by afterwards.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: str | None = None
    model: str = ""
    upstream_id: str = ""

    def updated(self, later: "Usage") -> "Usage":
        """Both together: the later one counts, but what it does not know erases nothing that was known."""
        if self.upstream_id and later.upstream_id not in ("", self.upstream_id):
            # It is about another request.
            return later
        known = {name: value for name, value in asdict(later).items() if value not in (None, "")}
        return replace(self, **known)


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
    """The end. A provider's own `Ended` says that the terminal marker was seen, and which."""

    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Changed:
    what: str
    id: str


Text = Delta | Reasoning
Event = Started | Phase | Delta | Reasoning | Sources | Notice | Usage | Saved | Failed | Ended | Changed
KINDS: dict[str, type[Event]] = {
    "started": Started,
    "phase": Phase,
    "delta": Delta,
    "reasoning": Reasoning,
    "sources": Sources,
    "notice": Notice,
    "usage": Usage,
    "saved": Saved,
    "failed": Failed,
    "ended": Ended,
    "changed": Changed,
}


def to_json(event: Event) -> dict[str, Any]:
    # Not `asdict`, which copies what it finds, at many times the cost.
    return {"kind": type(event).__name__.lower(), **{name: getattr(event, name) for name in event.__slots__}}


def from_json(value: dict[str, Any]) -> Event:
    fields = dict(value)
    kind = KINDS[fields.pop("kind")]
    if kind is Sources:
        fields["items"] = tuple(fields["items"])
    return kind(**fields)
