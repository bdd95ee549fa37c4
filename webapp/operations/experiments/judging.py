"""Judges the outcome of answers in an experiment: checks each repeatedly for a day, then never again."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, ScalarSelect, Select, Text, bindparam, case, cast, func, select, update
from sqlalchemy.orm import aliased

from webapp.base.db import db, utc_now, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.chat.record.tables import Chat, Feedback, Message
from webapp.engine.tables import ACTIVE, Generation
from webapp.prompts.tables import Experiment, Exposure

# A dissatisfied person tries again or deletes the answer by then; a thumb can come later.
HESITATION, A_DAY = timedelta(minutes=10), timedelta(days=1)
SLICE = 500
STORED_AT_ONCE = 100
BROKEN = ("failed", "interrupted")
MENDED = '"code": "mending"'


class JudgedAnswer(NamedTuple):
    """What is known of an answer; `regretted_at` is when it was first tried again or deleted."""

    status: str
    reason: str
    ended_at: datetime | None
    is_mended: bool
    thumb: bool | None
    regretted_at: datetime | None


def judge(experiment: Experiment) -> None:
    """Stores changed outcomes; other greenlets run between two slices."""
    id, outcome, after = experiment.id, experiment.outcome, ""
    while rows := db.session.execute(_unsettled(id, after)).all():
        now = utc_now()
        values_by_id = {row.id: values for row in rows if (values := _values(row, outcome, now))}
        _store(values_by_id)
        after = rows[-1].id
        queue_for_turn()


def is_good(answer: JudgedAnswer, outcome: str, now: datetime) -> bool | None:
    """Returns whether it counts as a success; None while that is unknown, or if it does not count."""
    if answer.ended_at is None:
        return None
    if outcome == "thumbs":
        return answer.thumb
    is_complete = answer.status == "completed"
    if outcome in ("completed", "unrepaired"):
        return is_complete and not (outcome == "unrepaired" and answer.is_mended)
    if answer.thumb is not None:
        return answer.thumb
    until = answer.ended_at + HESITATION
    if not is_complete or (answer.regretted_at and answer.regretted_at <= until):
        return False
    return True if now >= until else None


def _values(row: Row[Any], outcome: str, now: datetime) -> dict[str, Any]:
    """Returns the changed values of an answer; one that vanished with its chat keeps its last ones.

    If such an answer had not been judged yet, it counts as deleted, and so not as good.
    """
    is_over = now - row.created_at >= A_DAY
    if row.status is None:
        is_lost = outcome == "good" and row.is_good is None
        return {"settled_at": now, **({"is_good": False} if is_lost else {})}
    if row.status in ACTIVE:
        return {"settled_at": now, "is_broken": True, "is_good": None} if now - row.created_at > 2 * A_DAY else {}
    moments = (moment for moment in (row.again_at, row.message_deleted_at, row.chat_deleted_at) if moment)
    thumb = None if row.thumb is None else bool(row.thumb)
    answer = JudgedAnswer(row.status, row.reason, row.ended_at, bool(row.is_mended), thumb, min(moments, default=None))
    first = row.first_text_at
    new = {
        "is_good": is_good(answer, outcome, now),
        "is_broken": row.status in BROKEN,
        "first_text_ms": max(0, round((first - row.asked_at).total_seconds() * 1000)) if first else None,
        "cost": float(row.answer_cost) if row.answer_cost is not None else None,
    }
    changed = {name: value for name, value in new.items() if getattr(row, name) != value}
    return {**changed, **({"settled_at": now} if is_over else {})}


def _store(values_by_id: dict[str, dict[str, Any]]) -> None:
    """Stores a few at a time: on SQLite, no other writer can run during a transaction."""
    ids = list(values_by_id)
    for start in range(0, len(ids), STORED_AT_ONCE):
        _write({id: values_by_id[id] for id in ids[start : start + STORED_AT_ONCE]})
        queue_for_turn()


def _write(values_by_id: dict[str, dict[str, Any]]) -> None:
    """Updates the rows with the same columns in one statement."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for id, values in values_by_id.items():
        alike[tuple(values)].append({"of": id, **{f"new_{name}": value for name, value in values.items()}})
    with write() as session:
        for names, rows in alike.items():
            statement = update(Exposure).where(Exposure.id == bindparam("of"), Exposure.settled_at.is_(None))
            session.connection().execute(statement.values({name: bindparam(f"new_{name}") for name in names}), rows)


def _unsettled(experiment_id: str, after: str) -> Select[*tuple[Any, ...]]:
    one, generation = Exposure, Generation
    is_it = one.experiment_id == experiment_id, one.settled_at.is_(None), one.id > after
    columns: tuple[Any, ...] = (
        *(one.id, one.created_at, one.is_good, one.is_broken, one.first_text_ms, one.cost),
        *(generation.status, generation.reason, generation.ended_at, generation.first_text_at),
        *(generation.created_at.label("asked_at"), generation.cost.label("answer_cost")),
        cast(generation.notices, Text).contains(MENDED).label("is_mended"),
        *(Message.deleted_at.label("message_deleted_at"), Chat.deleted_at.label("chat_deleted_at")),
        *(_thumbs(), _again_at()),
    )
    query = select(*columns).select_from(one).outerjoin(generation, generation.id == one.generation_id)
    query = query.outerjoin(Message, Message.id == generation.message_id).outerjoin(Chat, Chat.id == Message.chat_id)
    return query.where(*is_it).order_by(one.id).limit(SLICE)


def _thumbs() -> Any:
    # Of several people's, a thumb down wins.
    thumb = func.min(case((Feedback.is_good, 1), else_=0))
    return select(thumb).where(Feedback.message_id == Message.id).correlate(Message).scalar_subquery().label("thumb")


def _again_at() -> Any:
    other = aliased(Message)
    is_later = other.parent_id == Message.parent_id, other.role == "assistant", other.id > Message.id
    next_question_at: ScalarSelect[Any] = select(func.min(other.created_at)).where(*is_later).correlate(Message).scalar_subquery()
    return next_question_at.label("again_at")
