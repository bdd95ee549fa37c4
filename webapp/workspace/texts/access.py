"""Who may see a text beside a chat, and change it: those who can read the chat, and those who can write there."""

from collections.abc import Callable

from webapp.chat.record.access import visible_chat, writable_chat
from webapp.chat.record.tables import Chat
from webapp.people.accounts.guards import current_user, found
from webapp.workspace.texts import queries
from webapp.workspace.texts.queries import TextVersion


def visible_text(id: str) -> TextVersion:
    """Returns the newest version of a text if the requester can read its chat."""
    return _text(id, visible_chat)


def writable_text(id: str) -> TextVersion:
    """Returns the newest version of a text if the requester can write in its chat and no workflow is leading it."""
    return _text(id, writable_chat)


def _text(id: str, open_chat: Callable[[str], Chat]) -> TextVersion:
    open_chat(queries.chat_of(id))
    return found(queries.newest(id, current_user().id))
