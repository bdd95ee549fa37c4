"""The members of a group, as its messages and prompts need them; an answer loses the name that a model puts before it."""

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Select, bindparam, select

from webapp.base.database.statements import Prepared
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.characters import queries as character_queries
from webapp.characters.cards.card_fields import talkativeness_of
from webapp.characters.tables import Character, Persona
from webapp.chat.group.turns import MENTION, Member, mentioned, next_member
from webapp.chat.record import queries
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.tables import Chat, Message
from webapp.engine.live import EventSource
from webapp.people.accounts.tables import User
from webapp.streaming.events import Delta, Event
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

# Limits the whitespace buffered around the name, in case a model sends nothing else.
MOST_SPACE = 100
NOT_HERE = "This character isn't in the chat."
# The name of a person who has none, in prompts.
PERSON = "User"


class PrefixStripper:
    """Wraps a source and strips a leading "Name:"; buffers text as long as it could still become that prefix."""

    def __init__(self, name: str, source: EventSource) -> None:
        self._opening, self._source = f"{name}:", source

    def events(self, stop: Stop) -> Iterator[Event]:
        buffer, is_beginning = "", True
        with closing(self._source.events(stop)) as events:  # type: ignore[type-var]  # every source is a generator
            try:
                for event in events:
                    if is_beginning and isinstance(event, Delta):
                        buffer += event.text
                        if self._may_become_it(buffer):
                            continue
                        is_beginning, event, buffer = False, Delta(self._without(buffer)), ""
                    elif buffer and not isinstance(event, Delta):
                        # Flushes the buffer before any other event, such as the end.
                        is_beginning, answer, buffer = False, self._without(buffer), ""
                        yield from [Delta(answer)] if answer else []
                    yield event
            except ProviderError:
                # Text received before the error belongs to the answer.
                yield from [Delta(answer)] if (answer := self._without(buffer)) else []
                raise

    @property
    def is_between(self) -> bool:
        return self._source.is_between

    def check_timeout(self) -> str:
        return self._source.check_timeout()

    def _may_become_it(self, buffer: str) -> bool:
        text = buffer.lstrip()
        if len(buffer) > len(self._opening) + MOST_SPACE:
            return False
        return self._opening.startswith(text) or (text.startswith(self._opening) and not text[len(self._opening) :].strip())

    def _without(self, buffer: str) -> str:
        text = buffer.lstrip()
        return text[len(self._opening) :].lstrip() if text.startswith(self._opening) else buffer


@dataclass(frozen=True, slots=True)
class Speaker:
    """The speaker of a message, as stored with it; `id` is a character's."""

    id: str
    name: str


def members(chat: Chat) -> list[Member]:
    """Returns the members that can speak, in the group's order: those not deleted that the chat's owner can still see."""
    speakers = character_queries.members(db.session(), chat.owner_id, chat.character_ids)
    return [
        Member(character.id, character.name, character.nickname or "", talkativeness_of(character.talkativeness))
        for character in speakers
    ]


def all_names(chat: Chat) -> str:
    """Returns the names of all members that can speak; empty for a chat that is not a group."""
    return ", ".join(member.name for member in members(chat)) if chat.is_group else ""


def answering_speaker(
    chat: Chat, below: str | None, *, text: str = "", speaker_id: str = "", before: str | None = None
) -> Speaker | None:
    """Returns who answers below a message: the requested character, else the one who spoke there before, else the next in turn.

    None for a group without members, and, without any query, for a chat that is not a group.
    """
    there = members(chat) if chat.is_group else []
    if not there:
        if speaker_id and (chat.is_group or speaker_id != chat.character_id):
            raise Invalid(NOT_HERE, field="character_id")
        return None
    named = mentioned(there, text) if before and not speaker_id and chat.turn_order == MENTION else None
    speaker = named or next((member for member in there if member.id == (speaker_id or before)), None)
    if not speaker and speaker_id:
        raise Invalid(NOT_HERE, field="character_id")
    speaker = speaker or next_member(there, chat.turn_order, recent_speakers(chat, below), text, random.random())
    return Speaker(speaker.id, speaker.name)


def recent_speakers(chat: Chat, message_id: str | None) -> list[str]:
    """Returns the ids of the characters who spoke recently on the path to a message, the latest last."""
    rows = SPOKEN.all(db.session(), {"id": message_id, "height": queries.WINDOW, "since": ""}) if message_id else []
    return [row.speaker_id or chat.character_id or "" for row in rows]


def speaker_after(message: Message) -> str | None:
    """Returns the id of the character that answered a message most recently."""
    answers = select(Message.speaker_id).where(Message.parent_id == message.id, Message.deleted_at.is_(None))
    return db.session.scalar(answers.order_by(Message.id.desc()).limit(1))


def person_name(chat: Chat, person_id: str = "") -> str:
    """Returns a person's name for the characters: the owner's persona, or the name of any other person."""
    persona = (
        character_queries.persona_of(db.session(), chat.owner_id, chat.persona_id) if person_id in ("", chat.owner_id) else None
    )
    person = db.session.get(User, person_id or chat.owner_id or "")
    return (persona.name if persona else person.name if person else "") or PERSON


def has_part(chat: Chat, character_id: str) -> bool:
    """Checks whether a character is in a chat or has spoken in it."""
    is_speaker = select(Message.id).where(Message.speaker_id == character_id, Message.chat_id == chat.id).limit(1)
    return character_id in chat.cast_ids or db.session.scalar(is_speaker) is not None


def with_speaker_names(chat: Chat, messages: Sequence[PathMessage]) -> list[PathMessage]:
    """Adds the speaker's name to each message in a group, and removes it in any other chat."""
    if not chat.is_group:
        return [message._replace(speaker="") if message.speaker else message for message in messages]
    if all(message.speaker for message in messages):
        return list(messages)
    first = character_queries.character_of(db.session(), chat.owner_id, chat.character_id)
    names = {"user": person_name(chat), "assistant": first.name if first else ""}
    return [message if message.speaker else message._replace(speaker=names.get(message.role, "")) for message in messages]


def _speakers_statement() -> Select[str | None]:
    up = queries.ancestors(Message.id == bindparam("id"), is_bounded=True)
    speakers = select(Message.speaker_id).join(up, up.c.id == Message.id).where(Message.role == "assistant")
    return speakers.order_by(up.c.height.desc())


SPOKEN = Prepared(_speakers_statement())


def character_of(chat: Chat) -> Character | None:
    """Returns the chat's character, even if it is in the trash, as long as the chat's owner can see it."""
    return character_queries.character_of(db.session(), chat.owner_id, chat.character_id)


def persona_of(chat: Chat) -> Persona | None:
    """Returns the owner's persona in the chat."""
    return character_queries.persona_of(db.session(), chat.owner_id, chat.persona_id)
