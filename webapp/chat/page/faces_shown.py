"""The names and avatars shown next to the answers of a chat."""

from collections.abc import Sequence
from typing import NamedTuple

from flask import url_for

from webapp.base.db import db
from webapp.characters import queries as cast
from webapp.characters.queries import CharacterName
from webapp.characters.shown import Face
from webapp.characters.tables import Character
from webapp.chat.group import members
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.people.accounts.tables import User


class Speakers(NamedTuple):
    """The faces of answers by message id, and the characters who speak, as far as the chat's owner can see them."""

    faces: dict[str, Face]
    characters: Sequence[Character | CharacterName]


def face_in(chat: Chat) -> Face | None:
    """Returns the character's face, with an avatar URL open to all readers of the chat; None without a character."""
    character = members.character_of(chat)
    return _face(chat, character) if character else None


def members_in(chat: Chat) -> list[tuple[str, Face]]:
    """Returns the members that can speak in a group, by id, with their faces."""
    there = cast.members(db.session(), chat.owner_id, chat.character_ids)
    return [(each.id, Face(each.name, _url(chat, each.id, each.avatar_id))) for each in there]


def speakers_of(messages: Sequence[Message]) -> Speakers:
    """Returns the faces of the answers, each under the speaker's name at that time, and the characters who speak."""
    chat = queries.chat_of(messages[0]) if messages else None
    if not chat:
        return Speakers({}, ())
    answers = [each for each in messages if each.role == "assistant"]
    named, others = [each for each in answers if each.speaker_name], [each for each in answers if not each.speaker_name]
    # Scripts of the only character change messages of persons, too.
    is_played = bool(chat.character_id) and not chat.is_group
    character = members.character_of(chat) if others or is_played else None
    face = _face(chat, character) if character else None
    seen = _seen(chat, {each.speaker_id for each in named if each.speaker_id}) if named else []
    pictures = {each.id: _url(chat, each.id, each.avatar_id) for each in seen}
    found = {each.id: Face(each.speaker_name, pictures.get(each.speaker_id or "", "")) for each in named}
    return Speakers(found | ({each.id: face for each in others} if face else {}), [*seen, *([character] if character else [])])


def _face(chat: Chat, character: Character) -> Face:
    return Face(character.name, _url(chat, character.id, character.avatar_id))


def _seen(chat: Chat, ids: set[str]) -> list[CharacterName]:
    owner = db.session.get(User, chat.owner_id) if chat.owner_id else None
    return cast.named(owner, sorted(ids)) if owner else []


def _url(chat: Chat, id: str, avatar_id: str | None) -> str:
    of = None if id == chat.character_id else id
    return url_for("roleplay.avatar", id=chat.id, of=of, v=avatar_id) if avatar_id else ""
