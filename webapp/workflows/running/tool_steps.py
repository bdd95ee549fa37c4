"""Steps that call a tool: an answer that no model writes makes the call, in the one way in which every answer makes its calls.

So it has the same states, policies and limits, waits for a person in the same way, and is not repeated after a kill.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.base.db import db
from webapp.base.errors import Unavailable
from webapp.base.ids import new_id
from webapp.chat.calls.answering import AnswerTools, keys_in, source_with_tools
from webapp.chat.calls.choosing import are_offered
from webapp.chat.messages.storing import PendingGeneration
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import the_engine
from webapp.engine.live import EventSource
from webapp.engine.tables import Generation
from webapp.models.providers.base import ModelRequest, Turn
from webapp.people.accounts.tables import User
from webapp.streaming.events import Calling, Ended, Event as AnswerEvent, Usage
from webapp.streaming.stop import Stop
from webapp.streaming.transcript import Transcript
from webapp.tools.built_in.texts import unquoted
from webapp.tools.calls import CallRecord, calls_of
from webapp.tools.offers import tools_of
from webapp.tools.policies import policies_for
from webapp.tools.tables import Call
from webapp.workflows.definition.definition import CHAT_TOOLS, Definition, Step, slot_in
from webapp.workflows.running.interpreter import text_for
from webapp.workflows.running.record import definition_of, people_of
from webapp.workflows.state import MODEL_ANSWERED, TOOL_FAILED, Event, RunState
from webapp.workflows.tables import WorkflowRun

TURNED_OFF = "Tools are turned off here."
UNUSABLE = "The tool “{}” no longer exists, or you can't use it."
DENIED = "It wasn't allowed. {}"
# What is recorded of a result; more than a slot keeps of it is of no use.
MOST_RESULT_CHARS = 20_000
NO_VALUE = object()


@dataclass(frozen=True, slots=True)
class ScriptedRound:
    """A round without a model: it makes the call or, with what that returned, ends the answer."""

    call: Calling | None
    is_between: Literal[True] = True

    def events(self, _stop: Stop) -> Iterator[AnswerEvent]:
        yield Usage(0, 0, "0")
        if self.call:
            yield self.call
        yield Ended("completed", "calls" if self.call else "tool")

    def check_timeout(self) -> str:
        return ""


def refusal(run: WorkflowRun, step: Step) -> str:
    """Returns why the run's person can't use the tool of a step; raises `Unavailable` if they only can't use it now."""
    person = db.session.get_one(User, run.owner_id)
    if not are_offered(None):
        return TURNED_OFF
    tool = tools_of(person).get(step.text)
    if tool is None or policies_for(person).of(tool) == "deny":
        return UNUSABLE.format(step.text)
    if reason := tool.unavailable():
        raise Unavailable(f"{tool.title}: {reason}")
    return ""


def pending(
    session: Session, run: WorkflowRun, chat: Chat, message: Message, continues_id: str | None = None
) -> PendingGeneration:
    """Builds the generation of a message that makes the call of the current step, or continues it."""
    generation = Generation(
        id=new_id(),
        kind=chat.kind,
        lane=chat.lane,
        message_id=message.id,
        user_id=chat.owner_id,
        model_asked=chat.model,
        when_unwatched="detach",
        owner=the_engine().worker.id,
        continues_id=continues_id,
        text_offset=0,
        prompt=RecordedPrompt().as_record(),
    )
    return PendingGeneration(
        chat,
        generation,
        _request(session, run, chat),
        RecordedPrompt(),
        source=lambda _ladder, _request: call_source(session, run, chat, message, generation),
    )


def call_source(
    session: Session, run: WorkflowRun, chat: Chat, message: Message, generation: Generation, transcript: Transcript | None = None
) -> EventSource:
    """Returns the source of an answer that makes the call of the current step."""
    definition, state = definition_of(run), run.current_state
    step = definition.by_id[state.step]
    arguments = json.dumps(arguments_of(definition, state, step, people_of(session, run)), ensure_ascii=False)
    tools = AnswerTools((step.text,), outside_in(session, chat.id), is_scripted=True)
    request, ladder = _request(session, run, chat), partial(_round, arguments)
    return source_with_tools(the_engine(), chat, message, generation, request, ladder, transcript=transcript, tools=tools)


def _round(arguments: str, request: ModelRequest) -> ScriptedRound:
    has_returned = any(turn.results for turn in request.turns)
    # Without tools, the one of the step is gone since the run got here.
    is_calling = bool(request.tools) and not has_returned
    return ScriptedRound(Calling(0, new_id(), request.tools[0].name, arguments) if is_calling else None)


def _request(session: Session, run: WorkflowRun, chat: Chat) -> ModelRequest:
    """Returns the request that stands for the call: what people have written, whose addresses a call may go to."""
    step = definition_of(run).by_id[run.current_state.step]
    is_written = Message.chat_id == chat.id, Message.role == "user", Message.outside == ""
    written = session.scalars(select(Message.content).where(*is_written))
    return ModelRequest(chat.model, tuple(Turn("user", text) for text in (step.texts, *written)), max_tokens=1)


def arguments_of(definition: Definition, state: RunState, step: Step, people: Mapping[str, str]) -> dict[str, Any]:
    """Returns the arguments of a step's call, with the answers so far; one that is an empty slot is left out."""
    arguments = {name: _filled(definition, state, value, people) for name, value in step.arguments.items()}
    return {name: value for name, value in arguments.items() if value is not NO_VALUE}


def _filled(definition: Definition, state: RunState, value: Any, people: Mapping[str, str]) -> Any:
    if name := slot_in(value):
        answer = state.slots.get(name, NO_VALUE)
        # A file is a document.
        return answer["document_id"] if isinstance(answer, Mapping) else answer
    if isinstance(value, str):
        return text_for(definition, state, value, people)
    if isinstance(value, Mapping):
        parts = {key: _filled(definition, state, part, people) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not NO_VALUE}
    if isinstance(value, list):
        parts_of_list = [_filled(definition, state, part, people) for part in value]
        return [part for part in parts_of_list if part is not NO_VALUE]
    return value


def outcome(session: Session, step: Step, message_id: str) -> Event | None:
    """Returns what became of a step's call; None while that is open."""
    calls = calls_of(session, message_id)
    if not calls or calls[-1].is_open:
        return None
    call = calls[-1]
    if call.state == "done":
        return Event(MODEL_ANSWERED, unquoted(call.text)[:MOST_RESULT_CHARS], step.id)
    return Event(TOOL_FAILED, _why_failed(call), step.id)


def _why_failed(call: CallRecord) -> str:
    return DENIED.format(call.note).strip() if call.state == "denied" else call.error


def tools_for(session: Session, chat: Chat, step: Step) -> AnswerTools:
    """Returns the tools that the model of a step can call."""
    of_chat = keys_in(chat) if CHAT_TOOLS in step.tools else ()
    keys = tuple(dict.fromkeys((*step.named_tools, *of_chat)))
    return AnswerTools(keys, outside_in(session, chat.id)) if keys else AnswerTools()


def outside_in(session: Session, chat_id: str) -> tuple[str, ...]:
    """Returns where outside text in a run came from, which its later steps can be given."""
    query = select(Call.outside).join(Message, Message.id == Call.message_id).where(Message.chat_id == chat_id)
    of_messages = session.scalars(select(Message.outside).where(Message.chat_id == chat_id, Message.outside != ""))
    called = (place for places in session.scalars(query) for place in places)
    return tuple(dict.fromkeys((*called, *(place for lines in of_messages for place in lines.splitlines()))))
