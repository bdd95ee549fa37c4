"""What a step is given from documents: searched in the name of the person who runs it, and of nobody else."""

from collections.abc import Sequence

from webapp.accounts.tables import User
from webapp.chat import queries as chats
from webapp.chat.messages import sourcing
from webapp.chat.tables import Chat, Message
from webapp.db import db
from webapp.knowledge import queries
from webapp.knowledge.answering import NOTHING, Given
from webapp.workflows.interpreter import text_for
from webapp.workflows.record import definition_of, people_of
from webapp.workflows.tables import WorkflowRun


def found_for(run: WorkflowRun) -> Given:
    """For what a model is about to say; an answer that goes on keeps the numbers that it cites."""
    definition, place = definition_of(run), run.place
    knowledge = definition.all_knowledge if place.is_aside else definition.by_id[place.step].knowledge
    if not knowledge:
        return NOTHING
    cut = db.session.get(Message, run.message_id) if run.message_id else None
    if cut and cut.content:
        return sourcing.kept_for(db.session.get_one(Chat, run.chat_id), cut, run.owner_id)
    return _searched(run, knowledge, _asked(run))


def _searched(run: WorkflowRun, names: Sequence[str], said: Sequence[str]) -> Given:
    user = db.session.get_one(User, run.owner_id)
    wanted = {name.casefold() for name in names}
    ids = [each.id for each in queries.collections(user) if each.name.casefold() in wanted or each.id in names]
    # Of collections that this person may not see, the answer says what it says where nothing was found.
    return sourcing.found_in(ids, said, run.owner_id) if ids else Given(was_asked=True)


def _asked(run: WorkflowRun) -> list[str]:
    """What is looked for: the task of the step, and what the person replied in it."""
    definition, place = definition_of(run), run.place
    step = definition.by_id[place.step]
    task = text_for(definition, place, step.text, people_of(db.session(), run))
    if place.turns_left == step.turns and not place.is_aside:
        return [task]
    chat = db.session.get_one(Chat, run.chat_id, populate_existing=True)
    replies = [each.content for each in chats.said_to(chat.head_id) if each.role == "user"] if chat.head_id else []
    return [task, *replies[-1:]]
