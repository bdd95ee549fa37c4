"""What a step is given from documents: searched in the name of the person who runs it, and of nobody else."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from webapp.accounts.tables import User
from webapp.chat import paths
from webapp.chat.messages import sourcing
from webapp.chat.tables import Chat, Message
from webapp.db import db
from webapp.knowledge import answering, queries
from webapp.knowledge.answering import NOTHING, Given
from webapp.knowledge.excerpt import Excerpt
from webapp.knowledge.tables import Collection
from webapp.prompts import using
from webapp.workflows.interpreter import text_for
from webapp.workflows.prompts import STEP
from webapp.workflows.record import definition_of, people_of
from webapp.workflows.tables import WorkflowRun

# Passages of the files of a run, of which nothing was found.
MOST_OF_FILES = 6


def found_for(run: WorkflowRun) -> Given:
    """For what a model is about to say; an answer that goes on keeps the numbers that it cites."""
    definition, place = definition_of(run), run.place
    step = definition.by_id[place.step]
    knowledge = definition.all_knowledge if place.is_aside else step.knowledge
    retrieves = place.is_aside or step.retrieves
    has_files = run.collection_id is not None and retrieves
    knowledge = (*knowledge, *(using.read_by(STEP.key) if retrieves else ()))
    if not knowledge and not has_files:
        return NOTHING
    cut = db.session.get(Message, run.message_id) if run.message_id else None
    if cut and cut.content:
        return sourcing.kept_for(db.session.get_one(Chat, run.chat_id), cut, run.owner_id)
    found = _searched(run, knowledge, _asked(run), has_files=has_files)
    return _with_files(run, found) if has_files else found


def files_of(run: WorkflowRun, person: User) -> Collection | None:
    """The collection of the files that were given in a run, if it is still there."""
    return queries.collection(person, run.collection_id) if run.collection_id else None


def _with_files(run: WorkflowRun, found: Given) -> Given:
    """Where a task names nothing that is found in the files of its run, a model is given their beginnings."""
    person = db.session.get_one(User, run.owner_id)
    collection = files_of(run, person)
    own = list(reversed(queries.documents(person, collection))) if collection else []
    if {each.id for each in own} & {each.document_id for each in found.sources}:
        return found
    passages = ((each, passage) for each in own for passage in queries.passages(person, each.id, limit=MOST_OF_FILES))
    sources, left = list(found.sources), answering.MOST_CHARS // (2 if found.sources else 1)
    for document, passage in islice(passages, MOST_OF_FILES):
        left -= len(passage.head) + len(passage.text)
        if left < 0:
            break
        sources.append(answering.source(len(sources) + 1, Excerpt.of(passage), document))
    return replace(found, sources=tuple(sources), was_asked=True)


def _searched(run: WorkflowRun, names: Sequence[str], said: Sequence[str], *, has_files: bool) -> Given:
    user = db.session.get_one(User, run.owner_id)
    wanted = {name.casefold() for name in names}
    ids = [
        each.id
        for each in queries.collections(user)
        if each.name.casefold() in wanted or each.id in names or (has_files and each.id == run.collection_id)
    ]
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
    replies = [each.content for each in paths.said_to(chat.head_id) if each.role == "user"] if chat.head_id else []
    return [task, *replies[-1:]]
