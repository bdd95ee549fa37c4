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
from webapp.chat.calls.answering import MakeSource
from webapp.chat.messages import sending
from webapp.chat.messages.storing import PendingGeneration, store_and_start
from webapp.chat.record import announcements, paths, queries as chat_queries
from webapp.chat.record.post_answer import IS_SHARED
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.live import EventSource
from webapp.engine.tables import Generation
from webapp.knowledge.answer_sources import NO_SOURCES, AnswerSources
from webapp.models.providers.base import ModelRequest
from webapp.streaming.events import Event as AnswerEvent
from webapp.streaming.stop import Stop
from webapp.tools.outside import places_text
from webapp.workflows.definition.definition import Step
from webapp.workflows.running import planning, step_prompt, tool_steps
from webapp.workflows.running.record import definition_of, locked_run, record
from webapp.workflows.running.sentences import capped, first
from webapp.workflows.state import MODEL_ANSWERED, MODEL_FAILED, TOOL_FAILED, Event
from webapp.workflows.tables import WorkflowRun

# The limits for the answer to a side question.
ASIDE = Step("aside", "chat", max_sentences=3, max_tokens=300)


class LimitedSource:
    """A source of events that ends after so many sentences and tokens, counting those of the cut answer that it continues.

    In an answer with tools, it is the source of one round: what a model says before it calls is not what it answers.
    """

    def __init__(self, source: EventSource, sentences: int, request: ModelRequest) -> None:
        self._source, self._sentences, self._tokens, self._may_call = source, sentences, request.max_tokens, request.takes_calls
        self._beginning = request.turns[-1].content if request.is_continuation else ""

    def events(self, stop: Stop) -> Iterator[AnswerEvent]:
        events = self._source.events(stop)
        events = capped(self._tokens, events) if self._tokens else events
        return first(self._sentences, events, self._beginning, may_call=self._may_call, pause=give_way)

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
        step = definition_of(run).by_id[run.current_state.step]
        if step.verb == "generate":
            _plan(run)
        elif step.verb == "tool" and not run.message_id and (why := tool_steps.refusal(run, step)):
            _record_and_go_on(run, Event(TOOL_FAILED, why, step.id))
        else:
            _begin(run)
    except Busy:
        # An answer is already being written.
        return
    except AppError as error:
        record_failure(run_id, error)


def _plan(run: WorkflowRun) -> None:
    """Starts the plan of the current step, or continues the run if the plan was completed elsewhere."""
    plan = planning.completed_elsewhere(run)
    if plan is None:
        planning.begin(run)
    else:
        _record_and_go_on(run, Event(MODEL_ANSWERED, planning.text_of(plan), run.current_state.step))


def _record_and_go_on(run: WorkflowRun, event: Event) -> None:
    """Records what became of the current step without a generation, and starts the next."""
    id = run.id
    with write() as session:
        row = locked_run(session, id)
        record(session, row, event)
        chat_id = row.chat_id
    announcements.announce(db.session.get_one(Chat, chat_id), "chat", chat_id)
    call_if_due(id)


def _begin(run: WorkflowRun) -> None:
    lane, id, person = db.session.get_one(Chat, run.chat_id).lane, run.id, run.owner_id
    # Searched before the transaction, which would otherwise stay open that long.
    sources = NO_SOURCES if step_to_answer(run).verb == "tool" else step_prompt.found_for(run)
    store_and_start(partial(_store, id, sources), person, lane=lane)


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


def _store(run_id: str, sources: AnswerSources, session: Session) -> PendingGeneration:
    run = locked_run(session, run_id)
    if not run.is_due:
        raise Conflict("The workflow has moved on in the meantime.")
    # Locks the chat, so that the last message can't be deleted before the new one is stored below it.
    rows.locked(session, Chat, run.chat_id)
    chat = session.get_one(Chat, run.chat_id)
    if cut := session.get(Message, run.message_id) if run.message_id else None:
        # The continuation of a cut answer, in the same message.
        last: Generation | None = chat_queries.last_generation(cut)
        return _pending(session, run, sources, chat, cut, last.id if last else None)
    message = Message(id=new_id(), chat_id=chat.id, parent_id=chat.head_id, role="assistant", content="")
    pending = _pending(session, run, sources, chat, message)
    rows.put(session, message)
    is_shared = rows.change(session, chat, returning=IS_SHARED, head_id=message.id, changed_at=utc_now())
    run.message_id = message.id
    return replace(pending, is_shared=bool(is_shared))


def step_to_answer(run: WorkflowRun) -> Step:
    """Returns the current step, or what limits the answer to a side question in it."""
    return ASIDE if run.current_state.is_aside else definition_of(run).by_id[run.current_state.step]


def _pending(
    session: Session, run: WorkflowRun, sources: AnswerSources, chat: Chat, message: Message, continues_id: str | None = None
) -> PendingGeneration:
    """Builds the generation of a message by which a model answers, or the tool of the current step is called."""
    step = step_to_answer(run)
    if step.verb == "tool":
        return tool_steps.pending(session, run, chat, message, continues_id)
    path = paths.messages_within(session, message.parent_id) if message.parent_id else []
    path = [*path, paths.PathMessage(message.id, "assistant", message.content)]
    is_personal = definition_of(run).by_id[run.current_state.step].is_personal
    options = sending.AnswerOptions(given=sources, is_personal=is_personal, tools=tool_steps.tools_for(session, chat, step))
    pending = sending.new_generation(chat, message, path, model=chat.model, continues_id=continues_id, options=options)
    if not message.content:
        message.sources = list(pending.prompt.sources)
    message.outside = places_text(pending.prompt.outside)
    return _limited(pending, step)


def _limited(pending: PendingGeneration, step: Step) -> PendingGeneration:
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
        source=lambda ladder, request: pending.source(limited(step, ladder), request),
    )


def limited(step: Step, ladder: MakeSource) -> MakeSource:
    """Returns a maker of sources that end as the step and the request say."""
    return lambda request: LimitedSource(ladder(request), step.max_sentences, request)
