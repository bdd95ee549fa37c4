"""Access to workflow runs: only the owner has it, whatever the role of others; after a hand-over, its group can write in it."""

from webapp.base.db import db
from webapp.chat.record.access import right_in
from webapp.chat.record.tables import Chat
from webapp.people.accounts.guards import current_user, found
from webapp.workflows import queries
from webapp.workflows.tables import WorkflowRun


def own_run(id: str) -> WorkflowRun:
    return found(queries.own_run(current_user().id, id))


def shared_run(id: str) -> WorkflowRun:
    """Returns a run in whose chat the person may write."""
    run = db.session.get(WorkflowRun, id)
    chat = db.session.get(Chat, run.chat_id) if run else None
    may_write = chat and not chat.deleted_at and right_in(chat, current_user()) in ("own", "write")
    return found(run if may_write else None)
