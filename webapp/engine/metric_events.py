"""Metric events: answers that ended, fallbacks, requests that were rate limited, and so on. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that has ended; what nobody knows is None. `asked` and `served` are names of models, `attempts` what failed."""

    kind: str
    status: str
    reason: str
    provider: str
    asked: str
    served: str
    seconds: float
    first_chunk_seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    id: str = ""
    chat_id: str = ""
    attempts: Sequence[Mapping[str, Any]] = ()
    gaps: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class FellBack:
    """Another model was asked in place of one that failed; the same one when it was asked for the whole answer at once."""

    model: str
    following: str
    reason: str


@dataclass(frozen=True, slots=True)
class Limited:
    """Somebody was asked to wait."""

    reason: str


@dataclass(frozen=True, slots=True)
class BudgetUsed:
    """How much is used of the budget in this unit of which the least is left."""

    unit: str
    share: float


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Documents were searched for an answer; `outcome` is found, nothing or late."""

    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Exposed:
    """An answer is asked with a version of a prompt that an experiment has chosen."""

    key: str
    version: int


Figure = Answered | FellBack | Limited | BudgetUsed | Retrieved | Exposed
Tell = Callable[[Figure], None]


def to_nobody(_figure: Figure) -> None:
    """For who does not count."""
