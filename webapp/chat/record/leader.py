"""Chats led by a feature, such as a workflow: it replaces their composer, and no one can write in them otherwise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from webapp.base.errors import Conflict
from webapp.chat.record.tables import Chat
from webapp.web.feature import brought

LED = "A workflow leads this chat. Answer its question instead."


class LedByFeature(Conflict):
    """The error for a message in a chat that a feature leads; programs are told where they can answer."""

    code = "led"

    def __init__(self, chat_id: str) -> None:
        super().__init__(LED)
        self.answer_url = f"/chat/threads/{chat_id}/messages"

    def details(self) -> dict[str, Any]:
        return {"answerUrl": self.answer_url}


@dataclass(frozen=True, slots=True)
class Leader:
    """A feature's registration to lead the chats of one kind.

    `read` returns the template's context for a reader with this right in the chat. `prompt_key` names the prompt that every
    request in such a chat begins with.
    """

    kind: str
    template: str
    read: Callable[[Chat, str], dict[str, Any]]
    prompt_key: str


def led_kinds() -> list[str]:
    """Returns the kinds of chats that features lead."""
    return [leader.kind for leader in brought(Leader)]


def is_led(chat: Chat) -> bool:
    return _leader(chat) is not None


def prompt_key(chat: Chat) -> str:
    """Returns the key of the leader's prompt; empty for a chat that no feature leads."""
    leader = _leader(chat)
    return leader.prompt_key if leader else ""


def replacing_composer(chat: Chat, right: str) -> dict[str, Any] | None:
    """Returns the template and context that replace the composer; None for a chat that no feature leads."""
    leader = _leader(chat)
    return {"template": leader.template, **leader.read(chat, right)} if leader else None


def refuse_if_led(chat: Chat) -> Chat:
    """Returns the chat; raises `LedByFeature` if a feature leads it."""
    if is_led(chat):
        raise LedByFeature(chat.id)
    return chat


def _leader(chat: Chat) -> Leader | None:
    return next((leader for leader in brought(Leader) if leader.kind == chat.kind), None)
