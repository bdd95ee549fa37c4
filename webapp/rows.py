"""Rows by ready statements, without the unit of work, which costs many times the database."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Select, Table, bindparam, insert, inspect, select, update
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

from webapp.db import Base
from webapp.statements import Ready

R = TypeVar("R", bound=Base)
# What stands before the parameters of a condition, so that they are not taken for new values.
AT = "at_"


def table(kind: type[Base]) -> Table:
    """What a ready statement is made of."""
    return cast(Table, kind.__table__)


def names(kind: type[Base]) -> list[str]:
    """Of its columns, in the order in which they are selected."""
    return list(_columns(kind))


def put(session: Session, *things: Base) -> None:
    """Stores new rows of one table in one statement; their objects count as read from then on."""
    store(session, *things)
    for thing in things:
        keep(session, thing)


def store(session: Session, *things: Base) -> None:
    """The same for what nobody asks the session for: to take an object in costs as much as to store its row."""
    values = [values_of(thing) for thing in things]
    _insertion(type(things[0])).run(session, *values)


def keep(session: Session, thing: Base) -> None:
    """An object whose row was stored just now belongs to the session like one that was read."""
    make_transient_to_detached(thing)
    session.add(thing)


def found(session: Session, kind: type[R], id: str) -> R | None:
    """The row with this id, asked for unless the session knows it as it is."""
    known: R | None = session.identity_map.get(session.identity_key(kind, id))
    if known is not None and not inspect(known).expired:
        return known
    row = _finding(kind).first(session, {"id": id})
    return read(session, kind, row._asdict()) if row else None


def one(session: Session, kind: type[R], id: str) -> R:
    """The same of a row that is there; raises `NoResultFound` when it has gone."""
    if (thing := found(session, kind, id)) is None:
        raise NoResultFound
    return thing


def held(session: Session, kind: type[R], id: str) -> R | None:
    """The row with this id as it is now; until the end of the transaction, whoever else wants to hold it waits."""
    row = _holding(kind).first(session, {"id": id})
    return read(session, kind, row._asdict()) if row else None


def change(session: Session, thing: Base, *, returning: ColumnElement[Any], **values: Any) -> Any:
    """Stores new values of a row that was read, and gives what is asked of it; its object holds them from then on."""
    (id,) = session.identity_key(instance=thing)[1]
    found = _update(type(thing), tuple(values), returning).scalar(session, {f"{AT}id": id, **values})
    _hold(thing, values)
    return found


def differing(thing: Base, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of new values that a row did not have when it was read: with the others nothing saved since is undone."""
    return {name: value for name, value in values.items() if getattr(thing, name) != value}


def read(session: Session, kind: type[R], values: Mapping[str, Any]) -> R:
    """The object of a row that a statement has given; what is not among the values is read when somebody asks for it."""
    known: R | None = session.identity_map.get(session.identity_key(kind, values["id"]))
    if known is not None:
        _hold(known, values)
        return known
    thing = kind()
    # What the session does not know yet it takes as it finds it.
    thing.__dict__.update(values)
    keep(session, thing)
    return thing


def read_beside(session: Session, row: Sequence[Any], *kinds: type[Base]) -> tuple[Any, ...]:
    """The objects of a row that has the columns of several tables, one table after the other."""
    objects, start = list[Any](), 0
    for kind in kinds:
        end = start + len(names(kind))
        objects.append(read(session, kind, dict(zip(names(kind), row[start:end], strict=True))))
        start = end
    return tuple(objects)


def _hold(thing: Base, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        set_committed_value(thing, name, value)


def values_of(thing: Base) -> dict[str, Any]:
    """What a new row holds: what it was given, and what the table says of the rest."""
    given = thing.__dict__
    values = {name: given[name] if name in given else _default(default) for name, default in _columns(type(thing)).items()}
    given.update(values)
    return values


def _default(default: Any) -> Any:
    return None if default is None else default.arg(None) if default.is_callable else default.arg


@cache
def _columns(kind: type[Base]) -> dict[str, Any]:
    return {column.key: column.default for column in table(kind).columns}


@cache
def _insertion(kind: type[Base]) -> Ready:
    return Ready(insert(table(kind)))


@cache
def _finding(kind: type[Base]) -> Ready:
    return Ready(_with_id(kind))


@cache
def _holding(kind: type[Base]) -> Ready:
    return Ready(_with_id(kind).with_for_update(key_share=True))


def _with_id(kind: type[Base]) -> Select[Any]:
    return select(table(kind)).where(table(kind).c.id == bindparam("id"))


@cache
def _update(kind: type[Base], names: tuple[str, ...], returning: ColumnElement[Any]) -> Ready:
    changed = update(table(kind)).where(table(kind).c.id == bindparam(f"{AT}id"))
    return Ready(changed.values({name: bindparam(name) for name in names}).returning(returning))
