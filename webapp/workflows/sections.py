"""The prompt sections of a workflow's current step."""

from collections.abc import Iterator

from webapp.base.db import db
from webapp.base.words import plural
from webapp.chat.prompt.context import PromptContext
from webapp.chat.record.tables import Chat
from webapp.models.prompt_sections import Section
from webapp.workflows import queries
from webapp.workflows.running.interpreter import text_for
from webapp.workflows.running.record import definition_of, people_of
from webapp.workflows.running.runs import KIND
from webapp.workflows.running.summaries import listed

ASIDE = (
    "A guided workflow, “{}”, has asked the person something, and instead of answering they ask a question of their own. "
    "Answer it, in at most three sentences. Don't ask anything yourself: the workflow repeats its question afterwards."
)
# The conversation still shows what was answered first.
CORRECTED = "The person has corrected earlier answers since. These are the ones that count:\n{}"


def of_run(context: PromptContext) -> Iterator[Section]:
    """Yields the task, the instructions and, if there is no message to answer, a cue to continue."""
    session = db.session()
    if session.get_one(Chat, context.chat_id).kind != KIND or not (run := queries.run_of(context.chat_id)):
        return
    definition, place = definition_of(run), run.place
    if not (step := definition.by_id.get(place.step)):
        return
    people = people_of(session, run)
    if corrected := listed(definition, place, queries.changed_names(run)):
        yield Section("Corrected answers", CORRECTED.format(corrected), definition.title, rank=62)
    if place.is_aside:
        yield Section("Side question", ASIDE.format(definition.title), definition.title, rank=60)
        return
    task, guidelines = (text_for(definition, place, text, people) for text in (step.text, step.guidelines))
    yield Section("Step of the workflow", f"Your task in this step of a guided workflow: {task}", definition.title, rank=60)
    brief = f"Answer in at most {plural(step.max_sentences, 'sentence')}."
    yield Section("How to answer", f"{guidelines}\n{brief}".strip(), definition.title, rank=61)
    if not context.messages or context.messages[-1][0] != "user":
        yield Section("Cue", "(Continue with this step.)", definition.title, role="user", depth=0)
