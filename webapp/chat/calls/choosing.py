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
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.tools.named import named_tools
from webapp.tools.offers import tools_of
from webapp.tools.policies import policies_for
from webapp.tools.tables import AllowedTool

MOST_TOOLS = 100
Key = Annotated[str, StringConstraints(max_length=200)]


def checked(user: User, keys: Sequence[str]) -> list[str]:
    """Returns the keys, each once; raises `Invalid` for one that is no tool of this person, or that they may not use.

    Without keys there is no query.
    """
    if not keys:
        return []
    known, policies = tools_of(user), policies_for(user)
    for key in keys:
        if key not in known:
            raise Invalid(f"There is no tool {key}.", field="tools")
        if policies.of(known[key]) == "deny":
            raise Invalid(f"The tool {key} is not allowed here.", field="tools")
    return list(dict.fromkeys(keys))


def are_offered(chat: Chat | None) -> bool:
    """Returns whether answers of the chat can use tools; those for visitors can't."""
    return bool(setting("tools.enabled")) and (chat is None or bool(chat.owner_id))


def allowed_in(chat_id: str, user_id: str) -> list[tuple[str, str]]:
    """Returns the tools that this person has allowed in the chat, oldest first: each key with the hash of what it was."""
    query = select(AllowedTool.tool, AllowedTool.tool_hash)
    query = query.where(AllowedTool.chat_id == chat_id, AllowedTool.user_id == user_id).order_by(AllowedTool.allowed_at)
    return [(key, hash) for key, hash in db.session.execute(query)]


def choose_among(chat: Chat, user: User, keys: Sequence[str], *, shown: Sequence[str]) -> None:
    """Sets those of the tools that a form has shown; the others stay as they are."""
    chosen = checked(user, [key for key in shown if key in keys])
    wanted, order = {*chosen, *(key for key in chat.tools if key not in shown)}, list(tools_of(user))
    choose(chat, sorted(wanted, key=lambda key: order.index(key) if key in order else len(order)))


def turn_on(chat: Chat, user: User, keys: Sequence[str]) -> Chat:
    """Turns on those of the tools that the person can use, and returns the chat."""
    more = [key for key in named_tools(user, keys).keys if key not in chat.tools]
    if more := more[: max(0, MOST_TOOLS - len(chat.tools))]:
        choose(chat, [*chat.tools, *more])
    return db.session.get_one(Chat, chat.id)


def take_back(chat_id: str, user_id: str, tool: str) -> None:
    """Has calls of a tool that a person has allowed in a chat ask them again."""
    is_it = AllowedTool.chat_id == chat_id, AllowedTool.user_id == user_id, AllowedTool.tool == tool
    with write() as session:
        session.execute(delete(AllowedTool).where(*is_it))


def choose(chat: Chat, keys: Sequence[str]) -> None:
    """Sets the tools of a chat, which are checked, from its next answer on."""
    id = chat.id
    with write() as session:
        if locked := rows.locked(session, Chat, id):
            locked.tools = list(keys)
    announce_settings(id)
