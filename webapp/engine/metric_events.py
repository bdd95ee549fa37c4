"""Metric events: answers that ended, fallbacks, requests that were rate limited, and so on. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from webapp.streaming.events import AttemptRecord


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that has ended; unknown values are None. `model_asked` and `served` are models, `attempts` the failed ones."""

    kind: str
    status: str
    reason: str
    provider: str
    model_asked: str
    served: str
    seconds: float
    first_chunk_seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    id: str = ""
    chat_id: str = ""
    attempts: Sequence[AttemptRecord] = ()
    gaps: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class FellBack:
    """A fallback from a failed model to the following one, or to the same one without streaming."""

    model: str
    following: str
    reason: str


Limit = Literal["aside", "concurrent", "per_minute", "server_full", "visitor_rate", "visitors"]
Found = Literal["found", "nothing", "late"]


@dataclass(frozen=True, slots=True)
class Limited:
    """A request that was rate limited."""

    reason: Limit


@dataclass(frozen=True, slots=True)
class BudgetUsed:
    """The used share of the fullest budget in this unit."""

    unit: str
    share: float


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A search for documents for an answer."""

    outcome: Found
    seconds: float


@dataclass(frozen=True, slots=True)
class Exposed:
    """An answer that was requested with a version of a prompt chosen by an experiment."""

    key: str
    version: int


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a tool that was done: the state in which it ended, and its time."""

    tool: str
    state: str
    seconds: float


MetricEvent = Answered | FellBack | Limited | BudgetUsed | Retrieved | Exposed | Called
MetricListener = Callable[[MetricEvent], None]


def ignore(_event: MetricEvent) -> None:
    """A listener that counts nothing."""
