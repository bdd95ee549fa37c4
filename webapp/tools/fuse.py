"""The fuse of an answer with tools: how far it can go, which limit it has reached, and what a person has allowed it since."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from webapp.base.db import utc_now
from webapp.settings.service import setting
from webapp.tools.calls import CallRecord
from webapp.tools.folded import RECALL
from webapp.tools.tables import Fuse

# What people are told of each limit that an answer can reach.
WORDS = {
    "rounds": "It has reached the limit on rounds for one answer.",
    "calls": "It needs more tool calls than one answer can make.",
    "seconds": "It has reached the time limit for one answer.",
    "chars": "Its tool results have reached the size limit for one answer.",
    "cost": "It has reached the cost limit for one answer.",
    "budget": "A budget is used up.",
}
# The round of a call that is made before the model is asked: it counts for no limit.
BEFORE = 0
MAYBE_DONE = "It is unknown whether this was done: the answer has reached a limit. Answer with what is there."
NOT_DONE = "This was not done: the answer has reached a limit. Answer with what is there."


@dataclass(frozen=True, slots=True)
class Limits:
    """How far one answer can go; 0 is no limit. `can_wait` says whether a person can be asked when it has reached one."""

    rounds: int
    calls: int
    seconds: float
    chars: int
    usd: Decimal
    result_chars: int
    stall_seconds: float
    can_wait: bool = True

    @classmethod
    def set(cls, *, can_wait: bool) -> "Limits":
        """Returns the limits as they are set."""
        names = ("rounds", "calls", "seconds", "chars")
        rounds, calls, seconds, chars = (setting(f"tools.{name}") for name in names)
        usd, stall = Decimal(str(setting("tools.usd"))), setting("stream.stall_seconds")
        return cls(rounds, calls, seconds, chars, usd, setting("tools.result_chars"), stall, can_wait)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a person has allowed an answer beyond its limits; `must_answer` says that it is to answer with what is there."""

    times: int = 0
    usd: Decimal = Decimal()
    must_answer: bool = False


def allowed_for(session: Session, message_id: str) -> Allowed:
    fuse = session.get(Fuse, message_id, populate_existing=True)
    return Allowed(fuse.times, Decimal(fuse.usd), fuse.decision == "answer") if fuse else Allowed()


def counted(calls: Iterable[CallRecord]) -> list[CallRecord]:
    """Returns the calls that count for the limits."""
    return [call for call in calls if call.round != BEFORE]


def working(calls: Iterable[CallRecord]) -> list[CallRecord]:
    """Returns the calls that do something: what a model looks at again is none."""
    return [call for call in calls if call.tool != RECALL]


def rounds_of(calls: Iterable[CallRecord]) -> int:
    return len({call.round for call in calls})


def reached(limits: Limits, allowed: Allowed, calls: Sequence[CallRecord], *, seconds: float, cost: str | None) -> str:
    """Returns the limit that keeps an answer from its next step, which is to do the calls that are due, or to ask the model."""
    times, is_asking, calls = 1 + allowed.times, not any(call.state == "asked" for call in calls), counted(calls)
    chars = sum(len(call.text) for call in calls)
    if is_asking and rounds_of(calls) >= limits.rounds * times:
        return "rounds"
    if len(working(calls)) > limits.calls * times:
        return "calls"
    if limits.seconds and seconds > limits.seconds:
        return "seconds"
    if limits.chars and chars > limits.chars * times:
        return "chars"
    return "cost" if limits.usd and Decimal(cost or 0) >= limits.usd + allowed.usd else ""


def figure_of(limit: str, limits: Limits, allowed: Allowed) -> str:
    """Returns the figure at which a limit stands, with what a person has allowed beyond it; empty for a budget."""
    times = 1 + allowed.times
    figures = {"rounds": limits.rounds * times, "calls": limits.calls * times, "chars": limits.chars * times}
    figures |= {"seconds": int(limits.seconds)}
    return f"{limits.usd + allowed.usd:f}" if limit == "cost" else str(figures.get(limit, ""))


def blow(session: Session, message_id: str, limit: str) -> None:
    """Stores the limit that an answer has reached; a person must decide about it."""
    fuse = session.get(Fuse, message_id) or Fuse(message_id=message_id, times=0, usd="0")
    fuse.limit, fuse.decision, fuse.decided_by, fuse.blown_at = limit, "", None, utc_now()
    session.add(fuse)
