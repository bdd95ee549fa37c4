"""The outcome of every answer, read in slices from the records of generations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, Text, and_, case, cast, func, not_, or_, select
from sqlalchemy.orm import aliased

from webapp.base.db import db, is_sqlite
from webapp.base.heavy import bounded
from webapp.base.heavy.turns import queue_for_turn
from webapp.engine.duties.report import FALLBACKS
from webapp.engine.engine import the_engine
from webapp.engine.slices import in_slices
from webapp.engine.tables import ACTIVE, NOT_HERE, Generation
from webapp.operations.insights.figures import BROKEN, AnswerFacts
from webapp.tools.tables import Call

OUTCOMES = ("", "broken", "fallback")
# Of one day; more are not counted.
MOST_CALLS = 20_000


@dataclass(frozen=True, slots=True)
class AnswerFilter:
    """A filter for answers: requested from `since` on and before `until`, and optionally by person, kind, models and prompt."""

    since: datetime
    until: datetime
    user_id: str = ""
    kind: str = ""
    models: Sequence[str] = ()
    outcome: str = ""
    prompt: str = ""


def answered(answer_filter: AnswerFilter) -> Iterator[AnswerFacts]:
    """Yields the requested answers, oldest first; other greenlets run between two slices."""
    return (answer for _, answer in timed(answer_filter))


def timed(answer_filter: AnswerFilter) -> Iterator[tuple[datetime, AnswerFacts]]:
    """Yields the requested answers, oldest first, each with the time of its request."""
    statement = _where(select(*_columns()), answer_filter)
    return _read(statement, since=answer_filter.since, until=answer_filter.until, user_id=answer_filter.user_id)


def all_answered(since: datetime, until: datetime) -> Iterator[AnswerFacts]:
    """Yields answers of every kind, including those that were not requested by a person."""
    one = Generation
    conditions = one.created_at >= since, one.created_at < until, one.status.not_in(ACTIVE), one.kind != NOT_HERE
    return (answer for _, answer in _read(select(*_columns()).where(*conditions), since=since, until=until))


def _read(query: Select[*tuple[Any, ...]], **among: Any) -> Iterator[tuple[datetime, AnswerFacts]]:
    # Waits for a turn: twenty people released together, for example by the same mail server, would otherwise continue in the
    # same iteration of the event loop.
    queue_for_turn()
    for row in in_slices(db.session(), query, pause=queue_for_turn, **among):
        yield row[-2], AnswerFacts(*row[:-2])


def called(answer_filter: AnswerFilter) -> Iterator[tuple[datetime, str, str, int | None]]:
    """Yields the calls of the requested answers: the beginning of its day of the period, the tool, the state, and the time in ms.

    Day by day; other greenlets run in between.
    """
    columns = select(Call.tool, Call.state, _ms(Call.ended_at, Call.started_at))
    statement = _where(columns.select_from(Call).join(Generation, Generation.id == Call.generation_id), answer_filter)
    at = answer_filter.since
    while at < answer_filter.until:
        begins, at = at, min(at + timedelta(days=1), answer_filter.until)
        of_day = statement.where(Call.asked_at >= begins, Call.asked_at < at).limit(MOST_CALLS)
        for tool, state, ms in db.session.execute(of_day).all():
            yield begins, tool, state, ms
        queue_for_turn()


def newest(answer_filter: AnswerFilter, *, before: str = "", limit: int) -> list[Generation]:
    """Returns a page of answers, newest first, of those before the answer with this id.

    A rare outcome can require a scan of all answers: raises `TooLate` when that takes long.
    """
    one = Generation
    statement = _where(select(one.id), answer_filter).order_by(one.id.desc()).limit(limit)
    statement = statement.where(one.id < before) if before else statement
    ids = bounded.column(statement)
    return list(db.session.scalars(select(one).where(one.id.in_(ids)).order_by(one.id.desc()))) if ids else []


def generation_of(id: str, user_id: str) -> Generation | None:
    """Returns an answer that has ended; with a `user_id`, only if it is theirs."""
    generation = db.session.get(Generation, id)
    if generation is None or generation.is_active or generation.kind == NOT_HERE:
        return None
    return generation if user_id in ("", generation.user_id) else None


def is_fallback(one: Generation) -> bool:
    """Returns whether another model than the requested one answered."""
    return any(notice.get("code") in FALLBACKS for notice in one.notices or ())


def ms_since_asked(one: Generation, at: datetime | None) -> int | None:
    return None if at is None else max(0, round((at - one.created_at).total_seconds() * 1000))


def _columns() -> tuple[Any, ...]:
    """Returns the columns of `Answered`, computed by the database.

    Creating Python objects for all times and notices would take ten times as long.
    """
    one, at = Generation, Generation.created_at
    return (
        func.substr(at, 1, 13) if is_sqlite() else func.to_char(func.timezone("UTC", at), "YYYY-MM-DD HH24"),
        one.kind.expression,
        one.user_id.expression,
        one.model,
        case((_is_broken(), 1), else_=0),
        _ms(one.first_text_at),
        _ms(one.ended_at),
        case((_has_fallen_back(), 1), else_=0),
        one.input_tokens.expression,
        one.output_tokens.expression,
        one.cost.expression,
        one.reading_ms.expression,
        one.led_by.expression,
    )


def _where(statement: Select[*tuple[Any, ...]], answer_filter: AnswerFilter) -> Select[*tuple[Any, ...]]:
    one = Generation
    statement = statement.where(
        one.created_at >= answer_filter.since, one.created_at < answer_filter.until, one.status.not_in(ACTIVE)
    )
    statement = statement.where(is_asked(one.kind, answer_filter.kind))
    if answer_filter.user_id:
        statement = statement.where(one.user_id == answer_filter.user_id)
    if answer_filter.outcome:
        statement = statement.where(_is_broken() if answer_filter.outcome == "broken" else _has_fallen_back())
    if answer_filter.prompt:
        statement = statement.where(one.led_by == answer_filter.prompt)
    return statement.where(one.model.in_(answer_filter.models)) if answer_filter.models else statement


def is_asked(column: Any, kind: str) -> ColumnElement[bool]:
    """Returns the condition for this kind, or for any kind that people request: no side tasks, and no imported answers."""
    side_kinds = [name for name, kind in the_engine().kinds.items() if kind.is_side_request]
    condition: ColumnElement[bool] = column == kind if kind else column.not_in([NOT_HERE, *side_kinds])
    return condition


def _is_broken() -> ColumnElement[bool]:
    """Whether an answer failed or was interrupted; one that a restart cut off and another one continues was neither."""
    later = aliased(Generation)
    is_continued = select(later.id).where(later.continues_id == Generation.id).exists()
    return and_(Generation.status.in_(BROKEN), not_(and_(Generation.reason == "server_restart", is_continued)))


def _has_fallen_back() -> ColumnElement[bool]:
    notices = cast(Generation.notices, Text)
    return or_(*(notices.contains(f'"code": "{code}"') for code in sorted(FALLBACKS)))


def _ms(at: Any, since: Any = Generation.created_at) -> ColumnElement[int]:
    """Returns the time since the request, or since another moment, in milliseconds."""
    if is_sqlite():
        return cast(func.round((func.julianday(at) - func.julianday(since)) * 86_400_000), Integer)
    # An answer can wait for a person for longer than the 24 days that fit into an integer.
    return cast(func.round(func.extract("epoch", at - since) * 1000), BigInteger)
