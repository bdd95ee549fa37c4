"""Variables set by placeholders: a chat's, stored with each message that changes them, and a person's for all their chats."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, String, bindparam, literal, select, update
from sqlalchemy.orm import Session, aliased

from webapp.base.database import rows
from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid
from webapp.characters.macros.chat_variables import Variables, VariableStore, storable
from webapp.chat.record.tables import Chat, Message, PersonVariables
from webapp.people.accounts.tables import User

ELSEWHERE = "The variables have just changed elsewhere. Please check and try again."
BOUNDS = "up to 100 variables, with names of 100 characters and values of 2,000, and 20,000 characters in all."


def variables_at(message_id: str | None) -> dict[str, str]:
    """Returns a chat's variables after a message: those of the nearest message, from this one upwards, that has some."""
    values = db.session.scalar(NEAREST, {"id": message_id}) if message_id else None
    return dict(values) if values else {}


def variables_of_person(id: str | None) -> dict[str, str]:
    row = db.session.get(PersonVariables, id) if id else None
    return dict(row.kept) if row else {}


def variables_below(parent: Message | str | None, chat: Chat, *, is_personal: bool = True) -> Variables:
    """Returns the variables for what follows a message, possibly not stored yet; both sets are loaded lazily."""
    if isinstance(parent, Message):
        own, above = parent.variables, parent.parent_id
        local = VariableStore(lambda: variables_at(above) if own is None else own)
    else:
        local = VariableStore(lambda: variables_at(parent))
    return Variables(local, VariableStore(lambda: variables_of_person(chat.owner_id) if is_personal else {}))


def changed_values(variables: Variables | None) -> dict[str, str] | None:
    """Returns the variables to store with a message; None if they are unchanged."""
    return dict(variables.local.values) if variables and variables.local.is_changed else None


def store_variables(session: Session, person_id: str, store: VariableStore) -> None:
    """Stores the changed variables of a person; if two calls change the same one, the last one wins."""
    if not store.is_changed:
        return
    if rows.locked(session, User, person_id):
        # An answer in another chat can have stored variables since these were read.
        now = session.get(PersonVariables, person_id, populate_existing=True)
        session.merge(PersonVariables(user_id=person_id, kept=store.applied_to(now.kept if now else {})))


def replace(chat: Chat, values: Mapping[str, Any], *, seen: Mapping[str, str] | None = None) -> None:
    """Replaces a chat's variables from its head on, on this branch and those that begin there.

    `seen` are the variables when the person began to edit them: variables changed elsewhere since then are kept, and a
    conflicting change raises `Conflict`.
    """
    with write() as session:
        here = rows.locked(session, Chat, chat.id)
        before = variables_at(here.head_id if here else None)
        fitting = checked_in(here, _onto(before, values, seen) if seen is not None else values)
        if here and before != fitting:
            session.execute(update(Message).where(Message.id == here.head_id).values(variables=fitting))


def checked_in(chat: Chat | None, values: Mapping[str, Any]) -> dict[str, str]:
    """Returns the variables as stored; raises `Conflict` for a chat without messages and `Invalid` if they exceed a limit."""
    if not chat or not chat.head_id:
        raise Conflict("A chat has variables from its first message on.")
    return _fitting(values, f"A chat has {BOUNDS}")


def replace_own(person_id: str, values: Mapping[str, Any], *, seen: Mapping[str, str] | None = None) -> None:
    """Replaces the variables that a person has in all their chats; `seen` as in `replace`."""
    with write() as session:
        if rows.locked(session, User, person_id):
            new_values = _onto(variables_of_person(person_id), values, seen) if seen is not None else values
            session.merge(PersonVariables(user_id=person_id, kept=_fitting(new_values, f"You can have {BOUNDS}")))


def changed_names(values: Mapping[str, str], seen: Mapping[str, str]) -> set[str]:
    """Returns the names of the variables that were changed, added or removed."""
    return {name for name in (*seen, *values) if seen.get(name) != values.get(name)}


def _fitting(values: Mapping[str, Any], refusal: str) -> dict[str, str]:
    fitting = storable(dict(values))
    if len(fitting) < len(values):
        raise Invalid(refusal, field="variables")
    return fitting


def _onto(now: Mapping[str, str], values: Mapping[str, Any], seen: Mapping[str, str]) -> dict[str, Any]:
    names = changed_names(values, seen)
    if any(now.get(name) not in (seen.get(name), values.get(name)) for name in names):
        raise Conflict(ELSEWHERE)
    return {name: value for name, value in now.items() if name not in names} | {
        name: values[name] for name in values if name in names
    }


def _nearest_statement() -> Select[dict[str, str] | None]:
    start = select(Message.id, Message.parent_id, Message.variables.is_(None).label("is_none"), literal(0).label("height"))
    up = start.where(Message.id == bindparam("id", type_=String)).cte("up", recursive=True)
    parent = aliased(Message)
    step = select(parent.id, parent.parent_id, parent.variables.is_(None), up.c.height + 1)
    up = up.union_all(step.where(parent.id == up.c.parent_id, up.c.is_none))
    query = select(Message.variables).join(up, up.c.id == Message.id)
    return query.order_by(up.c.height.desc()).limit(1)


NEAREST = _nearest_statement()
