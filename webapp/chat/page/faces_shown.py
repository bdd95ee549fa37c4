"""Whose face stands beside the answers of a chat."""

from collections.abc import Sequence

from flask import url_for

from webapp.characters.shown import Face
from webapp.chat import queries
from webapp.chat.roleplay import service as roleplay
from webapp.chat.tables import Chat, Message


def face_in(chat: Chat) -> Face | None:
    """The character's, at an address that is open to everybody who may read the chat; nothing for other chats."""
    character = roleplay.character_of(chat)
    if not character:
        return None
    url = url_for("roleplay.avatar", id=chat.id, v=character.avatar_id) if character.avatar_id else ""
    return Face(character.name, url)


def face_of(messages: Sequence[Message]) -> Face | None:
    """The face of who answers among these messages of one chat."""
    return face_in(queries.chat_of(messages[0])) if messages else None
