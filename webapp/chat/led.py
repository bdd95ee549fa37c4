"""Chats that a feature leads: what stands in place of their composer, and that nobody writes in them otherwise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from webapp.chat.tables import Chat
from webapp.errors import Conflict
from webapp.feature import brought

LED = "A workflow leads this chat. Answer its question instead."


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads the chats of one kind: `read` gives the template what it shows to somebody with this right in the chat.

    `prompt_key` is of the prompt that what is said in them begins with.
    """

    kind: str
    template: str
    read: Callable[[Chat, str], dict[str, Any]]
    prompt_key: str


def is_led(chat: Chat) -> bool:
    return _leader(chat) is not None


def prompt_key(chat: Chat) -> str:
    """Of the prompt of its leader; empty for a chat that nobody leads."""
    leader = _leader(chat)
    return leader.prompt_key if leader else ""


def led(chat: Chat, right: str) -> dict[str, Any] | None:
    """What stands in place of the composer of a chat that is led; None for all others."""
    leader = _leader(chat)
    return {"template": leader.template, **leader.read(chat, right)} if leader else None


def free(chat: Chat) -> Chat:
    """The chat, if everybody who may write in it can."""
    if is_led(chat):
        raise Conflict(LED)
    return chat


def _leader(chat: Chat) -> Leader | None:
    return next((each for each in brought(Leader) if each.kind == chat.kind), None)
