"""Hands a run over to people: shares its chat with a group, with a summary of the answers."""

from sqlalchemy.orm import Session

from webapp.base import changes
from webapp.base.database import rows
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict
from webapp.base.ids import new_id
from webapp.chat.messages import sending
from webapp.chat.record import announcements
from webapp.chat.record.sharing import KIND
from webapp.chat.record.tables import Chat, Message
from webapp.people.accounts import queries
from webapp.people.accounts.tables import User
from webapp.people.grants import grants
from webapp.workflows.state import HandOver, Say
from webapp.workflows.tables import WorkflowRun

# `Chat.kind` of chats that a workflow leads.
LED = "workflow"
FREED = "This chat continues without its workflow. Write in its message box instead."
NOBODY = "No group is named “{}” here, so no one has been told. Share this chat with the people who can help."


def hand_over(session: Session, chat: Chat, effect: HandOver) -> Say:
    """Grants the group the right to write in the chat; returns the message for them."""
    group = queries.group_by_name(effect.group)
    if group is None:
        return Say(f"{effect.summary}\n\n{NOBODY.format(effect.group)}", effect.step)
    grants.give(session, KIND, chat.id, "write", by=chat.owner_id, user_id=None, group_id=group.id)
    return Say(f"{effect.summary}\n\nHanded over to {group.name}.", effect.step)


def notify_group(run: WorkflowRun) -> None:
    """Updates the chat lists of the people who have taken over, so that they show the chat."""
    group = queries.group_by_name(run.place.handed_to) if run.place.handed_to else None
    for person in queries.people_of(group.id) if group else ():
        changes.access_changed(person.id)


def write_in(run: WorkflowRun, user: User, text: str) -> None:
    """Adds a message between people, which no model answers."""
    if not run.place.handed_to:
        raise Conflict("This workflow wasn't handed over to anyone.")
    content, chat_id, author_id = sending.checked(text), run.chat_id, user.id
    with write() as session:
        chat = rows.locked(session, Chat, chat_id) or session.get_one(Chat, chat_id)
        if chat.kind != LED:
            raise Conflict(FREED)
        values = {"role": "user", "content": content, "author_id": author_id}
        message = Message(id=new_id(), chat_id=chat_id, parent_id=chat.head_id, **values)
        session.add(message)
        session.flush()
        chat.head_id, chat.changed_at = message.id, utc_now()
        id = message.id
    announcements.announce(db.session.get_one(Chat, chat_id), "message", id)
