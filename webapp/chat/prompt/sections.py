"""What a chat itself contributes to its prompts: its own words, its character's, its persona's and those of its owner."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from random import SystemRandom
from typing import Any
from zoneinfo import ZoneInfo

from webapp.accounts.tables import User
from webapp.bags import Variables
from webapp.characters.macros import Names
from webapp.characters.queries import character_of, names_of, persona_of, prompts_of
from webapp.characters.tables import Character, Persona
from webapp.chat.group.members import all_names, members, person_name
from webapp.chat.pack import has_facts
from webapp.chat.prompt.asked import asked_of
from webapp.chat.prompt.builder import OF_A_CHAT
from webapp.chat.tables import Chat
from webapp.db import db, utc_now
from webapp.lore.entries import NOTE_DEPTH, ROLES, Place
from webapp.sections import PromptContext, Section, Template
from webapp.settings.service import setting

HERE = "This chat"
TURN = (
    "{{{{char}}}} speaks here with {{{{user}}}}{others}. Every message begins with the name of who says it. Write the "
    "next message of {{{{char}}}}, without the name, and nothing that anyone else says."
)


def of_chat(context: PromptContext) -> Iterator[Section | Template]:
    """What the chat says counts before what its character says."""
    session = db.session()
    chat, person = session.get_one(Chat, context.chat_id), _owner(context.person_id)
    played = character_of(session, chat.owner_id, context.speaker_id or chat.character_id)
    persona = persona_of(session, chat.owner_id, chat.persona_id)
    character, name = prompts_of(played), played.name if played else ""
    names = names_for(context, played, persona, person, group=all_names(chat))

    def section(key: str, text: str, origin: str, original: str = "", *, at: Place | None = None) -> Template:
        place: dict[str, Any] = {"depth": at.depth, "role": at.role} if at else {}
        written = replace(OF_A_CHAT[key], text=text, origin=origin, **place)
        return Template(written, partial(names.fill, original=original))

    def own(key: str, text: str, original: str) -> Template:
        return section(key, text, HERE, original) if text else section(key, original, name)

    yield section("pre_prompt", chat.pre_prompt, HERE)
    yield own("system_prompt", chat.system_prompt, character.system_prompt)
    yield section("character", character.description, name)
    if persona and context.is_personal:
        yield section("persona", persona.description, persona.name)
    if person and context.is_personal and chat.own_instructions != "off" and has_facts(chat):
        yield replace(OF_A_CHAT["instructions"], text=person.instructions.strip(), origin="Settings")
    if _is_noted(chat, context):
        yield section("note", chat.note, HERE, at=place_of_note(chat))
    yield own("post_prompt", chat.post_prompt, character.post_history_prompt)
    if chat.is_group and played:
        yield section("group", _turn(chat, played), "Group")


def _is_noted(chat: Chat, context: PromptContext) -> bool:
    """Whether the author's note comes with this answer: with every so many messages of people."""
    if chat.note_interval in (None, 1):
        return True
    count = sum(role == "user" for role, _ in context.said)
    return bool(chat.note_interval and count) and count % chat.note_interval == 0


def place_of_note(chat: Chat) -> Place:
    """Where the author's note of a chat is, or would be."""
    depth = NOTE_DEPTH if chat.note_depth is None else chat.note_depth
    return Place(depth=depth, role=next((each for each in ROLES if each == chat.note_role), ROLES[0]))


def _turn(chat: Chat, played: Character) -> str:
    """Whom the model is to speak for, as it reads what all of them say."""
    others = ", ".join(each.name for each in members(chat) if each.id != played.id)
    return TURN.format(others=f" and with {others}" if others else "")


def names_for(
    context: PromptContext, played: Character | None, persona: Persona | None, person: User | None, *, group: str = ""
) -> Names:
    """What the texts of a prompt can ask for; `group` are all who can speak, if there are several."""
    names = begun(replace(names_of(played, persona, person), group=group), context)
    if context.is_personal:
        return names
    return replace(names, texts=lambda name: "" if name == "persona" else names.texts(name))


def begun(names: Names, context: PromptContext) -> Names:
    """The same in a chat in which this was said, at this time."""
    names = replace(_now(names, context.chat_id), words=asked_of(context), variables=context.variables)
    return replace(names, outlet=context.outlets.asked)


def names_in(chat: Chat, speaker_id: str | None = None, *, variables: Variables | None = None) -> Names:
    """Who speaks with whom in a chat, for what is written there: whoever writes need not be able to read card and persona.

    In a group, where nobody in particular answers, all of them do. The variables are for its owner alone, too.
    """
    if not (chat.character_id or chat.is_group):
        return Names()
    if chat.is_group and not speaker_id:
        return _now(Names(user=person_name(chat), char=all_names(chat), variables=variables), chat.id)
    session, person = db.session(), _owner(chat.owner_id)
    persona = persona_of(session, chat.owner_id, chat.persona_id)
    names = names_of(character_of(session, chat.owner_id, speaker_id or chat.character_id), persona, person)
    return _now(Names(names.user, names.char, variables=variables), chat.id)


def _now(names: Names, chat_id: str) -> Names:
    if not names.char:
        return names
    zone = ZoneInfo(str(setting("team.time_zone")))
    return replace(names, now=utc_now().astimezone(zone), chance=SystemRandom(), place=chat_id)


def _owner(id: str | None) -> User | None:
    return db.session.get(User, id) if id else None
