"""Who plays in a chat, by name: what a file says of it, and who of these there is for whoever brings it in."""

from collections.abc import Mapping
from typing import Any

from webapp.characters import queries as cast
from webapp.characters.tables import Persona
from webapp.chat.exchange.imports.filed import FiledChat
from webapp.chat.group.members import members
from webapp.chat.group.turns import LEAST_CAST, MENTION, MOST_CAST, ORDERS
from webapp.chat.roleplay import service as roleplay
from webapp.chat.tables import Chat


def told(chat: Chat) -> dict[str, Any]:
    """The names of the characters and the persona, as far as the owner may see them."""
    one, persona = roleplay.character_of(chat), roleplay.persona_of(chat)
    names = [each.name for each in members(chat)] if chat.is_group else [one.name] if one else []
    return {"cast": tuple(names), "turn_order": chat.turn_order, "persona": persona.name if persona else ""}


def found(user_id: str, filed: FiledChat) -> dict[str, str]:
    """By name, the characters with whom the chat goes on."""
    there = cast.by_name(user_id, filter(None, filed.cast))
    return {name: there[name] for name in [each for each in dict.fromkeys(filed.cast) if each in there][:MOST_CAST]}


def values(user_id: str, filed: FiledChat, ids: Mapping[str, str]) -> dict[str, Any]:
    """What the row of the chat says of them; several are a group."""
    if not ids:
        return {}
    persona_id = cast.by_name(user_id, [filed.persona], among=Persona).get(filed.persona) if filed.persona else None
    one = {"kind": roleplay.KIND, "character_id": next(iter(ids.values())), "persona_id": persona_id}
    if not is_group(ids):
        return one
    return {**one, "character_ids": list(ids.values()), "turn_order": filed.turn_order if filed.turn_order in ORDERS else MENTION}


def is_group(ids: Mapping[str, str]) -> bool:
    return len(ids) >= LEAST_CAST
