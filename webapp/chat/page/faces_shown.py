"""The names and avatars shown next to the answers of a chat."""

from collections.abc import Sequence

from flask import url_for

from webapp.accounts.tables import User
from webapp.characters import queries as cast
from webapp.characters.shown import Face
from webapp.chat import queries
from webapp.chat.roleplay import service as roleplay
from webapp.chat.tables import Chat, Message
from webapp.db import db


def face_in(chat: Chat) -> Face | None:
    """Returns the character's face, with an avatar URL open to all readers of the chat; None without a character."""
    character = roleplay.character_of(chat)
    return Face(character.name, _url(chat, character.id, character.avatar_id)) if character else None


def members_in(chat: Chat) -> list[tuple[str, Face]]:
    """Returns the members that can speak in a group, by id, with their faces."""
    there = cast.members(db.session(), chat.owner_id, chat.character_ids)
    return [(each.id, Face(each.name, _url(chat, each.id, each.avatar_id))) for each in there]


def faces_of(messages: Sequence[Message]) -> dict[str, Face]:
    """Returns the faces of these answers by message id, each under the speaker's name at that time."""
    answers = [each for each in messages if each.role == "assistant"]
    named, others = [each for each in answers if each.speaker_name], [each for each in answers if not each.speaker_name]
    chat = queries.chat_of(answers[0]) if answers else None
    face = face_in(chat) if chat and others else None
    pictures = _pictures(chat, {each.speaker_id for each in named if each.speaker_id}) if chat and named else {}
    found = {each.id: Face(each.speaker_name, pictures.get(each.speaker_id or "", "")) for each in named}
    return found | ({each.id: face for each in others} if face else {})


def _pictures(chat: Chat, ids: set[str]) -> dict[str, str]:
    owner = db.session.get(User, chat.owner_id) if chat.owner_id else None
    seen = cast.named(owner, sorted(ids)) if owner else []
    return {each.id: _url(chat, each.id, each.avatar_id) for each in seen}


def _url(chat: Chat, id: str, avatar_id: str | None) -> str:
    of = None if id == chat.character_id else id
    return url_for("roleplay.avatar", id=chat.id, of=of, v=avatar_id) if avatar_id else ""
