"""Asks a person while a call is open, as older tool servers want it.

The question is stored, and its answer read from the database, as it can come to any worker. No connection is held in between.
"""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.errors import Unavailable
from webapp.engine.engine import Engine
from webapp.streaming.stop import Stop
from webapp.tools import calls as stored
from webapp.tools.calls import CallRecord
from webapp.tools.questions import ServerQuestion
from webapp.tools.tables import Call

# A server keeps its own side open meanwhile, and a person who is there answers soon.
MOST_SECONDS, POLL_SECONDS = 120.0, 0.5


def ask_while_open(
    engine: Engine,
    call: CallRecord,
    question: ServerQuestion,
    *,
    stop: Stop,
    heard: Callable[[CallRecord], None],
    seconds: float = MOST_SECONDS,
) -> ServerQuestion | None:
    """Returns the question with a person's answer, or None if there is none in time; `heard` gets the call as it changes."""
    question = _counted(question, call.asks)

    def begin(session: Session) -> CallRecord | None:
        return stored.change(session, call, after=("running",), question=question.record)

    def end(session: Session) -> CallRecord | None:
        # What the server is told if there is no answer. A person who answers after this is told so.
        return stored.answer(session, call.id, question.answered("cancel", {}, ""))

    if not (asked := _committed(engine, begin)):
        return None
    heard(asked)
    until = engine.now() + seconds
    while not stop.wait(POLL_SECONDS):
        present = _present(engine, call.id)
        if present and present.asks and not present.asks.is_open:
            heard(present)
            return present.asks
        if engine.now() >= until and (ended := _committed(engine, end)):
            heard(ended)
            return None
    return None


def with_answer(after: CallRecord, present: CallRecord) -> CallRecord:
    """Returns what has become of a call, with what a person has answered in between, as it is `present` there."""
    question = present.asks
    if after.state == "waiting" and after.asks:
        question = _counted(after.asks, present.asks)
    elif question and after.state != "unknown":
        question = question.over(keeps_values=question.by == present.decided_by)
    return replace(
        after,
        question=question.record if question else None,
        decision=present.decision,
        decided_by=present.decided_by,
        decided_at=present.decided_at,
    )


def _counted(question: ServerQuestion, before: ServerQuestion | None) -> ServerQuestion:
    """Returns a question by its number for people: one that waits on after its call has ended is still the same."""
    if not before:
        return replace(question, number=1)
    is_same = question.is_again and not (before.is_open or before.by)
    return replace(question, number=before.number if is_same else before.number + 1)


def _present(engine: Engine, id: str) -> CallRecord | None:
    try:
        with engine.in_app():
            row = db.session.get(Call, id)
            return CallRecord.of(row) if row else None
    except SQLAlchemyError:
        # It is asked again in a moment.
        return None


def _committed(engine: Engine, work: Callable[[Session], CallRecord | None]) -> CallRecord | None:
    try:
        with engine.in_app(), write(skips_queue=True) as session:
            return work(session)
    except (SQLAlchemyError, Unavailable):
        return None
