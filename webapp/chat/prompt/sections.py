"""The sections that a chat contributes: its own texts, those of its character, persona and owner, and macros about the chat.

A card's texts come from `prompt_texts_of` (`webapp/characters/prompt_parts.py`); `answer_prompt.py` collects the sections of all
contributors, and `builder.py` puts them in order.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from operator import itemgetter
from random import SystemRandom
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from webapp.base.db import db, utc_now
from webapp.characters.lore.entries import NOTE_DEPTH, ROLES, InsertionPoint
from webapp.characters.macros.chat_variables import Variables
from webapp.characters.macros.dates import lasted
from webapp.characters.macros.macros import Names
from webapp.characters.prompt_parts import names_of, prompt_texts_of
from webapp.characters.queries import character_of, persona_of
from webapp.characters.tables import Character, Persona
from webapp.chat.facts.remembered import remembered
from webapp.chat.facts.scopes import in_prompt
from webapp.chat.group.members import all_names, members, person_name
from webapp.chat.prompt.builder import OF_A_CHAT
from webapp.chat.prompt.context import PromptContext
from webapp.chat.prompt.leading import includes_personal_instructions
from webapp.chat.prompt.recorded_prompt import last_prompt
from webapp.chat.record.presets import preset_of
from webapp.chat.record.projects import project_of
from webapp.chat.record.tables import Chat, Message, Project
from webapp.models.presets.queries import KnownPreset
from webapp.models.prompt_sections import Section, Template
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.tools.outside import IMPORTED, thing

# The texts of a chat that a preset can have.
TEXTS = "pre_prompt", "system_prompt", "post_prompt"
NEVER = "just now"
HERE = "This chat"
GROUP_INSTRUCTION = (
    "{{{{char}}}} speaks here with {{{{user}}}}{others}. Every message begins with the name of who says it. Write the "
    "next message of {{{{char}}}}, without the name, and nothing that anyone else says."
)


def macro_values(context: PromptContext) -> Callable[[str], str | None]:
    """Returns a function that resolves a macro by name; the database is queried only when a macro needs it."""

    def word(name: str) -> str | None:
        return MACRO_VALUES[name](context) if name in MACRO_VALUES else None

    return word


def _last(context: PromptContext, *roles: str) -> str:
    return next((content for role, content in reversed(context.messages) if not roles or role in roles), "")


def _first_id(context: PromptContext) -> str:
    """Returns the number of the first message that was sent for the previous answer."""
    answers = [place for place, (role, _) in enumerate(context.messages[: len(context.ids)]) if role == "assistant"][-1:]
    sent = last_prompt(context.ids[answers[0]]).messages if answers else ()
    return str(max(0, context.folded_count + answers[0] - len(sent))) if sent else ""


def _versions(context: PromptContext) -> int:
    """Returns how many earlier versions this answer has."""
    is_sibling = Message.parent_id == context.ids[-1] if context.ids else Message.id == ""
    query = select(func.count()).where(is_sibling, Message.role == "assistant", Message.deleted_at.is_(None))
    return db.session.scalar(query.where(Message.id < context.answer_id)) or 0


def _idle(context: PromptContext) -> str:
    """Returns the time since the person's previous message, not counting the latest."""
    earlier = zip(context.ids[:-1], context.messages, strict=False)
    before = [id for id, (role, _) in earlier if role == "user"][-1:]
    moment: datetime | None = db.session.scalar(select(Message.created_at).where(Message.id.in_(before))) if before else None
    return lasted(utc_now() - moment) if moment else NEVER


MACRO_VALUES: dict[str, Callable[[PromptContext], str]] = {
    "lastmessage": _last,
    "lastusermessage": lambda context: _last(context, "user"),
    "lastcharmessage": lambda context: _last(context, "assistant"),
    "lastmessageid": lambda context: str(context.folded_count + len(context.messages) - 1) if context.messages else "",
    "firstincludedmessageid": _first_id,
    "lastswipeid": lambda context: str(_versions(context)),
    "currentswipeid": lambda context: str(_versions(context) + 1),
    "idleduration": _idle,
    "summary": lambda context: context.folded(),
    "maxprompt": lambda context: str(context.most_tokens or ""),
    "model": lambda context: context.model,
}


def chat_sections(context: PromptContext) -> Iterator[Section | Template]:
    """Yields the sections of a chat; its own texts override its character's, which override its preset's."""
    session = db.session()
    chat, person = session.get_one(Chat, context.chat_id), _owner(context.person_id)
    played = character_of(session, chat.owner_id, context.speaker_id or chat.character_id)
    persona = persona_of(session, chat.owner_id, chat.persona_id)
    character, name = prompt_texts_of(played), played.name if played else ""
    preset, project = preset_of(chat), project_of(chat)
    context.outside.extend(_outside(chat, preset, project, played, persona if context.is_personal else None))
    names = names_for(context, played, persona, person, group=all_names(chat))

    def section(key: str, text: str, origin: str, original: str = "", *, at: InsertionPoint | None = None) -> Template:
        place: dict[str, Any] = {"depth": at.depth, "role": at.role} if at else {}
        written = replace(OF_A_CHAT[key], text=text, origin=origin, **place)
        return Template(written, partial(names.fill, original=original))

    def own(key: str, text: str, of_character: str = "") -> Template:
        of_preset = preset.settings.get(key, "") if preset else ""
        texts = ((text, HERE), (of_character, name), (of_preset, preset.name if preset else ""))
        (written, origin), (original, _), *_ = (*filter(itemgetter(0), texts), ("", ""), ("", ""))
        return section(key, written, origin, original)

    yield own("pre_prompt", chat.pre_prompt)
    yield own("system_prompt", chat.system_prompt, character.system_prompt)
    if project:
        yield replace(OF_A_CHAT["project"], text=project.instructions, origin=f"Project {project.name}")
    yield section("character", character.description, name)
    if persona and context.is_personal:
        yield section("persona", persona.description, persona.name)
    if person and context.is_personal and chat.own_instructions != "off" and includes_personal_instructions(chat):
        yield replace(OF_A_CHAT["instructions"], text=person.instructions.strip(), origin="Settings")
    yield from _facts(context, chat, person, project)
    if _is_noted(chat, context):
        yield section("note", chat.note, HERE, at=place_of_note(chat))
    yield own("post_prompt", chat.post_prompt, character.post_history_prompt)
    if chat.is_group and played:
        yield section("group", _turn(chat, played), "Group")


def _facts(context: PromptContext, chat: Chat, person: User | None, project: Project | None) -> Iterator[Section]:
    """Yields what is remembered, unless the prompt is for a suggestion, of which nothing is recorded."""
    is_personal = context.is_personal and includes_personal_instructions(chat)
    condition = in_prompt(chat, person, project, speaker_id=context.speaker_id, is_personal=is_personal)
    if condition is None or not person or context.occasion == "suggestion":
        return
    facts = remembered(
        condition,
        _last(context, "user"),
        person_id=person.id,
        without=context.without_facts,
        most_tokens=context.most_tokens,
    )
    if facts:
        context.facts.extend(facts.ids)
        context.outside.extend(facts.outside)
        yield facts.section


def _outside(
    chat: Chat, preset: KnownPreset | None, project: Project | None, played: Character | None, persona: Persona | None
) -> Iterator[str]:
    """Yields the places of the texts of a chat that its owner has not written."""
    if chat.origin:
        # Its texts came with it, also to where no message of the file is.
        yield IMPORTED
    if preset and any(preset.settings.get(key) for key in TEXTS):
        yield from thing("preset", preset.name, preset.owner_id, chat.owner_id)
    if project and project.instructions:
        yield from thing("project", project.name, project.owner_id, chat.owner_id)
    if played:
        yield from thing("character", played.name, played.owner_id, chat.owner_id)
    if persona:
        yield from thing("persona", persona.name, persona.owner_id, chat.owner_id)


def _is_noted(chat: Chat, context: PromptContext) -> bool:
    """Returns whether the author's note is sent with this answer: with every n-th message of a person."""
    if chat.note_interval in (None, 1):
        return True
    count = sum(role == "user" for role, _ in context.messages)
    return bool(chat.note_interval and count) and count % chat.note_interval == 0


def place_of_note(chat: Chat) -> InsertionPoint:
    """Returns the place of the chat's author's note, whether it has one or not."""
    depth = NOTE_DEPTH if chat.note_depth is None else chat.note_depth
    return InsertionPoint(depth=depth, role=chat.note_role if chat.note_role in ROLES else ROLES[0])


def _turn(chat: Chat, played: Character) -> str:
    """Returns the instruction which character of a group the model is to write for."""
    others = ", ".join(member.name for member in members(chat) if member.id != played.id)
    return GROUP_INSTRUCTION.format(others=f" and with {others}" if others else "")


def names_for(
    context: PromptContext, played: Character | None, persona: Persona | None, person: User | None, *, group: str = ""
) -> Names:
    """Returns the values for macros in a prompt; `group` are the names of all members that can speak."""
    names = begun(replace(names_of(played, persona, person), group=group), context)
    if context.is_personal:
        return names
    return replace(names, texts=lambda name: "" if name == "persona" else names.texts(name))


def begun(names: Names, context: PromptContext) -> Names:
    """Adds the values that depend on the chat's messages and the current time."""
    names = replace(_now(names, context.chat_id), words=macro_values(context), variables=context.variables)
    return replace(names, outlet=context.outlets.text_of)


def names_in(chat: Chat, speaker_id: str | None = None, *, variables: Variables | None = None) -> Names:
    """Returns the names for macros in a message; the author need not be allowed to read the character's card or the persona.

    In a group without a given speaker, `char` lists all members. The variables are the owner's alone, too.
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
    return replace(names, now=utc_now().astimezone(zone), chance=SystemRandom(), chat_id=chat_id)


def _owner(id: str | None) -> User | None:
    return db.session.get(User, id) if id else None
