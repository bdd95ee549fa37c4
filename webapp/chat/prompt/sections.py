"""What a chat itself contributes to its prompts: its own words, its character's, its persona's and those of its owner."""

from collections.abc import Iterator
from dataclasses import replace

from webapp.accounts.tables import User
from webapp.characters.macros import Names
from webapp.characters.queries import character_of, names_of, persona_of, prompts_of
from webapp.chat.pack import has_facts
from webapp.chat.prompt.builder import OF_A_CHAT
from webapp.chat.tables import Chat
from webapp.db import db
from webapp.sections import PromptContext, Section

HERE = "This chat"


def of_chat(context: PromptContext) -> Iterator[Section]:
    """What the chat says counts before what its character says."""
    session = db.session()
    chat, person = session.get_one(Chat, context.chat_id), _owner(context.person_id)
    played = character_of(session, chat.owner_id, chat.character_id)
    persona = persona_of(session, chat.owner_id, chat.persona_id)
    character, names, name = prompts_of(played), names_of(played, persona, person), played.name if played else ""

    def section(key: str, text: str, origin: str) -> Section:
        return replace(OF_A_CHAT[key], text=names.fill(text), origin=origin)

    yield section("pre_prompt", chat.pre_prompt, HERE)
    yield section("system_prompt", chat.system_prompt or character.system_prompt, HERE if chat.system_prompt else name)
    yield section("character", character.description, name)
    if persona and context.is_personal:
        yield section("persona", persona.description, persona.name)
    if person and context.is_personal and chat.own_instructions != "off" and has_facts(chat):
        yield replace(OF_A_CHAT["instructions"], text=person.instructions.strip(), origin="Settings")
    yield section("post_prompt", chat.post_prompt or character.post_history_prompt, HERE if chat.post_prompt else name)


def names_in(chat: Chat) -> Names:
    """Who speaks with whom in a chat."""
    if not chat.character_id:
        return Names()
    session, person = db.session(), _owner(chat.owner_id)
    persona = persona_of(session, chat.owner_id, chat.persona_id)
    return names_of(character_of(session, chat.owner_id, chat.character_id), persona, person)


def _owner(id: str | None) -> User | None:
    return db.session.get(User, id) if id else None
