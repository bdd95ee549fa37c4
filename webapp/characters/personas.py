"""What a person can do with personas: make, change, copy, choose one for new chats, delete and bring back."""

from dataclasses import dataclass

from sqlalchemy import update as update_rows
from sqlalchemy.orm import Session

from webapp.accounts.tables import User
from webapp.characters import avatars, queries
from webapp.characters.fields import checked_name, checked_picture, checked_text
from webapp.characters.service import empty_trash
from webapp.characters.tables import Persona
from webapp.errors import Conflict, Forbidden, Invalid
from webapp.extensions import utc_now, write

MOST_OWN = 100
NOT_YOURS = "This persona belongs to the team. Make a copy: that one is yours."


@dataclass(frozen=True, slots=True)
class Wish:
    """A persona as somebody wants it; `avatar` is None to leave the picture as it is, and empty to take it away."""

    name: str
    description: str
    avatar: bytes | None = None
    is_default: bool | None = None


def create(wish: Wish, *, by: User) -> Persona:
    """Make a persona that is this person's own."""
    values, user_id = _checked(wish), by.id
    _refuse_too_many(user_id)
    with write() as session:
        persona = Persona(user_id=user_id, **values)
        session.add(persona)
        session.flush()
        _finish(session, persona, wish)
    return persona


def update(persona: Persona, wish: Wish, *, by: User) -> None:
    """Say everything of a persona anew; chats with it follow from their next answer on."""
    _refuse_unless_theirs(persona, by)
    values, id = _checked(wish), persona.id
    with write() as session:
        persona = _existing(session, id)
        persona.name, persona.description = values["name"], values["description"]
        _finish(session, persona, wish)


def picture(persona: Persona, content: bytes, *, by: User) -> None:
    """Give a persona another picture; no bytes take it away."""
    _refuse_unless_theirs(persona, by)
    # Before anything is locked.
    checked_picture(content)
    id = persona.id
    with write() as session:
        avatars.put(session, _existing(session, id), content)


def duplicate(persona: Persona, *, by: User) -> Persona:
    """Make a copy that is this person's own."""
    _refuse_too_many(by.id)
    id, user_id = persona.id, by.id
    with write() as session:
        source = _existing(session, id)
        copy = Persona(user_id=user_id, name=source.name, description=source.description)
        session.add(copy)
        session.flush()
        avatars.copy(session, source, copy)
    return copy


def choose(persona: Persona, *, by: User, is_default: bool = True) -> None:
    """Be this in new chats with characters, or no longer."""
    if persona.user_id != by.id:
        raise Forbidden(NOT_YOURS)
    id = persona.id
    with write() as session:
        _choose(session, _existing(session, id), is_default=is_default)


def trash(persona: Persona, *, by: User) -> None:
    """Delete a persona; it can be brought back. Chats go on without it."""
    _refuse_unless_theirs(persona, by)
    with write():
        persona.deleted_at, persona.is_default = utc_now(), False
    empty_trash()


def restore(persona: Persona, *, by: User) -> None:
    """Bring a deleted persona back."""
    _refuse_unless_theirs(persona, by)
    with write():
        persona.deleted_at = None


def _checked(wish: Wish) -> dict[str, str]:
    # Before anything is locked.
    checked_picture(wish.avatar)
    description = checked_text(wish.description, "description")
    if not description:
        raise Invalid("Say a little about who you are.", field="description")
    return {"name": checked_name(wish.name), "description": description}


def _finish(session: Session, persona: Persona, wish: Wish) -> None:
    if wish.avatar is not None:
        avatars.put(session, persona, wish.avatar)
    if wish.is_default is not None and persona.user_id:
        _choose(session, persona, is_default=wish.is_default)


def _choose(session: Session, persona: Persona, *, is_default: bool) -> None:
    if is_default:
        theirs = (Persona.user_id == persona.user_id, Persona.id != persona.id)
        session.execute(update_rows(Persona).where(*theirs).values(is_default=False))
    persona.is_default = is_default


def _existing(session: Session, id: str) -> Persona:
    persona = session.get(Persona, id)
    if persona is None or persona.deleted_at:
        raise Conflict("This persona has just been deleted.")
    return persona


def _refuse_unless_theirs(persona: Persona, user: User) -> None:
    if not queries.may_change_persona(persona, user):
        raise Forbidden(NOT_YOURS)


def _refuse_too_many(user_id: str) -> None:
    if queries.persona_count_of(user_id) >= MOST_OWN:
        raise Invalid(f"You have {MOST_OWN} personas, which is the most. Delete one first.")
