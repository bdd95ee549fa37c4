"""What a person can do with runs: start, answer, ask, go back, skip, pause, cancel, change an answer, move to another version."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.exc import IntegrityError

from webapp.base import topic_names
from webapp.base.database import rows
from webapp.base.db import db, write
from webapp.base.errors import AppError, Busy, Conflict, Invalid
from webapp.chat.messages import sending
from webapp.chat.record import announcements
from webapp.chat.record.tables import Chat
from webapp.engine import generations
from webapp.engine.tables import Generation
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.workflows import queries, service as workflow_service
from webapp.workflows.definition.definition import Definition
from webapp.workflows.definition.slots import FILE
from webapp.workflows.running import interpretation, model_calls
from webapp.workflows.running.interpreter import apply, slot_of
from webapp.workflows.running.moving import moved, same_steps
from webapp.workflows.running.record import LED, append, definition_of, locked_run, notify_group, record, refuse
from webapp.workflows.state import Event, RunState
from webapp.workflows.tables import RunEvent, WorkflowRun

# `KIND` is the kind of a run's chat and of the generations in it.
KIND, DEMO = LED, "demo/quick"
BEGIN = Event("begin")
FREED = "This chat continues without its workflow. Write in its message box instead."
# Events that can be refused because their value doesn't fit.
ANSWERS = ("answer", "guess", "change", "ask")
ELSEWHERE = "This was just answered elsewhere. Look at the current question first."


@dataclass(frozen=True, slots=True)
class ChangeEffects:
    """The effects of changing an answer: the steps to be done again, and the answers that no longer count."""

    steps: tuple[str, ...]
    dropped: tuple[str, ...]


def start(user: User, slug: str, *, title: str = "", key: str = "") -> WorkflowRun:
    """Starts a run in a new chat; repeating the key, the workflow and the title returns the first one."""
    owner_id, sent_as = user.id, generations.request_hash(user.id, key, f"begin\n{slug}\n{title}")
    if earlier := queries.run_of_request(sent_as):
        return earlier
    entry = workflow_service.published(slug)
    model = _model(workflow_service.known(entry.source), user)
    providers().for_model(model, person=owner_id)
    pinned = {"slug": entry.slug, "version": entry.version, "source": entry.source}
    try:
        return _begun(owner_id, model, title or entry.headline.title, pinned, sent_as=sent_as)
    except IntegrityError:
        # A concurrent request with the same key was first.
        if earlier := queries.run_of_request(sent_as):
            return earlier
        raise


def try_out(user: User, source: str, *, is_demo: bool, begin: Event = BEGIN, files_id: str | None = None) -> WorkflowRun:
    """Starts a trial run of an unpublished text in a temporary chat, with its own model, the person's or the demo's.

    It starts where `begin` says, and can read the files of the run whose answers that has.
    """
    definition = workflow_service.runnable(source)
    model = DEMO if is_demo else _model(definition, user)
    if not is_demo:
        providers().for_model(model, person=user.id)
    pinned = {"slug": definition.slug, "version": 0, "source": source, "collection_id": files_id}
    return _begun(user.id, model, f"Trial: {definition.title}", pinned, begin=begin, is_temporary=True)


def _model(definition: Definition, user: User) -> str:
    """Returns the definition's model if the person can choose it, else that of their new chats."""
    is_theirs = definition.model and the_models().is_choosable(definition.model, user.id)
    return the_models().default(definition.model if is_theirs else user.default_model, user.id)


def _begun(
    owner_id: str,
    model: str,
    title: str,
    pinned: dict[str, Any],
    *,
    begin: Event = BEGIN,
    sent_as: str | None = None,
    is_temporary: bool = False,
) -> WorkflowRun:
    creation_limit.count(owner_id)
    with write() as session:
        about = {"kind": KIND, "model": model, "title": title, "title_is_own": True, "is_temporary": is_temporary}
        # For steps that use those of the chat, and for the chat that follows.
        tools = session.get_one(User, owner_id).tools
        chat = Chat(owner_id=owner_id, tools=list(tools), **about)
        session.add(chat)
        session.flush()
        run = WorkflowRun(owner_id=owner_id, chat_id=chat.id, state={}, **pinned)
        session.add(run)
        session.flush()
        record(session, run, begin, sent_as=sent_as)
        id = run.id
    return _notified(id)


def apply_event(run: WorkflowRun, event: Event, *, seen: int | None = None, is_file: bool = False, key: str = "") -> WorkflowRun:
    """Applies an event to a run, raising if it is refused; `seen` is the last event that the person's page showed.

    With `is_file`, the answer names a document that was just stored; people can't type one. A request that repeats the `key` and
    the event of an earlier one has that one's result and changes nothing.
    """
    if not is_file:
        _refuse_typed_file(run, event)
    id, sent_as = run.id, _sent_as(run, event, key)
    if earlier := queries.event_of_request(id, sent_as):
        return _repeated(run, earlier)
    event = replace(event, value=sending.checked_text(event.value) if event.value.strip() else event.value)
    if event.kind == "answer" and seen in (None, run.seq):
        event = interpretation.interpreted(run, event)
    with write() as session:
        row = locked_run(session, id)
        earlier = queries.event_of_request(id, sent_as)
        if not earlier and seen not in (None, row.seq):
            raise Conflict(ELSEWHERE)
        result = None if earlier else record(session, row, event, sent_as=sent_as)
    if earlier:
        return _repeated(row, earlier)
    assert result
    if event.kind == "cancel" and not result.refusal:
        # Only after the commit: the text of a stopped model would otherwise advance the run.
        stop(row)
    changed_run = _notified(id)
    if result.refusal:
        raise _refusal(changed_run, result.refusal, is_invalid=event.kind in ANSWERS and changed_run.status == "waiting")
    return changed_run


def head_before(run: WorkflowRun, event: Event, key: str) -> str:
    """Returns the id of the chat's last message before this event; for a repeated request, before its first time."""
    if earlier := queries.event_of_request(run.id, _sent_as(run, event, key)):
        return earlier.head_id or ""
    return db.session.get_one(Chat, run.chat_id).head_id or ""


def _sent_as(run: WorkflowRun, event: Event, key: str) -> str | None:
    return generations.request_hash(run.owner_id, key, f"{event.kind}\n{event.name}\n{event.value.strip()}")


def _repeated(run: WorkflowRun, earlier: RunEvent) -> WorkflowRun:
    run = db.session.get_one(WorkflowRun, run.id, populate_existing=True)
    if earlier.refusal:
        raise _refusal(run, earlier.refusal, is_invalid=True)
    return run


def stop(run: WorkflowRun) -> None:
    """Stops the generations that are running in the run's chat and for its plan."""
    for running in _running(run):
        generations.stop(running)


def _running(run: WorkflowRun) -> list[Generation]:
    lanes = (topic_names.of_chat(run.chat_id), *((topic_names.of_plan(run.plan_id),) if run.plan_id else ()))
    return [running for lane in lanes if (running := generations.active_generation(lane))]


def _refusal(run: WorkflowRun, why: str, *, is_invalid: bool) -> AppError:
    """Returns the error for a refused event; while a model writes, it names the answer in progress."""
    if run.status == "running" and (running := _running(run)):
        return Busy(why, generation=running[0].id)
    return (Invalid if is_invalid else Conflict)(why, field="value")


def redone(run: WorkflowRun, name: str, value: str) -> ChangeEffects:
    """Returns what changing an answer would affect, without changing anything."""
    _refuse_typed_file(run, Event("change", value, name))
    return _redone(run, name, value)


def redone_by_file(run: WorkflowRun, name: str) -> ChangeEffects:
    """Does the same as `redone` for replacing a file; the effects don't depend on which file it is."""
    return _redone(run, name, f"{'0' * 26} file")


def _redone(run: WorkflowRun, name: str, value: str) -> ChangeEffects:
    before = run.current_state
    result = apply(definition_of(run), before, Event("change", value, name))
    if result.refusal:
        raise _refusal(run, result.refusal, is_invalid=not before.has_ended and before.status != "running")
    return ChangeEffects(*_differences(definition_of(run), before, result.state))


def _refuse_typed_file(run: WorkflowRun, event: Event) -> None:
    definition, state = definition_of(run), run.current_state
    slot = definition.slots.get(event.name) if event.kind == "change" else slot_of(definition, state)
    if slot and slot.type == "file" and event.kind in ("answer", "change") and FILE.fullmatch(event.value.strip()):
        raise Invalid("Please upload a file.", field="value")


def move(run: WorkflowRun, version: int, *, confirm: bool) -> ChangeEffects:
    """Moves a run to another version if `confirm` is set; returns the steps added there, and as `dropped` the removed ones."""
    source, id = workflow_service.source_of(run.slug, version), run.id
    old, new = definition_of(run), workflow_service.known(source)
    state = run.current_state
    if state.has_ended:
        raise Conflict("This workflow has ended.")
    same = same_steps(old, new)
    if state.step not in same or new.by_id[same[state.step]].verb != old.by_id[state.step].verb:
        raise Conflict("The current step isn't in that version, so this run can't move to it.")
    added = tuple(step for step in new.by_id if step not in same.values())
    gone = tuple(step for step in old.by_id if step not in same)
    if confirm:
        with write() as session:
            row = locked_run(session, id)
            if row.current_state != state:
                raise Conflict(ELSEWHERE)
            row.source, row.version, row.state = source, version, moved(state, same, new.slots).stored()
            row.plan_step = same.get(row.plan_step, "")
        _notified(id)
    return ChangeEffects(added, gone)


def free(run: WorkflowRun) -> None:
    """Makes the chat of an ended run an ordinary chat."""
    if not run.current_state.has_ended:
        raise Conflict("The workflow is still running. Finish or cancel it first.")
    chat_id = run.chat_id
    with write() as session:
        session.get_one(Chat, chat_id).kind = "chat"
    announcements.announce(db.session.get_one(Chat, chat_id), "chat", chat_id)


def write_in(run: WorkflowRun, user: User, text: str) -> None:
    """Adds a message between people, which no model answers."""
    if not run.current_state.handed_to:
        raise Conflict("This workflow wasn't handed over to anyone.")
    content, chat_id, author_id = sending.checked_text(text), run.chat_id, user.id
    with write() as session:
        chat = rows.locked(session, Chat, chat_id) or session.get_one(Chat, chat_id)
        if chat.kind != LED:
            raise Conflict(FREED)
        id = append(session, chat, "user", content, author_id)
    announcements.announce(db.session.get_one(Chat, chat_id), "message", id)


def _differences(definition: Definition, before: RunState, after: RunState) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the steps to be done again or for the first time, and the answers that are gone."""
    ahead = set(definition.reachable(after.step))
    again = {id for id in before.outcomes if id in ahead and id not in {*after.outcomes, *after.kept}}
    fresh = {*after.outcomes, *({after.step} - {before.step, ""})} - set(before.outcomes)
    ordered = tuple(step.id for step in definition.steps if step.id in again | fresh)
    return ordered, tuple(name for name in before.slots if name not in after.slots)


def _notified(id: str) -> WorkflowRun:
    """Notifies the chat's open pages, and starts an answer if it is a model's turn."""
    run = db.session.get_one(WorkflowRun, id, populate_existing=True)
    announcements.announce(db.session.get_one(Chat, run.chat_id), "chat", run.chat_id)
    notify_group(run)
    if run.is_due:
        model_calls.call_if_due(id)
    return db.session.get_one(WorkflowRun, id, populate_existing=True)


def store_refusal(run_id: str, words: str) -> None:
    """Stores why an answer was refused, for the page that the person sees next."""
    with write() as session:
        refuse(locked_run(session, run_id), words)
