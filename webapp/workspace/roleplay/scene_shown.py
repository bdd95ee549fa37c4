"""What a chat with characters looks like around its text: a large portrait with an expression, and a background."""

from dataclasses import dataclass

from flask import url_for

from webapp.base.db import db
from webapp.characters import queries as character_queries, scenery
from webapp.characters.moods import expression_for
from webapp.characters.tables import CharacterPicture
from webapp.chat.group import members
from webapp.chat.record.tables import Chat, Message
from webapp.workspace.page.answer_shown import face_of_chat, members_in

# A question, and an answer that has no text yet, are at most this far above the answer before.
MOST_UP = 4


@dataclass(frozen=True, slots=True)
class ChatScene:
    """The pictures for a chat now; empty URLs for those that it lacks. `is_changing` if the portrait depends on the answer."""

    portrait_url: str = ""
    portrait_name: str = ""
    background_url: str = ""
    is_changing: bool = False


def scene_in(chat_id: str) -> ChatScene | None:
    """Returns the scene of a chat: the last speaker, with the expression of that answer; None without any picture."""
    chat = db.session.get_one(Chat, chat_id)
    face = None if chat.is_group else face_of_chat(chat)
    faces = dict(members_in(chat)) if chat.is_group else {chat.character_id or "": face} if face else {}
    if not faces:
        return None
    text, speaker_id = _last_said(chat)
    scenes = scenery.of_characters(faces)
    with_pictures = {id for id in faces if faces[id].url or any(_is_of(scene, id) for scene in scenes)}
    pictured = [id for id in (speaker_id, *faces) if id in with_pictures]
    background = next((scene for scene in scenes if scene.purpose == "background"), None)
    background_url = url_for("roleplay.scenery", id=chat.id, picture_id=background.id) if background else ""
    if not pictured:
        return ChatScene(background_url=background_url) if background else None
    id = pictured[0]
    expressions = {scene.name: scene.id for scene in scenes if _is_of(scene, id)}
    name = expression_for(text if id == speaker_id else "", list(expressions)) if expressions else ""
    # Without a neutral expression the picture is that of the character, and without one the first.
    picture_id = expressions.get(name) or ("" if faces[id].url else next(iter(expressions.values()), ""))
    portrait_url = url_for("roleplay.scenery", id=chat.id, picture_id=picture_id) if picture_id else faces[id].url
    return ChatScene(portrait_url, faces[id].name, background_url, is_changing=chat.is_group or bool(expressions))


def picture_in(chat: Chat, picture_id: str) -> CharacterPicture | None:
    """Returns a picture of a character that is in this chat, as long as the chat's owner can see the character."""
    picture = scenery.picture(picture_id)
    if not picture or not members.has_part(chat, picture.character_id):
        return None
    return picture if character_queries.character_of(db.session(), chat.owner_id, picture.character_id) else None


def _is_of(scene: scenery.Scene, id: str) -> bool:
    return scene.purpose == "expression" and scene.character_id == id


def _last_said(chat: Chat) -> tuple[str, str]:
    """Returns the text of the last answer that has one, and who spoke it."""
    id = chat.head_id
    for _ in range(MOST_UP):
        message = db.session.get(Message, id) if id else None
        if not message:
            break
        if message.role == "assistant" and message.content:
            return message.content, message.speaker_id or chat.character_id or ""
        id = message.parent_id
    return "", chat.character_id or ""
