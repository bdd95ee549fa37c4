"""What became of every answer, from the records of generations, read in slices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, func, select, tuple_

from webapp.db import db
from webapp.engine.engine import the_engine
from webapp.engine.report import FALLBACKS
from webapp.engine.tables import ACTIVE, NOT_HERE, Generation
from webapp.heavy.turns import give_way
from webapp.insights.figures import BROKEN, Answered

# Read in one go: about 10 milliseconds.
SLICE = 1_000
OUTCOMES = ("", "broken", "fallback")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which answers: asked from `since` on and before `until`, and, where that is said, by whom, of which kind and model."""

    since: datetime
    until: datetime
    user_id: str = ""
    kind: str = ""
    model: str = ""
    outcome: str = ""


def answered(wanted: Wanted) -> Iterator[Answered]:
    """All of them, oldest first; others have their turn between two slices."""
    place = (Generation.created_at, Generation.id)
    statement = _statement(wanted).order_by(*place).limit(SLICE)
    rows = db.session.execute(statement).all()
    while rows:
        yield from _fitting(rows, wanted)
        if len(rows) < SLICE:
            return
        give_way()
        last = rows[-1]
        rows = db.session.execute(statement.where(tuple_(*place) > (last.created_at, last.id))).all()


def newest(wanted: Wanted, *, before: str = "", limit: int) -> list[Answered]:
    """A page of them, newest first, from before the answer with this id."""
    found = list[Answered]()
    statement = _statement(wanted).order_by(Generation.id.desc()).limit(SLICE)
    while len(found) < limit:
        rows = db.session.execute(statement.where(Generation.id < before) if before else statement).all()
        found += _fitting(rows, wanted)
        if len(rows) < SLICE:
            break
        before = rows[-1].id
        give_way()
    return found[:limit]


def generation_of(id: str, user_id: str) -> Generation | None:
    """One that has ended; with a `user_id` only theirs."""
    found = db.session.get(Generation, id)
    is_there = found is not None and not found.is_active and found.kind != NOT_HERE
    return found if is_there and (not user_id or found.user_id == user_id) else None  # type: ignore[union-attr]


def told(one: Generation) -> Answered:
    """A row of the table in the words of this page."""
    return _answered(one, one.model_used or one.model_asked)


def _statement(wanted: Wanted) -> Select[Any]:
    one, model = Generation, func.coalesce(func.nullif(Generation.model_used, ""), Generation.model_asked)
    columns = (one.id, one.kind, one.lane, one.user_id, one.status, one.reason, one.notices, one.input_tokens, one.output_tokens)
    times = (one.cost, one.created_at, one.first_text_at, one.ended_at)
    statement = select(*columns, *times, model.label("model")).where(
        one.created_at >= wanted.since, one.created_at < wanted.until, one.status.not_in(ACTIVE)
    )
    statement = statement.where(one.kind == wanted.kind if wanted.kind else one.kind.not_in(_not_asked()))
    if wanted.user_id:
        statement = statement.where(one.user_id == wanted.user_id)
    if wanted.outcome == "broken":
        statement = statement.where(one.status.in_(BROKEN))
    return statement.where(model == wanted.model) if wanted.model else statement


def _not_asked() -> list[str]:
    """Kinds that nobody has asked for: what is made beside an answer, and what came with a file."""
    return [NOT_HERE, *(name for name, kind in the_engine().kinds.items() if kind.is_aside)]


def _fitting(rows: Sequence[Row[Any]], wanted: Wanted) -> Iterator[Answered]:
    """Whether another model had to answer is said in the notices, which no database looks into quickly."""
    made = (_answered(row, row.model) for row in rows)
    return (each for each in made if each.is_fallback) if wanted.outcome == "fallback" else made


def _answered(row: Any, model: str) -> Answered:
    return Answered(
        row.id,
        row.kind,
        row.lane.removeprefix("chat:") if row.lane.startswith("chat:") else "",
        row.user_id,
        model,
        row.status,
        row.reason,
        row.created_at,
        _since(row.created_at, row.first_text_at),
        _since(row.created_at, row.ended_at),
        any(each.get("code") in FALLBACKS for each in row.notices or ()),
        row.input_tokens,
        row.output_tokens,
        None if row.cost is None else Decimal(row.cost),
    )


def _since(asked_at: datetime, at: datetime | None) -> int | None:
    return None if at is None else max(0, round((at - asked_at).total_seconds() * 1000))
