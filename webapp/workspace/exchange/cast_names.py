"""Converts a chat's characters, persona, lorebooks and preset to names in a file, and back to those of the importing person."""

from collections.abc import Mapping

from webapp.base.db import db
from webapp.base.untrusted_json import JsonObject
from webapp.characters import queries as character_queries
from webapp.characters.lore import queries as lore_queries
from webapp.characters.tables import Persona
from webapp.chat.group.members import character_of, members, persona_of
from webapp.chat.group.turns import LEAST_CAST, MENTION, MOST_CAST, ORDERS
from webapp.chat.imports.filed import FiledChat
from webapp.chat.record.presets import preset_of
from webapp.chat.record.tables import ROLEPLAY, Chat
from webapp.models.presets import queries as preset_queries
from webapp.people.accounts.tables import User


def names_of(chat: Chat) -> JsonObject:
    """Returns the names of characters, persona, lorebooks and preset; the last two only if the owner can see them."""
    preset = preset_of(chat)
    one, persona = character_of(chat), persona_of(chat)
    names = [member.name for member in members(chat)] if chat.is_group else [one.name] if one else []
    owner = db.session.get(User, chat.owner_id) if chat.owner_id and chat.lorebook_ids else None
    seen = lore_queries.SEEN_LOREBOOKS.ids_among(owner, chat.lorebook_ids) if owner else []
    worlds = lore_queries.names_of(seen)
    played = {"cast": tuple(names), "turn_order": chat.turn_order, "persona": persona.name if persona else ""}
    return {**played, "lorebooks": tuple(worlds), "preset": preset.name if preset else ""}


def character_ids(user_id: str, filed: FiledChat) -> dict[str, str]:
    """Returns the ids of the file's characters that the person has, by name."""
    there = character_queries.by_name(user_id, filter(None, filed.cast))
    return {name: there[name] for name in [name for name in dict.fromkeys(filed.cast) if name in there][:MOST_CAST]}


def values(user_id: str, filed: FiledChat, ids: Mapping[str, str]) -> JsonObject:
    """Returns the columns of the chat for its characters and persona; several characters make a group."""
    if not ids:
        return {}
    persona_id = character_queries.by_name(user_id, [filed.persona], among=Persona).get(filed.persona) if filed.persona else None
    one = {"kind": ROLEPLAY, "character_id": next(iter(ids.values())), "persona_id": persona_id}
    if not is_group(ids):
        return one
    return {**one, "character_ids": list(ids.values()), "turn_order": filed.turn_order if filed.turn_order in ORDERS else MENTION}


def lorebook_ids(user_id: str, filed: FiledChat) -> tuple[list[str], list[str]]:
    """Returns the ids of the chat's lorebooks that the person has, and the names of the missing ones."""
    names = list(dict.fromkeys(filter(None, filed.lorebooks)))
    there = lore_queries.by_name(user_id, names) if names else {}
    return [there[name] for name in names if name in there], [name for name in names if name not in there]


def preset_id(user_id: str, filed: FiledChat) -> str | None:
    """Returns the id of the preset with the name in the file, if the person can use one."""
    user = db.session.get(User, user_id) if filed.preset else None
    preset = preset_queries.by_name(user, filed.preset) if user else None
    return preset.id if preset else None


def is_group(ids: Mapping[str, str]) -> bool:
    return len(ids) >= LEAST_CAST
