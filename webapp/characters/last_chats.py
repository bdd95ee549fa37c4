"""When a person last chatted with each character: characters come before chats, so the chats bring this themselves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from webapp.people.accounts.tables import User
from webapp.web.feature import brought


class LastChat(NamedTuple):
    """The chat with a character that changed last."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LastChats:
    """What the chats bring: the last chat with each character, by the character, for the person with this id."""

    read: Callable[[str], Mapping[str, LastChat]]


def last_chats(user: User) -> dict[str, LastChat]:
    """Returns the person's last chat with each character that they have chatted with."""
    return {id: chat for source in brought(LastChats) for id, chat in source.read(user.id).items()}
