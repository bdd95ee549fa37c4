"""Who may see a call, and decide about it: those who can read its chat, and those who can write there."""

from webapp.base.db import db
from webapp.chat.record.access import decidable_message, visible_message
from webapp.people.accounts.guards import found
from webapp.tools.tables import Call


def visible_call(id: str) -> Call:
    """Returns the call if the requester can read its chat."""
    call = db.session.get(Call, id)
    visible_message(call.message_id if call else "")
    return found(call)


def decidable_call(id: str) -> Call:
    """Returns the call if the requester can write in its chat, even while a workflow leads it."""
    call = db.session.get(Call, id)
    decidable_message(call.message_id if call else "")
    return found(call)
