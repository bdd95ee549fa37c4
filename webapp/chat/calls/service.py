"""What people decide about an answer that waits, about its calls or a limit, and what follows: it continues where it waited."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, TextClause, and_, exists, literal, or_, select, update
from sqlalchemy.orm import Session

from webapp.base import topic_names
from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Conflict, Forbidden, Invalid, OverBudget
from webapp.chat.record import projects
from webapp.chat.record.announcements import announce
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.engine.chores import Chore, run_steps
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import WAITING, WHILE_ACTIVE, Generation
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.people.accounts.tables import Grant, User
from webapp.people.things import grants
from webapp.settings.service import setting
from webapp.streaming.outcome import BUDGET
from webapp.tools import calls as stored
from webapp.tools.calls import CallRecord
from webapp.tools.fuse import WORDS, Allowed, Limits, blow, figure_of
from webapp.tools.offers import built_in_tools, tools_of
from webapp.tools.questions import Action, BadAnswers, ServerQuestion, checked_values
from webapp.tools.results import NAMELESS
from webapp.tools.tables import AllowedTool, Call, Fuse
from webapp.tools.tool import Tool

log = logging.getLogger("tools:decisions")
Decision = Literal["allow", "allow_in_chat", "deny", "done", "again", "leave", "answer", "decline", "cancel"]
# What can be decided about a call in each state, about a question of the model, and about one of a tool server.
OF_WAITING: tuple[Decision, ...] = ("allow", "allow_in_chat", "deny")
OF_MODELS_QUESTION: tuple[Decision, ...] = ("answer", "decline")
OF_SERVERS_QUESTION: tuple[Decision, ...] = ("answer", "decline", "cancel")
OF_UNKNOWN: tuple[Decision, ...] = ("done", "again", "leave")
FuseDecision = Literal["continue", "answer", "end"]
# What an answer that is parked waits for.
WaitsFor = Literal["call", "limit", "model"]
NOTHING, MOST_USD = Decimal(), Decimal(1_000)
# Those after which a call is done.
TO_BE_DONE: tuple[Decision, ...] = ("allow", "allow_in_chat", "again")
# Those about what is done in a person's own name that only they can make.
IN_OWN_NAME: tuple[Decision, ...] = (*TO_BE_DONE, "answer")
MOST_CHARS = 20_000
NO_LIMIT = "This answer doesn't wait at a limit, or it has been decided already."
ENDED = "This answer has ended, so that nothing of it is done any more."
IN_A_BUDGET = "Only {} can let this continue: it counts toward their budget. You can end it."
IN_A_NAME = "Only {} can allow this: it is done in their name. You can deny it."
NOT_WAITING = "This has been decided already."
NOBODY_DECIDES = "Nobody has to decide about this call: it is {}."
TOO_LATE = "{} no longer waits for this: nobody answered in time."
NOT_YOURS = "Only people who can use {} can answer it."
NOT_PARKED = "This answer doesn't wait for a decision."
NOT_THEIR_MODEL = "Only {} can choose another model: the answer is theirs."
CHANGED = "This tool has changed since it asked. Stop the call, so that the model can call it as it is now."
ACTIONS: dict[Decision, Action] = {"answer": "accept", "decline": "decline", "cancel": "cancel"}
DECIDED: dict[str, str] = {
    "allow": "allowed once",
    "allow_in_chat": "allowed in this chat",
    "deny": "denied",
    "done": "answered",
    "again": "to be done again",
    "leave": "left out",
    "answer": "answered",
    "decline": "not to be answered",
    "cancel": "stopped",
}


@dataclass(frozen=True, slots=True)
class ReachedLimit:
    """A limit at which an answer waits, its figure, which is empty for a budget, and what people are told of it."""

    limit: str
    figure: str
    words: str


@dataclass(frozen=True, slots=True)
class WaitingCalls:
    """Calls that wait for a decision, with the tools that they are of; `asker` is who asked for them, if not all are built in."""

    calls: Sequence[Call]
    asker: User | None
    tools: Mapping[str, Tool]

    def only_by(self, reader: User | None) -> dict[str, str]:
        """Returns the name of who alone can allow or answer a call, by its id, if that isn't this reader."""
        if not self.asker or (reader and reader.id == self.asker.id):
            return {}
        name = self.asker.name or NAMELESS
        return {call.id: name for call in self.calls if _is_in_own_name(call, self.tools.get(call.tool))}

    def troubles(self) -> dict[str, str]:
        """Returns why a call can't be done now, by its id."""
        reasons = {call.id: tool.unavailable() for call in self.calls if (tool := self.tools.get(call.tool))}
        return {id: reason for id, reason in reasons.items() if reason}


class WrongAnswers(Invalid):
    """Answers to a tool server that don't fit what it asks; `errors` are by the names of the fields."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()), field="values")
        self.errors = errors


def choices(call: Call) -> tuple[Decision, ...]:
    """Returns what can be decided about a call; nothing if it doesn't wait."""
    if call.state == "unknown":
        return OF_UNKNOWN
    if call.question and call.state in ("waiting", "running"):
        return OF_SERVERS_QUESTION if ServerQuestion.from_record(call.question).is_open else ()
    tool = built_in_tools().get(call.tool)
    return () if call.state != "waiting" else OF_MODELS_QUESTION if tool and tool.is_question else OF_WAITING


def decide(
    call: Call, decision: Decision, *, by: User, note: str = "", result: str = "", values: Mapping[str, Any] | None = None
) -> Call:
    """Stores a decision, once, and lets the answer go on; raises `Conflict` if the call doesn't wait for that.

    `values` answer a question of a tool server; raises `WrongAnswers` if they don't fit. What is done in a person's own name,
    such as with their sign-in, only they can allow.
    """
    if decision not in get_args(Decision):
        raise Invalid("Choose what to do.", field="decision")
    if max(len(note), len(result)) > MOST_CHARS:
        raise Invalid("That is too long.", field="note")
    if decision not in choices(call):
        raise Conflict(_said(call))
    record, message_id, by_id = CallRecord.of(call), call.message_id, by.id
    _refuse_without_model(parked_answer(message_id))
    asker = _asker_of(message_id)
    tool = tools_of(asker).get(call.tool) if asker else None
    question = record.asks if decision in ACTIONS else None
    if decision == "answer" and not (question or result):
        raise Invalid("Choose an answer, or write one.", field="result")
    if question:
        # What doesn't fit is told in the words of a server that may not be theirs.
        if decision != "cancel":
            _check_tool(tools_of(by).get(call.tool), question, is_sent_again=record.state == "waiting")
        question = _answered(question, decision, values or {}, by_id)
    elif tool and decision in TO_BE_DONE and (reason := tool.unavailable()):
        raise Conflict(reason)
    if asker and asker.id != by_id and _is_in_own_name(call, tool) and decision in IN_OWN_NAME:
        raise Forbidden(IN_A_NAME.format(asker.name))
    with write() as session:
        if not session.scalar(select(Generation.id).where(Generation.message_id == message_id, WHILE_ACTIVE).with_for_update()):
            raise Conflict(ENDED)
        if question:
            if not (asking := stored.answer(session, record.id, question)):
                raise Conflict(NOT_WAITING)
            record = asking
        effect = _effect_of_answer(record, decision) if question else _effect(decision, note, result)
        about = {"decision": decision, "decided_by": by_id, "decided_at": utc_now()}
        if not stored.change(session, record, after=(record.state,), **effect, **about):
            raise Conflict(NOT_WAITING)
        chat_id = session.get_one(Message, message_id).chat_id
        if decision == "allow_in_chat":
            hash = tool.hash if tool else ""
            session.merge(AllowedTool(chat_id=chat_id, user_id=by_id, tool=record.tool, tool_hash=hash))
    go_on(the_engine(), message_id)
    # Lists of chats say which of them wait for a person.
    announce(db.session.get_one(Chat, chat_id), "message", message_id)
    return db.session.get_one(Call, record.id, populate_existing=True)


def _asker_of(message_id: str) -> User | None:
    asker_id = db.session.scalar(select(Generation.user_id).where(Generation.message_id == message_id, WHILE_ACTIVE))
    return db.session.get(User, asker_id) if asker_id else None


def waiting_calls(message_id: str, calls: Sequence[Call]) -> WaitingCalls:
    """Returns those of an answer's calls that wait for a decision."""
    waiting = [call for call in calls if choices(call)]
    has_more = any(call.tool not in built_in_tools() for call in waiting)
    asker = _asker_of(message_id) if has_more else None
    return WaitingCalls(waiting, asker, tools_of(asker) if asker else built_in_tools())


def _is_in_own_name(call: Call, tool: Tool | None) -> bool:
    """Returns whether only its person can allow a call, whose tool can be gone by now."""
    return bool(call.private_to or (tool and tool.is_in_own_name))


def _answered(question: ServerQuestion, decision: Decision, values: Mapping[str, Any], by_id: str) -> ServerQuestion:
    try:
        checked = checked_values(question.fields, values) if decision == "answer" else {}
    except BadAnswers as error:
        raise WrongAnswers(error.errors) from error
    answered = question.answered(ACTIONS[decision], checked, by_id)
    return answered.over(keeps_values=False) if decision == "cancel" else answered


def _check_tool(tool: Tool | None, question: ServerQuestion, *, is_sent_again: bool) -> None:
    """Refuses an answer to a server that isn't the person's to use, or for a tool that isn't what asked by now."""
    if tool is None:
        raise Forbidden(NOT_YOURS.format(question.server))
    if is_sent_again and (reason := tool.unavailable()):
        raise Conflict(reason)
    if is_sent_again and tool.hash != question.hash:
        raise Conflict(CHANGED)


def decide_limit(generation: Generation | None, decision: FuseDecision, *, by: User, more_usd: Decimal = NOTHING) -> None:
    """Has an answer at a limit continue, answer with what is there, or end; raises `Conflict` if it doesn't wait for that.

    More is spent only by who asked for it, as it is counted as theirs; all who can write can end it.
    """
    if decision not in get_args(FuseDecision):
        raise Invalid("Choose how to end it.", field="decision")
    if not (generation and generation.is_parked):
        raise Conflict(NO_LIMIT)
    message_id, by_id = generation.message_id or "", by.id
    if decision != "end":
        if spender := other_spender(message_id, by):
            raise Forbidden(IN_A_BUDGET.format(spender))
        _refuse_without_model(generation)
    with write() as session:
        row = session.scalar(select(Fuse).where(Fuse.message_id == message_id, Fuse.decision == "").with_for_update())
        if not row:
            raise Conflict(NO_LIMIT)
        row.decision, row.decided_by = decision, by_id
        if decision == "continue" and row.limit == "cost":
            row.usd = str(Decimal(row.usd) + (more_usd or Decimal(str(setting("tools.usd")))))
        elif decision == "continue":
            row.times += 1
    if decision == "end":
        generations.stop(generation)
    else:
        go_on(the_engine(), message_id)
    announce(db.session.get_one(Chat, db.session.get_one(Message, message_id).chat_id), "message", message_id)


def choose_model(generation: Generation | None, model: str, *, by: User) -> None:
    """Has an answer that waits continue with another model; if all else is decided, it continues."""
    if not (generation and generation.is_parked):
        raise Conflict(NOT_PARKED)
    id, message_id, asker_id = generation.id, generation.message_id or "", generation.user_id or ""
    chat = db.session.get_one(Chat, db.session.get_one(Message, message_id).chat_id)
    if by.id not in (asker_id, chat.owner_id):
        raise Forbidden(NOT_THEIR_MODEL.format(name_of(asker_id) or NAMELESS))
    providers().refuse_unless_choosable(model, person=asker_id)
    if the_models().draws(model):
        raise Invalid("This model makes pictures, and can't continue an answer. Choose another one.", field="model")
    with write() as session:
        is_it = Generation.id == id, Generation.status == WAITING
        changed = update(Generation).where(*is_it).values(model_asked=model).returning(Generation.id)
        if session.execute(changed.execution_options(synchronize_session=False)).first() is None:
            raise Conflict(NOT_PARKED)
    go_on_if_decided(the_engine(), message_id)
    announce(db.session.get_one(Chat, chat.id), "message", message_id)


def parked_answer(message_id: str) -> Generation | None:
    """Returns the generation of a message that waits for a person."""
    return db.session.scalar(PARKED_ANSWERS.where(Generation.message_id == message_id).execution_options(populate_existing=True))


def has_lost_model(generation: Generation) -> bool:
    """Returns whether the model of an answer that waits can't continue it any more: a person chooses another, or ends it."""
    try:
        _refuse_without_model(generation)
    except Invalid:
        return True
    return False


def _refuse_without_model(parked: Generation | None) -> None:
    """Raises `Invalid` if nothing could follow a decision about an answer that waits, which therefore isn't stored."""
    if parked:
        providers().for_model(parked.model_asked, person=parked.user_id or "", for_visitor=True)


def other_spender(message_id: str, reader: User | None) -> str:
    """Returns the name of who asked for a running answer, and whose budget it spends; empty if that is this reader."""
    asker = _asker_of(message_id)
    return "" if not asker or (reader and reader.id == asker.id) else asker.name or NAMELESS


def dollars(text: str) -> Decimal:
    """Returns an amount as it was entered; nothing for an empty one."""
    try:
        amount = Decimal(text.strip().removeprefix("$") or 0)
    except InvalidOperation:
        raise Invalid("Enter an amount in dollars, such as 0.50.", field="more") from None
    if not (amount.is_finite() and 0 <= amount <= MOST_USD):
        raise Invalid(f"Enter an amount up to {MOST_USD} dollars.", field="more")
    return amount


def name_of(person: str | None) -> str:
    """Returns the name of who decided; empty without a decision, or if the account is gone."""
    user = db.session.get(User, person) if person else None
    return user.name if user else ""


def _said(call: Call) -> str:
    """Returns what was decided about a call before."""
    if call.question and not (question := ServerQuestion.from_record(call.question)).by and call.state not in stored.FOR_A_PERSON:
        return TOO_LATE.format(question.server)
    if call.decision not in DECIDED:
        return NOBODY_DECIDES.format(call.state)
    by = name_of(call.decided_by)
    return f"{NOT_WAITING[:-1]}: {DECIDED[call.decision]}{f' by {by}' if by else ''}."


def _effect(decision: Decision, note: str, result: str) -> dict[str, Any]:
    """Returns what a decision makes of a call."""
    if decision in TO_BE_DONE:
        return {"state": "asked", "error": ""}
    if decision in ("deny", "decline"):
        return {"state": "denied", "note": note, "ended_at": utc_now()}
    if decision == "leave":
        return {"state": "failed", "error": f"It is unknown whether this was done. {note}".strip(), "ended_at": utc_now()}
    return {"state": "done", "text": result or "Done.", "note": note, "error": "", "ended_at": utc_now()}


def _effect_of_answer(record: CallRecord, decision: Decision) -> dict[str, Any]:
    """Returns what an answer to a tool server makes of a call; one that is open continues by itself."""
    if record.state == "running":
        return {}
    return {"state": "denied", "ended_at": utc_now()} if decision == "cancel" else {"state": "asked", "error": ""}


def go_on(engine: Engine, message_id: str) -> None:
    """Runs the parked answer again that the message waits for, if there is one."""
    if not (generation := db.session.scalar(PARKED_ANSWERS.where(Generation.message_id == message_id))):
        return
    try:
        generations.resume(engine, generation)
    except OverBudget:
        # It waits until the budget allows more.
        with write() as session:
            blow(session, message_id, BUDGET)
        raise


def go_on_if_decided(engine: Engine, message_id: str) -> None:
    """Runs the parked answer again if all is decided that it waits for: a person decided just as it was parked."""
    if db.session.scalar(PARKED_ANSWERS.where(IS_DECIDED, Generation.message_id == message_id)):
        go_on(engine, message_id)


def waiting_for(session: Session, user: User) -> list[Call]:
    """Returns the calls that wait for a decision of this person: in chats that they own or can write in, newest first."""
    query = select(Call).join(Message, Message.id == Call.message_id).join(Chat, Chat.id == Message.chat_id)
    query = query.join(Generation, Generation.message_id == Message.id).where(*_waits_for(user))
    can_wait = or_(Call.state.in_(stored.FOR_A_PERSON), and_(Call.state == "running", Call.question.is_not(None)))
    return [call for call in session.scalars(query.where(can_wait).order_by(Call.id.desc())) if choices(call)]


def answers_waiting_for(session: Session, user: User) -> list[Generation]:
    """Returns the answers that wait for this person at a limit, or for another model, newest first."""
    query = select(Generation).join(Message, Message.id == Generation.message_id).join(Chat, Chat.id == Message.chat_id)
    query = query.where(*_waits_for(user), Generation.status == WAITING).order_by(Generation.id.desc())
    return [generation for generation in session.scalars(query) if waits_for(generation) in ("limit", "model")]


def waits_for(generation: Generation) -> WaitsFor:
    """Returns what a parked answer waits for, of which the first must be decided first."""
    if has_lost_model(generation):
        return "model"
    return "limit" if limit_of(generation.message_id or "") else "call"


def limit_of(message_id: str) -> ReachedLimit | None:
    """Returns the limit at which an answer waits."""
    fuse = db.session.get(Fuse, message_id, populate_existing=True)
    if not fuse or fuse.decision:
        return None
    figure = figure_of(fuse.limit, Limits.set(can_wait=True), Allowed(fuse.times, Decimal(fuse.usd)))
    return ReachedLimit(fuse.limit, figure, WORDS[fuse.limit])


def chats_waiting_for(session: Session, user: User, limit: int) -> list[Chat]:
    """Returns the chats in which an answer waits for a decision of this person, newest first."""
    query = select(Chat).join(Message, Message.chat_id == Chat.id).join(Generation, Generation.message_id == Message.id)
    query = query.where(*_waits_for(user), Generation.status == WAITING, Chat.is_temporary.is_(False))
    return list(session.scalars(query.order_by(Chat.changed_at.desc()).limit(limit)))


def _waits_for(user: User) -> tuple[ColumnElement[bool] | TextClause, ...]:
    lane = literal(topic_names.of_chat("")) + Chat.id
    given = grants.given_to(user, "chat").where(Grant.right == "write")
    is_theirs = or_(Chat.owner_id == user.id, Chat.id.in_(given), projects.shares_with(user.id, rights=("write",)))
    # By the few generations that are active, not by all calls there ever were.
    return Generation.lane == lane, WHILE_ACTIVE, is_theirs, Chat.deleted_at.is_(None), Message.deleted_at.is_(None)


def tend() -> bool:
    """Ends answers that have waited too long for a person; returns whether others wait.

    Those that wait for nothing that isn't decided go on: a worker died between a decision and what follows it.
    """
    waiting, days = db.session.scalars(PARKED_ANSWERS).all(), setting("tools.waiting_days")
    since = utc_now() - timedelta(days=days)
    late = [generation for generation in waiting if days and generation.heartbeat_at < since]
    for generation in late:
        generations.stop(generation, reason="expired")
    left = set(db.session.scalars(select(Generation.message_id).where(*OF_PARKED, IS_DECIDED)))
    run_steps(partial(_go_on_at_last, message_id) for message_id in left if message_id)
    return len(late) < len(waiting)


def _go_on_at_last(message_id: str) -> None:
    try:
        go_on_if_decided(the_engine(), message_id)
    except AppError as error:
        log.warning("the answer %s is decided and can't go on: %s", message_id, error.message)


def _its_calls(*states: str) -> ColumnElement[bool]:
    return exists().where(Call.message_id == Generation.message_id, Call.state.in_(states))


OF_PARKED = WHILE_ACTIVE, Generation.status == WAITING
PARKED_ANSWERS = select(Generation).where(*OF_PARKED)
# It is at no limit, and a call can be done, or none waits for a person.
IS_DECIDED = and_(
    ~exists().where(Fuse.message_id == Generation.message_id, Fuse.decision == ""),
    or_(_its_calls("asked"), ~_its_calls(*stored.FOR_A_PERSON)),
)
wake = Chore("waiting answers", tend, every_seconds=60.0).wake
