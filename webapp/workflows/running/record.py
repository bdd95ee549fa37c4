"""Records an event of a run in one transaction: the event, the new state, the messages in the chat, a handover to a group."""

from sqlalchemy.orm import Session

from webapp.base import changes
from webapp.base.database import rows
from webapp.base.db import utc_now
from webapp.base.errors import Conflict, NotFound
from webapp.base.ids import new_id
from webapp.chat.record.sharing import KIND
from webapp.chat.record.tables import Chat, Message
from webapp.people.accounts import queries
from webapp.people.accounts.tables import User
from webapp.people.things import grants
from webapp.workflows import service as workflow_service
from webapp.workflows.definition.definition import Definition
from webapp.workflows.running.interpreter import apply
from webapp.workflows.state import MODEL_ANSWERED, MODEL_FAILED, Event, HandOver, PostReply, Say, StepResult
from webapp.workflows.tables import RunEvent, WorkflowRun

# A refused answer of up to `MOST_TYPED` characters is shown again.
MOST_EVENTS, MOST_TYPED = 2_000, 500
UNANSWERED = "Your question wasn't answered."
# Accepted even in a run that has reached `MOST_EVENTS`: otherwise the end of a model's answer could never be saved.
ALWAYS = ("cancel", MODEL_ANSWERED, MODEL_FAILED)
# `Chat.kind` of chats that a workflow leads.
LED = "workflow"
NOBODY = "No group is named “{}” here, so no one has been told. Share this chat with the people who can help."


def definition_of(run: WorkflowRun) -> Definition:
    return workflow_service.known(run.source)


def locked_run(session: Session, id: str) -> WorkflowRun:
    """Returns the current row of a run, locked until the transaction ends."""
    if run := rows.locked(session, WorkflowRun, id):
        return run
    raise NotFound("That run no longer exists.")


def people_of(session: Session, run: WorkflowRun) -> dict[str, str]:
    """Returns the person's names, for use in texts."""
    user = session.get_one(User, run.owner_id)
    return {"user.name": user.name, "user.first_name": (user.name.split() or [""])[0]}


def record(session: Session, run: WorkflowRun, event: Event, *, sent_as: str | None = None) -> StepResult:
    """Applies and records an event, and the request that it came from; a refused event that changes nothing is not recorded."""
    result = apply(definition_of(run), run.current_state, event, people_of(session, run))
    if result.refusal and result.state == run.current_state:
        return result
    if run.seq >= MOST_EVENTS and event.kind not in ALWAYS:
        raise Conflict("This run has become too long. Cancel it and start a new one.")
    if result.state.step != run.current_state.step:
        # An interrupted answer is not continued at another step, and its plan is no longer waited for.
        run.message_id, run.plan_step = None, ""
    run.seq += 1
    chat = session.get_one(Chat, run.chat_id, populate_existing=True)
    about = {"kind": event.kind, "name": event.name[:40], "value": event.value, "refusal": result.refusal}
    session.add(RunEvent(run_id=run.id, seq=run.seq, sent_as=sent_as, head_id=chat.head_id, **about))
    is_unanswered = event.kind == MODEL_FAILED and run.current_state.is_aside
    run.state, run.status, run.changed_at = result.state.stored(), result.state.status, utc_now()
    run.refusal = {"words": result.refusal, "typed": event.value[:MOST_TYPED]} if result.refusal else {}
    if is_unanswered:
        run.refusal = {"words": f"{UNANSWERED} {event.value}".strip(), "typed": ""}
    for effect in result.effects:
        match effect:
            case PostReply(text):
                append(session, chat, "user", text, run.owner_id)
            case Say(text):
                append(session, chat, "assistant", text)
            case HandOver():
                append(session, chat, "assistant", _hand_over(session, chat, effect))
    session.flush()
    return result


def refuse(run: WorkflowRun, words: str) -> None:
    """Stores the reason why an answer was refused, to show it next to the question; the state stays the same."""
    run.refusal = {"words": words, "typed": ""}


def append(session: Session, chat: Chat, role: str, text: str, author_id: str | None = None) -> str:
    """Appends a message to the chat and returns its id. It is rendered when it is shown, to keep that out of the transaction."""
    message = Message(id=new_id(), chat_id=chat.id, parent_id=chat.head_id, role=role, content=text, author_id=author_id)
    session.add(message)
    session.flush()
    chat.head_id, chat.changed_at = message.id, utc_now()
    return message.id


def _hand_over(session: Session, chat: Chat, effect: HandOver) -> str:
    """Grants the group the right to write in the chat; returns the message for them."""
    group = queries.group_by_name(effect.group)
    if group is None:
        return f"{effect.summary}\n\n{NOBODY.format(effect.group)}"
    grants.give(session, KIND, chat.id, "write", by=chat.owner_id, user_id=None, group_id=group.id)
    return f"{effect.summary}\n\nHanded over to {group.name}."


def notify_group(run: WorkflowRun) -> None:
    """Updates the chat lists of the people who have taken over, so that they show the chat."""
    group = queries.group_by_name(run.current_state.handed_to) if run.current_state.handed_to else None
    for person in queries.people_of(group.id) if group else ():
        changes.access_changed(person.id)
