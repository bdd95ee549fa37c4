"""The preset of a chat, as far as the chat's owner can use it, and what holds in the chat because of it."""

from collections.abc import Sequence
from typing import Any

from webapp.chat.record.fields import values_of
from webapp.chat.record.projects import project_of
from webapp.chat.record.tables import Chat
from webapp.models.presets import queries
from webapp.models.presets.queries import KnownPreset


def preset_of(chat: Chat) -> KnownPreset | None:
    """Returns the chat's preset; None without one, and if the chat's owner can't use it any more."""
    return queries.known(chat.owner_id, chat.preset_id) if chat.preset_id else None


def presets_of(chats: Sequence[Chat]) -> dict[str, KnownPreset]:
    """Returns the presets of several chats by chat id, with one query for each owner."""
    owners = {chat.owner_id for chat in chats if chat.preset_id}
    known = {owner: queries.known_among(owner, [chat.preset_id for chat in chats if chat.owner_id == owner]) for owner in owners}
    return {chat.id: preset for chat in chats if chat.preset_id and (preset := known[chat.owner_id].get(chat.preset_id))}


def settings_of(chat: Chat) -> dict[str, Any]:
    """Returns the settings that hold in a chat: its own, and where it has none, its preset's, then its project's."""
    own, preset, project = values_of(chat), preset_of(chat), project_of(chat)
    above = (project.parameters if project else {}) | (preset.settings if preset else {})
    return {name: above.get(name, value) if value in (None, "") else value for name, value in own.items()}
