"""Which tools the answers of a chat can use."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import StringConstraints
from sqlalchemy import delete, select

from webapp.base.database import rows
from webapp.base.db import db, write
from webapp.base.errors import Invalid
from webapp.chat.record.announcements import announce_settings
from webapp.chat.record.tables import Chat
from webapp.settings.service import setting
from webapp.tools.offers import all_tools
from webapp.tools.tables import AllowedTool

MOST_TOOLS = 100
Key = Annotated[str, StringConstraints(max_length=200)]


def checked(keys: Sequence[str]) -> list[str]:
    """Returns the keys, each once; raises `Invalid` for one that is no tool."""
    known = all_tools()
    for key in keys:
        if key not in known:
            raise Invalid(f"There is no tool {key}.", field="tools")
    return list(dict.fromkeys(keys))


def are_offered(chat: Chat | None) -> bool:
    """Returns whether answers of the chat can use tools; those for visitors can't."""
    return bool(setting("tools.enabled")) and (chat is None or bool(chat.owner_id))


def allowed_in(chat_id: str, user_id: str) -> Sequence[str]:
    """Returns the keys of the tools that this person has allowed in the chat, oldest first."""
    query = select(AllowedTool.tool).where(AllowedTool.chat_id == chat_id, AllowedTool.user_id == user_id)
    return db.session.scalars(query.order_by(AllowedTool.allowed_at)).all()


def choose_among(chat: Chat, keys: Sequence[str], *, shown: Sequence[str]) -> None:
    """Sets those of the tools that a form has shown; the others stay as they are."""
    choose(chat, [key for key in all_tools() if (key in keys if key in shown else key in chat.tools)])


def take_back(chat_id: str, user_id: str, tool: str) -> None:
    """Has calls of a tool that a person has allowed in a chat ask them again."""
    is_it = AllowedTool.chat_id == chat_id, AllowedTool.user_id == user_id, AllowedTool.tool == tool
    with write() as session:
        session.execute(delete(AllowedTool).where(*is_it))


def choose(chat: Chat, keys: Sequence[str]) -> None:
    """Sets the tools of a chat, from its next answer on."""
    id, tools = chat.id, checked(keys)
    with write() as session:
        if locked := rows.locked(session, Chat, id):
            locked.tools = tools
    announce_settings(id)
