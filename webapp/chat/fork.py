"""A new chat that begins with what was said in another."""

from typing import Any

from sqlalchemy import insert

from webapp.chat import asking, queries
from webapp.chat.tables import Chat, Message
from webapp.errors import Conflict
from webapp.extensions import write
from webapp.ids import new_id

KEPT_OF_CHAT = ("kind", "title", "title_is_own", "model", "character_id")
# So its words are kept for no longer than they were to be.
KEPT_OF_TEMPORARY = ("is_temporary", "created_at")
# Readers of a chat do not see these.
KEPT_BY_ITS_OWNER = ("persona_id", "pre_prompt", "system_prompt", "post_prompt", "history_limit", "temperature", "max_tokens")
KEPT_OF_MESSAGE = ("role", "content", "reasoning", "html", "html_version", "created_at", "author_id", "author_name", "is_edited")


def fork(message: Message, *, owner_id: str) -> str:
    """Makes a chat of this person's that holds the thread down to the message, and gives its id.

    What the answers have cost stays with the chat where they were given. Of a temporary chat it is temporary too, and
    goes on the same day.
    """
    if not message.content:
        raise Conflict("Nothing stands here yet that another chat could begin with.")
    source = queries.chat_of(message)
    names = (*KEPT_OF_CHAT, *(KEPT_BY_ITS_OWNER if source.owner_id == owner_id else ()))
    names += KEPT_OF_TEMPORARY if source.is_temporary else ()
    values: dict[str, Any] = {name: getattr(source, name) for name in names}
    rows = _rows(queries.path_to(message))
    with write() as session:
        chat = Chat(owner_id=owner_id, **values)
        session.add(chat)
        session.flush()
        session.execute(insert(Message), [{**row, "chat_id": chat.id} for row in rows])
        chat.head_id = rows[-1]["id"]
    asking.announce(chat, "chat", chat.id)
    return chat.id


def _rows(path: list[Message]) -> list[dict[str, Any]]:
    """The messages under ids of their own, each below the one before it."""
    ids = [new_id() for _ in path]
    parents = [None, *ids]
    return [
        {"id": id, "parent_id": parent, **{name: getattr(message, name) for name in KEPT_OF_MESSAGE}}
        for message, id, parent in zip(path, ids, parents, strict=False)
    ]
