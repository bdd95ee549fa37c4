"""The first line of a SillyTavern file. In an imported chat, its fields are written as they were if they still say the same."""

from collections.abc import Mapping
from typing import Any

from webapp.base.db import db
from webapp.characters.lore import queries as lorebooks
from webapp.characters.lore.entries import ROLES
from webapp.characters.macros.chat_variables import storable
from webapp.chat.exchange import cast_names
from webapp.chat.exchange.imports import foreign_fields
from webapp.chat.exchange.imports.file_values import line, origin, text
from webapp.chat.exchange.imports.filed import fields
from webapp.chat.exchange.imports.roleplay import INTEGRITY_CHARS, NAME_CHARS, PROGRAM, note_settings, said
from webapp.chat.group import members
from webapp.chat.prompt.sections import place_of_note
from webapp.chat.record import variables
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import User

# SillyTavern's names for chats without a persona and without a character, and the one that it always writes.
PERSON, ANSWERER, UNUSED = "User", "Assistant", "unused"
NOTE = ("note_prompt", "note_interval", "note_position", "note_depth", "note_role")
# The settings that they become.
OF_NOTE = ("note", "note_depth", "note_role", "note_interval")


def head(chat: Chat) -> dict[str, Any]:
    """Returns the first line: names, date and metadata."""
    was, metadata = (foreign_fields.part(chat.foreign_fields, name) for name in ("head", "metadata"))
    person, answerer = names(chat)
    usual = {"user_name": person, "character_name": UNUSED if chat.is_group else answerer, "create_date": said(chat.created_at)}
    # Names of a persona and a character that the chat has had since.
    new = {"user_name": members.persona_of(chat), "character_name": members.character_of(chat)}
    named = {name: usual[name] for name, each in new.items() if each and was.get(name) != UNUSED}
    own = {
        "integrity": _integrity(chat, metadata),
        **_note(chat, metadata),
        **_variables(chat, metadata),
        **_world(chat, metadata),
    }
    rest = {name: each for name, each in metadata.items() if name not in ("integrity", "variables", "world_info", *NOTE)}
    return {**usual, **was, **named, "chat_metadata": {**rest, **own}}


def names(chat: Chat) -> tuple[str, str]:
    """Returns the default names of the person and the character, for messages that name no author."""
    owner, persona, character = db.session.get(User, chat.owner_id or ""), members.persona_of(chat), members.character_of(chat)
    person = persona.name if persona else owner.name if owner else ""
    return person or PERSON, character.name if character else ANSWERER


def _integrity(chat: Chat, was: Mapping[str, Any]) -> str:
    """Returns the id of the chat in SillyTavern, where it comes from there; a copy of it is another chat."""
    known = text(was.get("integrity"), INTEGRITY_CHARS)
    return known if known and chat.origin == origin(PROGRAM, known) else chat.id


def _note(chat: Chat, was: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the author's note as SillyTavern's metadata; position 1 means among the messages."""
    imported = note_settings(was)
    if all(getattr(chat, name) == imported[name] for name in OF_NOTE):
        return {name: was[name] for name in NOTE if name in was}
    place = place_of_note(chat)
    interval = 1 if chat.note_interval is None else chat.note_interval
    where = {"note_interval": interval, "note_position": 1, "note_depth": place.depth, "note_role": ROLES.index(place.role)}
    return {"note_prompt": chat.note, **where} if chat.note else {}


def _variables(chat: Chat, was: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the variables at the end of the branch that is shown; those we can't have, such as lists, as they were."""
    has, imported = variables.at(chat.head_id), fields(was.get("variables"))
    known, found = storable(imported), dict[str, Any](has)
    for name, each in imported.items():
        one = storable({name: each})
        if not one.keys() & known.keys():
            found[name] = each
        elif one.items() <= has.items():
            found |= dict.fromkeys(one, each)
    return {"variables": found} if found or "variables" in was else {}


def _world(chat: Chat, was: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the name of an attached lorebook, of which SillyTavern knows one; or the imported name if it is not here."""
    imported, attached = line(was.get("world_info"), NAME_CHARS), cast_names.names_of(chat)["lorebooks"]
    if imported in attached or ("world_info" in was and not attached and not _has_lorebook(chat, imported)):
        return {"world_info": was["world_info"]}
    return {"world_info": attached[0]} if attached else {}


def _has_lorebook(chat: Chat, name: str) -> bool:
    return bool(name and chat.owner_id and lorebooks.by_name(chat.owner_id, [name]))
