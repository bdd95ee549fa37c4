"""Which chats a person sees: those that they can open, and those in their lists, which a link for the whole team leaves out."""

from sqlalchemy import ColumnElement, or_

from webapp.chat.record import projects
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import User
from webapp.people.things import grants

# Neither in the trash nor temporary.
IN_LISTS = Chat.deleted_at.is_(None), Chat.is_temporary.is_(False)


def can_open(user: User) -> ColumnElement[bool]:
    """Returns the condition that a person can read a chat: their own, or one that was shared with them in any way."""
    return or_(Chat.owner_id == user.id, grants.is_given(Chat.id, user, "chat"))


def is_listed(user: User) -> ColumnElement[bool]:
    """Returns the condition that a person's lists show a chat: their own, or shared with them, a group or a project of theirs."""
    return or_(Chat.owner_id == user.id, projects.given_by_name(user.id), projects.shares_with(user.id))
