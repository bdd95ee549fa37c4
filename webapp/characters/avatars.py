"""Giving a character or a persona a picture, and taking it away: each has one of its own."""

from sqlalchemy.orm import Session

from webapp.characters.fields import checked_picture
from webapp.characters.tables import Avatar, Character, Persona

Faced = Character | Persona


def put(session: Session, whose: Faced, content: bytes) -> None:
    """Shows this picture instead of the one before; no bytes take it away."""
    type = checked_picture(content)
    before = session.get(Avatar, whose.avatar_id) if whose.avatar_id else None
    whose.avatar_id = _added(session, type, content) if content else None
    session.flush()
    if before:
        session.delete(before)


def copy(session: Session, source: Faced, to: Faced) -> None:
    picture = session.get(Avatar, source.avatar_id) if source.avatar_id else None
    if picture:
        to.avatar_id = _added(session, picture.media_type, picture.content)


def _added(session: Session, type: str, content: bytes) -> str:
    picture = Avatar(media_type=type, content=content)
    session.add(picture)
    session.flush()
    return picture.id
