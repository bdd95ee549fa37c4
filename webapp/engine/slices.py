"""Reads many generations in slices: other greenlets run in between, and each row is read exactly once."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from webapp.engine.tables import Generation

# Rows read at a time: about 10 milliseconds.
SLICE = 1_000
ORDER = (Generation.created_at, Generation.id)


def in_slices(
    session: Session,
    query: Select[*tuple[Any, ...]],
    *,
    since: datetime,
    until: datetime | None = None,
    user_id: str = "",
    pause: Callable[[], object],
) -> Iterator[Any]:
    """Yields rows, oldest first, each with its `ORDER` as its last two columns; `pause` is called between two slices.

    A slice is a fixed number of generations of that time, and of this person if one is given, whether they match or not: while
    SQLite searches for rare rows, no other greenlet can run.
    """
    keys, statement = _keys(since, until, user_id), query.add_columns(*ORDER).order_by(*ORDER)
    after: tuple[Any, ...] = (since, "")
    while True:
        last = session.execute(_behind(keys, after).offset(SLICE - 1).limit(1)).first()
        yield from session.execute(_up_to(_behind(statement, after), last)).all()
        if last is None:
            return
        pause()
        after = tuple(last)


def _keys(since: datetime, until: datetime | None, user_id: str) -> Select[*tuple[Any, ...]]:
    conditions = [Generation.created_at >= since]
    conditions += [Generation.created_at < until] if until else []
    conditions += [Generation.user_id == user_id] if user_id else []
    return select(*cast(tuple[Any, ...], ORDER)).where(*conditions).order_by(*ORDER)


def _behind(statement: Select[*tuple[Any, ...]], last: tuple[Any, ...]) -> Select[*tuple[Any, ...]]:
    # The first condition is the one that can use an index.
    return statement.where(Generation.created_at >= last[0], tuple_(*ORDER) > last)


def _up_to(statement: Select[*tuple[Any, ...]], last: Any) -> Select[*tuple[Any, ...]]:
    return statement.where(Generation.created_at <= last[0], tuple_(*ORDER) <= tuple(last)) if last else statement
