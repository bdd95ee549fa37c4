"""The passages that a step's prompt includes, searched only with the rights of the person who runs it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from webapp.base.db import db
from webapp.chat.messages import source_search
from webapp.chat.record import paths
from webapp.chat.record.tables import Chat, Message
from webapp.knowledge import answer_sources, queries
from webapp.knowledge.answer_sources import NOTHING, AnswerSources
from webapp.knowledge.excerpt import Excerpt
from webapp.knowledge.tables import Collection
from webapp.people.accounts.tables import User
from webapp.prompts import active_prompts
from webapp.workflows.prompts import STEP
from webapp.workflows.running.interpreter import text_for
from webapp.workflows.running.record import definition_of, people_of
from webapp.workflows.tables import WorkflowRun

# The number of passages from a run's files when a search finds nothing in them.
MOST_OF_FILES = 6


def found_for(run: WorkflowRun) -> AnswerSources:
    """Returns the sources for the next answer; a continued answer keeps its sources, whose numbers it cites."""
    definition, place = definition_of(run), run.place
    step = definition.by_id[place.step]
    knowledge = definition.all_knowledge if place.is_aside else step.knowledge
    retrieves = place.is_aside or step.retrieves
    has_files = run.collection_id is not None and retrieves
    knowledge = (*knowledge, *(active_prompts.collections_of(STEP.key) if retrieves else ()))
    if not knowledge and not has_files:
        return NOTHING
    cut = db.session.get(Message, run.message_id) if run.message_id else None
    if cut and cut.content:
        return source_search.for_continuation(db.session.get_one(Chat, run.chat_id), cut, run.owner_id)
    found = _searched(run, knowledge, _queries(run), has_files=has_files)
    return _with_files(run, found) if has_files else found


def files_of(run: WorkflowRun, person: User) -> Collection | None:
    """Returns the collection of the files given in a run, if it still exists."""
    return queries.collection(person, run.collection_id) if run.collection_id else None


def _with_files(run: WorkflowRun, found: AnswerSources) -> AnswerSources:
    """Adds the beginnings of the run's files if the search found nothing in them."""
    person = db.session.get_one(User, run.owner_id)
    collection = files_of(run, person)
    own = list(reversed(queries.documents(person, collection))) if collection else []
    if {each.id for each in own} & {each.document_id for each in found.sources}:
        return found
    passages = ((each, passage) for each in own for passage in queries.passages(person, each.id, limit=MOST_OF_FILES))
    sources, left = list(found.sources), answer_sources.MOST_CHARS // (2 if found.sources else 1)
    for document, passage in islice(passages, MOST_OF_FILES):
        left -= len(passage.head) + len(passage.text)
        if left < 0:
            break
        sources.append(answer_sources.source(len(sources) + 1, Excerpt.of(passage), document))
    return replace(found, sources=tuple(sources), was_asked=True)


def _searched(run: WorkflowRun, names: Sequence[str], texts: Sequence[str], *, has_files: bool) -> AnswerSources:
    user = db.session.get_one(User, run.owner_id)
    wanted = {name.casefold() for name in names}
    ids = [
        each.id
        for each in queries.collections(user)
        if each.name.casefold() in wanted or each.id in names or (has_files and each.id == run.collection_id)
    ]
    # If the person may see none of the collections, the prompt is the same as if nothing was found.
    return source_search.in_collections(ids, texts, run.owner_id) if ids else AnswerSources(was_asked=True)


def _queries(run: WorkflowRun) -> list[str]:
    """Returns what to search for: the task of the step, and the person's last reply in it."""
    definition, place = definition_of(run), run.place
    step = definition.by_id[place.step]
    task = text_for(definition, place, step.text, people_of(db.session(), run))
    if place.turns_left == step.turns and not place.is_aside:
        return [task]
    chat = db.session.get_one(Chat, run.chat_id, populate_existing=True)
    replies = [each.content for each in paths.messages_to(chat.head_id) if each.role == "user"] if chat.head_id else []
    return [task, *replies[-1:]]
