"""Operations on personas: create, update, copy, and choose one for new chats."""

from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import update as update_rows
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import write
from webapp.base.errors import Forbidden, Invalid
from webapp.base.inputs import TEXT_CHARS, AnyId, Input, Name, Prose, Refusal
from webapp.characters import profiles
from webapp.characters.lore import service as lore_service
from webapp.characters.tables import CharacterPersona, Persona
from webapp.people.accounts.tables import User

COPIED = ("name", "description", "lorebook_ids")


class PersonaInput(Input):
    """What is entered for a persona; None keeps what there is."""

    name: Name
    description: Annotated[
        str, Field(min_length=1, max_length=TEXT_CHARS), Prose, Refusal("Say a little about yourself.", fault="string_too_short")
    ]
    is_default: bool | None = None
    lorebook_ids: Annotated[list[AnyId], Field(max_length=lore_service.MOST_ATTACHED)] | None = None


def create(entered: PersonaInput, *, by: User, picture: bytes | None = None) -> Persona:
    """Creates a persona that this person owns."""
    picture = picture and profiles.fitted_picture(picture)
    values, user_id = _checked(entered, by), by.id
    profiles.PERSONAS.count_new(user_id)
    with write() as session:
        persona = Persona(owner_id=user_id, **values)
        session.add(persona)
        session.flush()
        _finish(session, persona, entered, picture)
    return persona


def change(persona: Persona, entered: PersonaInput, *, by: User, picture: bytes | None = None) -> None:
    """Replaces all fields of a persona; its chats use them from their next answer. Empty bytes remove the picture."""
    profiles.PERSONAS.refuse_unless_owner(persona, by)
    picture = picture and profiles.fitted_picture(picture)
    if entered.lorebook_ids and not persona.owner_id:
        raise Invalid("The team's personas have no lorebooks. Duplicate one to get your own.", field="lorebooks")
    values, id = rows.differing(persona, _checked(entered, by)), persona.id
    with write() as session:
        persona = profiles.PERSONAS.existing(session, id)
        for name, value in values.items():
            setattr(persona, name, value)
        _finish(session, persona, entered, picture)


def duplicate(persona: Persona, *, by: User) -> Persona:
    """Creates a copy that this person owns."""
    return profiles.duplicate(persona, lambda source: {name: getattr(source, name) for name in COPIED}, by=by)


def choose(persona: Persona, *, by: User, is_default: bool = True) -> None:
    """Makes this the person's default persona for new chats with characters, or clears the default."""
    if persona.owner_id != by.id:
        raise Forbidden("This persona belongs to the team. Duplicate it to get your own.")
    id = persona.id
    with write() as session:
        _choose(session, profiles.PERSONAS.existing(session, id), is_default=is_default)


def keep_with(character_id: str, persona: Persona | None, *, by: User) -> None:
    """Has the person's new chats with a character begin with this persona; with None, with their default again."""
    user_id, persona_id = by.id, persona.id if persona else ""
    with write() as session:
        # Locked, so that only one request at a time adds the row.
        rows.locked(session, User, user_id)
        profiles.CHARACTERS.existing(session, character_id)
        kept = session.get(CharacterPersona, (user_id, character_id))
        if kept and persona_id:
            kept.persona_id = persona_id
        elif kept:
            session.delete(kept)
        elif persona_id:
            session.add(CharacterPersona(user_id=user_id, character_id=character_id, persona_id=persona_id))


def _checked(entered: PersonaInput, by: User) -> dict[str, Any]:
    values = entered.model_dump(include={"name", "description"})
    return values if entered.lorebook_ids is None else {**values, "lorebook_ids": lore_service.checked(by, entered.lorebook_ids)}


def _finish(session: Session, persona: Persona, entered: PersonaInput, picture: bytes | None) -> None:
    if picture is not None:
        profiles.put_picture(session, persona, picture)
    if entered.is_default is not None and persona.owner_id:
        _choose(session, persona, is_default=entered.is_default)


def _choose(session: Session, persona: Persona, *, is_default: bool) -> None:
    if is_default:
        theirs = (Persona.owner_id == persona.owner_id, Persona.id != persona.id)
        session.execute(update_rows(Persona).where(*theirs).values(is_default=False))
    persona.is_default = is_default
