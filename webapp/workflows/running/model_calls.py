"""Runs the model calls of a run as generations, limited to the sentences and tokens of their step."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Busy, Conflict, OverBudget
from webapp.base.heavy.turns import give_way
from webapp.base.ids import new_id
from webapp.chat.messages import sending
from webapp.chat.record import announcements, paths, queries as chat_queries
from webapp.chat.record.post_answer import IS_SHARED
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.live import Source
from webapp.engine.tables import Generation
from webapp.knowledge.answer_sources import AnswerSources
from webapp.streaming.events import Event as AnswerEvent
from webapp.streaming.stop import Stop
from webapp.workflows.definition.definition import Step
from webapp.workflows.running import planning, step_prompt
from webapp.workflows.running.record import definition_of, locked_run, record
from webapp.workflows.running.sentences import capped, first
from webapp.workflows.state import MODEL_ANSWERED, MODEL_FAILED, Event
from webapp.workflows.tables import WorkflowRun

# The limits for the answer to a side question.
ASIDE = Step("aside", "chat", max_sentences=3, max_tokens=300)


class LimitedSource:
    """A source of events that ends after so many sentences and tokens, counting those of `beginning`, the cut answer so far."""

    def __init__(self, source: Source, sentences: int, tokens: int | None, beginning: str) -> None:
        self._source, self._sentences, self._tokens, self._beginning = source, sentences, tokens, beginning

    def events(self, stop: Stop) -> Iterator[AnswerEvent]:
        events = self._source.events(stop)
        events = capped(self._tokens, events) if self._tokens else events
        return first(self._sentences, events, self._beginning, pause=give_way)

    @property
    def is_between(self) -> bool:
        return self._source.is_between

    def check_timeout(self) -> str:
        return self._source.check_timeout()


def call_if_due(run_id: str) -> None:
    """Starts the answer of the current step unless one is being written; pauses the run if it is refused."""
    run = db.session.get(WorkflowRun, run_id, populate_existing=True)
    if run is None or not run.is_due:
        return
    try:
        if definition_of(run).by_id[run.current_state.step].verb == "generate":
            _plan(run)
        else:
            _begin(run)
    except Busy:
        # An answer is already being written.
        return
    except AppError as error:
        record_failure(run_id, error)


def _plan(run: WorkflowRun) -> None:
    """Starts the plan of the current step, or continues the run if the plan was completed elsewhere."""
    id, plan = run.id, planning.completed_elsewhere(run)
    if plan is None:
        planning.begin(run)
        return
    text = planning.text_of(plan)
    with write() as session:
        row = locked_run(session, id)
        record(session, row, Event(MODEL_ANSWERED, text, row.current_state.step))
        chat_id = row.chat_id
    announcements.announce(db.session.get_one(Chat, chat_id), "chat", chat_id)
    call_if_due(id)


def _begin(run: WorkflowRun) -> None:
    lane, id, person = db.session.get_one(Chat, run.chat_id).lane, run.id, run.owner_id
    # Searched before the transaction, which would otherwise stay open that long.
    sources = step_prompt.found_for(run)
    sending.store_and_start(partial(_store, id, sources), person, lane=lane)


def record_failure(run_id: str, error: AppError) -> None:
    """Pauses a run whose model could not be called, until it is resumed; a budget that refused the call is recorded by its id."""
    budget_id = error.budget_id if isinstance(error, OverBudget) else ""
    with write() as session:
        run = locked_run(session, run_id)
        record(session, run, Event(MODEL_FAILED, error.message, budget_id))
        chat_id = run.chat_id
    announcements.announce(db.session.get_one(Chat, chat_id), "chat", chat_id)


def call_after(engine: Engine, generation_id: str, run_id: str) -> None:
    """Calls `call_if_due` as soon as a generation that was just saved has been removed from the engine's live ones."""

    def speak() -> None:
        while generation_id in engine.live:
            engine.pause(0.01)
        if not engine.is_closing:
            with engine.in_app():
                call_if_due(run_id)

    engine.spawn(speak)


def _store(run_id: str, sources: AnswerSources, session: Session) -> sending.PendingGeneration:
    run = locked_run(session, run_id)
    if not run.is_due:
        raise Conflict("The workflow has moved on in the meantime.")
    # Locks the chat, so that the last message can't be deleted before the new one is stored below it.
    rows.locked(session, Chat, run.chat_id)
    chat = session.get_one(Chat, run.chat_id)
    step = definition_of(run).by_id[run.current_state.step]
    cut = session.get(Message, run.message_id) if run.message_id else None
    options = sending.AnswerOptions(given=sources, is_personal=step.is_personal)
    pending = _again(session, chat, cut, options) if cut else _anew(session, chat, options)
    run.message_id = pending.generation.message_id
    return _limited(pending, ASIDE if run.current_state.is_aside else step, cut.content if cut else "")


def _anew(session: Session, chat: Chat, options: sending.AnswerOptions) -> sending.PendingGeneration:
    message = Message(id=new_id(), chat_id=chat.id, parent_id=chat.head_id, role="assistant", content="")
    path = [
        *(paths.messages_within(session, chat.head_id) if chat.head_id else ()),
        paths.PathMessage(message.id, "assistant", ""),
    ]
    pending = sending.new_generation(chat, message, path, model=chat.model, options=options)
    message.sources = list(pending.prompt.sources)
    rows.put(session, message)
    is_shared = rows.change(session, chat, returning=IS_SHARED, head_id=message.id, changed_at=utc_now())
    return replace(pending, is_shared=bool(is_shared))


def _again(session: Session, chat: Chat, message: Message, options: sending.AnswerOptions) -> sending.PendingGeneration:
    """Queues the continuation of a cut answer, in the same message."""
    last: Generation | None = chat_queries.last_generation(message)
    path = paths.messages_within(session, message.id)
    pending = sending.new_generation(
        chat, message, path, model=chat.model, continues_id=last.id if last else None, options=options
    )
    if not message.content:
        message.sources = list(pending.prompt.sources)
    return pending


def _limited(pending: sending.PendingGeneration, step: Step, beginning: str) -> sending.PendingGeneration:
    tokens = [limit for limit in (step.max_tokens, pending.request.max_tokens) if limit]
    most = min(tokens) if tokens else None
    prompt = pending.prompt
    if most:
        prompt = replace(prompt, parameters={**prompt.parameters, "max_tokens": most})
        pending.generation.prompt = prompt.as_record()
    return replace(
        pending,
        request=replace(pending.request, max_tokens=most),
        prompt=prompt,
        source=lambda ladder, request: LimitedSource(pending.source(ladder, request), step.max_sentences, most, beginning),
    )
