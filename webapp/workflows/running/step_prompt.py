"""What the prompt of a step includes: the built-in text, the task, and passages of documents that its person may see."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from webapp.base.db import db
from webapp.base.words import plural
from webapp.chat.messages import source_search
from webapp.chat.prompt.context import PromptContext
from webapp.chat.record import paths
from webapp.chat.record.tables import Chat, Message
from webapp.knowledge import answer_sources, queries as knowledge_queries
from webapp.knowledge.sources import Excerpt
from webapp.knowledge.tables import Collection
from webapp.models.prompt_sections import Section
from webapp.people.accounts.tables import User
from webapp.prompts import active_prompts
from webapp.prompts.built_in import BuiltIn
from webapp.tools.built_in.texts import QUOTED, fenced
from webapp.workflows import queries
from webapp.workflows.definition.definition import Definition
from webapp.workflows.running.interpreter import listed, text_for
from webapp.workflows.running.record import LED, definition_of, people_of
from webapp.workflows.state import RunState
from webapp.workflows.tables import WorkflowRun

STEP = BuiltIn(
    key="workflow.step",
    title="Workflow steps",
    about="The system prompt of workflows, before the task of each step. Empty until you publish a version.",
    load=tuple,
    takes=("temperature",),
    is_optional=True,
    is_answered=True,
    leads_chats=True,
)
# The number of passages from a run's files when a search finds nothing in them.
MOST_OF_FILES = 6
ASIDE = (
    "A guided workflow, “{}”, has asked the person something, and instead of answering they ask a question of their own. "
    "Answer it, in at most three sentences. Don't ask anything yourself: the workflow repeats its question afterwards."
)
# The conversation still shows what was answered first.
CORRECTED = "The person has corrected earlier answers since. These are the ones that count:\n{}"


def found_for(run: WorkflowRun) -> answer_sources.AnswerSources:
    """Returns the sources for the next answer; a continued answer keeps its sources, whose numbers it cites."""
    definition, state = definition_of(run), run.current_state
    step = definition.by_id[state.step]
    names = definition.all_knowledge if state.is_aside else step.knowledge
    retrieves = state.is_aside or step.retrieves
    has_files = run.collection_id is not None and retrieves
    names = (*names, *(active_prompts.collections_of(STEP.key) if retrieves else ()))
    if not names and not has_files:
        return answer_sources.NO_SOURCES
    cut = db.session.get(Message, run.message_id) if run.message_id else None
    if cut and cut.content:
        return source_search.for_continuation(db.session.get_one(Chat, run.chat_id), cut, run.owner_id)
    sources = _searched(run, names, _queries(run), has_files=has_files)
    return _with_files(run, sources) if has_files else sources


def files_of(run: WorkflowRun, person: User) -> Collection | None:
    """Returns the collection of the files given in a run, if it still exists."""
    return knowledge_queries.SEEN_COLLECTIONS.one(person, run.collection_id) if run.collection_id else None


def _with_files(run: WorkflowRun, search_sources: answer_sources.AnswerSources) -> answer_sources.AnswerSources:
    """Adds the beginnings of the run's files if the search found nothing in them."""
    person = db.session.get_one(User, run.owner_id)
    collection = files_of(run, person)
    own = list(reversed(knowledge_queries.documents(person, collection))) if collection else []
    if {document.id for document in own} & {source.document_id for source in search_sources.sources}:
        return search_sources
    passages = (
        (document, passage)
        for document in own
        for passage in knowledge_queries.passages(person, document.id, limit=MOST_OF_FILES)
    )
    sources, chars_left = list(search_sources.sources), answer_sources.MOST_CHARS // (2 if search_sources.sources else 1)
    for document, passage in islice(passages, MOST_OF_FILES):
        chars_left -= len(passage.head) + len(passage.text)
        if chars_left < 0:
            break
        sources.append(answer_sources.source(len(sources) + 1, Excerpt.from_passage(passage), document))
    return replace(search_sources, sources=tuple(sources), was_asked=True)


def _searched(run: WorkflowRun, names: Sequence[str], texts: Sequence[str], *, has_files: bool) -> answer_sources.AnswerSources:
    user = db.session.get_one(User, run.owner_id)
    names_lower = {name.casefold() for name in names}
    ids = [
        collection.id
        for collection in knowledge_queries.SEEN_COLLECTIONS.all(user)
        if collection.name.casefold() in names_lower
        or collection.id in names
        or (has_files and collection.id == run.collection_id)
    ]
    # If the person may see none of the collections, the prompt is the same as if nothing was found.
    return source_search.in_collections(ids, texts, run.owner_id) if ids else answer_sources.AnswerSources(was_asked=True)


def _queries(run: WorkflowRun) -> list[str]:
    """Returns what to search for: the task of the step, and the person's last reply in it."""
    definition, state = definition_of(run), run.current_state
    step = definition.by_id[state.step]
    task = text_for(definition, state, step.text, people_of(db.session(), run))
    if state.turns_left == step.turns and not state.is_aside:
        return [task]
    chat = db.session.get_one(Chat, run.chat_id, populate_existing=True)
    replies = [message.content for message in paths.messages_to(chat.head_id) if message.role == "user"] if chat.head_id else []
    return [task, *replies[-1:]]


def quoting_tools(definition: Definition, state: RunState) -> RunState:
    """Returns the state for a prompt, in which texts that tools have returned are quoted: others can have written them."""
    calls = [step for step in definition.steps if step.verb == "tool"]
    slots = {step.into for step in calls if step.into and definition.slots[step.into].type == "text"}
    ids = {step.id for step in calls}
    values = {name: _quoted(value) if name in slots else value for name, value in state.slots.items()}
    return replace(state, slots=values, said={id: _quoted(text) if id in ids else text for id, text in state.said.items()})


def _quoted(value: Any) -> Any:
    return f"\n{QUOTED}\n{fenced(value)}\n" if isinstance(value, str) and value else value


def run_sections(context: PromptContext) -> Iterator[Section]:
    """Yields the task, the instructions and, if there is no message to answer, a cue to continue."""
    session = db.session()
    if session.get_one(Chat, context.chat_id).kind != LED or not (run := queries.run_of(context.chat_id)):
        return
    definition, state = definition_of(run), quoting_tools(definition_of(run), run.current_state)
    if not (step := definition.by_id.get(state.step)):
        return
    people = people_of(session, run)
    if corrected := listed(definition, state, queries.changed_names(run)):
        yield Section("Corrected answers", CORRECTED.format(corrected), definition.title, rank=62)
    if state.is_aside:
        yield Section("Side question", ASIDE.format(definition.title), definition.title, rank=60)
        return
    task, guidelines = (text_for(definition, state, text, people) for text in (step.text, step.guidelines))
    yield Section("Step of the workflow", f"Your task in this step of a guided workflow: {task}", definition.title, rank=60)
    brief = f"Answer in at most {plural(step.max_sentences, 'sentence')}."
    yield Section("How to answer", f"{guidelines}\n{brief}".strip(), definition.title, rank=61)
    if not context.messages or context.messages[-1][0] != "user":
        yield Section("Cue", "(Continue with this step.)", definition.title, role="user", depth=0)
