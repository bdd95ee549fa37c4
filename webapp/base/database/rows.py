"""Reads and writes rows below the ORM: its unit of work costs several times as much as the database."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Table, bindparam, insert, inspect, select, update
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

from webapp.base.database.statements import Prepared
from webapp.base.db import Base

R = TypeVar("R", bound=Base)
# Prefix for the parameters of a WHERE clause, so that they don't collide with those of the new values.
AT = "at_"


def table(kind: type[Base]) -> Table:
    """Returns the Core table of a mapped class, from which its statements are built."""
    return cast(Table, kind.__table__)


def names(kind: type[Base]) -> list[str]:
    """Returns the column names of a table in the order in which they are selected."""
    return list(_columns(kind))


def put(session: Session, *things: Base) -> None:
    """Inserts new rows of one table in one statement, and attaches their objects to the session."""
    store(session, *things)
    for thing in things:
        attach(session, thing)


def store(session: Session, *things: Base) -> None:
    """Inserts rows without attaching their objects, which costs as much as the insert."""
    values = [values_of(thing) for thing in things]
    _insertion(type(things[0])).run(session, *values)


def attach(session: Session, thing: Base) -> None:
    """Attaches an object whose row was just inserted to the session, as if it had been loaded."""
    make_transient_to_detached(thing)
    session.add(thing)


def found(session: Session, kind: type[R], id: str) -> R | None:
    """Returns the row with this id like `Session.get`, for less: from the session if it is there, else from the database."""
    known: R | None = session.identity_map.get(session.identity_key(kind, id))
    if known is not None and not inspect(known).expired:
        return known
    row = _finding(kind).first(session, {"id": id})
    return read(session, kind, row._asdict()) if row else None


def locked(session: Session, kind: type[R], id: str) -> R | None:
    """Loads the row with this id and locks it until the end of the transaction (FOR NO KEY UPDATE on PostgreSQL)."""
    row = _holding(kind).first(session, {"id": id})
    return read(session, kind, row._asdict()) if row else None


def change(session: Session, thing: Base, *, returning: ColumnElement[Any], **values: Any) -> Any:
    """Updates columns of a row that was read, also in its object; returns the value of `returning`."""
    (id,) = session.identity_key(instance=thing)[1]
    result = _update(type(thing), tuple(values), returning).scalar(session, {f"{AT}id": id, **values})
    _set_values(thing, values)
    return result


def differing(thing: Base, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values that differ from the row as it was read: writing the others could undo a concurrent change."""
    return {name: value for name, value in values.items() if getattr(thing, name) != value}


def read(session: Session, kind: type[R], values: Mapping[str, Any]) -> R:
    """Returns the object of a row that a statement selected; columns missing from `values` are loaded on access."""
    loaded: R | None = session.identity_map.get(session.identity_key(kind, values["id"]))
    if loaded is not None:
        _set_values(loaded, values)
        return loaded
    thing = kind()
    # A new object has no changes to track, so its values are set without instrumentation.
    inspect(thing).dict.update(values)
    attach(session, thing)
    return thing


def read_joined(session: Session, row: Sequence[Any], *kinds: type[Base]) -> tuple[Any, ...]:
    """Returns the objects of a joined row, which has the columns of several tables one after the other."""
    objects, start = list[Any](), 0
    for kind in kinds:
        end = start + len(names(kind))
        objects.append(read(session, kind, dict(zip(names(kind), row[start:end], strict=True))))
        start = end
    return tuple(objects)


def _set_values(thing: Base, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        set_committed_value(thing, name, value)


def values_of(thing: Base) -> dict[str, Any]:
    """Returns the values of a new row: those that were set, and the table's defaults for the rest."""
    attributes = inspect(thing).dict
    values = {
        name: attributes[name] if name in attributes else _default(default) for name, default in _columns(type(thing)).items()
    }
    attributes.update(values)
    return values


def _default(default: Any) -> Any:
    return None if default is None else default.arg(None) if default.is_callable else default.arg


@cache
def _columns(kind: type[Base]) -> dict[str, Any]:
    return {column.key: column.default for column in table(kind).columns}


@cache
def _insertion(kind: type[Base]) -> Prepared:
    return Prepared(insert(table(kind)))


@cache
def _finding(kind: type[Base]) -> Prepared:
    columns = [attribute.columns[0] for attribute in inspect(kind).column_attrs if not attribute.deferred]
    return Prepared(select(*columns).where(table(kind).c.id == bindparam("id")))


@cache
def _holding(kind: type[Base]) -> Prepared:
    rows = table(kind)
    return Prepared(select(rows).where(rows.c.id == bindparam("id")).with_for_update(key_share=True))


@cache
def _update(kind: type[Base], names: tuple[str, ...], returning: ColumnElement[Any]) -> Prepared:
    changed = update(table(kind)).where(table(kind).c.id == bindparam(f"{AT}id"))
    return Prepared(changed.values({name: bindparam(name) for name in names}).returning(returning))
