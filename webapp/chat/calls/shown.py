"""The calls of answers as pages show them: a line each, and a card for one that waits for a person."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from webapp.base.db import db
from webapp.chat.calls.decisions import Decision, choices
from webapp.chat.record.tables import Message
from webapp.tools.calls import shown_arguments
from webapp.tools.offers import all_tools
from webapp.tools.tables import Call

STATES = {
    "asked": "is about to run",
    "waiting": "waits for you",
    "running": "is running",
    "done": "done",
    "failed": "failed",
    "denied": "not allowed",
    "unknown": "was sent, but no reply was seen",
}
MOST_VALUE_CHARS = 300


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A call for a template; `rows` are its arguments as a small table, `options` the answers to a question."""

    id: str
    tool: str
    title: str
    state: str
    words: str
    seconds: float | None
    why: str
    error: str
    choices: tuple[Decision, ...]
    rows: tuple[tuple[str, str], ...] = ()
    question: str = ""
    options: tuple[str, ...] = ()

    @property
    def is_waiting(self) -> bool:
        return bool(self.choices)


def calls_by_message(messages: Iterable[Message]) -> dict[str, list[Call]]:
    """Returns the calls of these messages; without a query if none has any."""
    ids = [message.id for message in messages if message.call_count]
    calls: defaultdict[str, list[Call]] = defaultdict(list)
    if ids:
        for call in db.session.scalars(select(Call).where(Call.message_id.in_(ids)).order_by(Call.round, Call.number)):
            calls[call.message_id].append(call)
    return calls


def shown_calls(calls: Sequence[Call]) -> tuple[ShownCall, ...]:
    return tuple(_shown(call) for call in calls)


def _shown(call: Call) -> ShownCall:
    arguments = shown_arguments(call.arguments)
    tool = all_tools().get(call.tool)
    is_question = tool is not None and tool.is_question
    values: dict[str, Any] = arguments if isinstance(arguments, dict) else {"arguments": arguments}
    begun, ended = call.started_at, call.ended_at
    return ShownCall(
        id=call.id,
        tool=call.tool,
        title=call.title,
        state=call.state,
        words=STATES[call.state],
        seconds=(ended - begun).total_seconds() if begun and ended else None,
        why=call.why,
        error=call.error,
        choices=choices(call),
        rows=() if is_question else tuple((name, _worded(value)) for name, value in values.items()),
        question=str(values.get("question", "")) if is_question else "",
        options=tuple(map(str, values.get("choices") or ())) if is_question else (),
    )


def _worded(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= MOST_VALUE_CHARS else f"{text[:MOST_VALUE_CHARS]}…"
