"""What a schedule does when it is due: it asks in a chat, has a plan written or begins a workflow, as its person would."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.errors import AppError, Invalid
from webapp.chat.messages import sending
from webapp.chat.record import projects
from webapp.chat.record.leader import refuse_if_led
from webapp.chat.record.model_choice import new_choice, refuse_unless_open, starting_choice
from webapp.chat.record.queries import own_chats
from webapp.chat.record.tables import Chat, Project
from webapp.engine import tables as engine_tables
from webapp.engine.tables import ACTIVE, Generation
from webapp.operations.schedules.rules import DueTime, ScheduleRule, zone_of
from webapp.operations.schedules.tables import DONE, FAILED, RUNNING, WAITING, Schedule, ScheduleRun
from webapp.people.accounts.permissions import may
from webapp.people.accounts.roles import BY_NAME
from webapp.people.accounts.tables import User
from webapp.plans.tables import Plan
from webapp.plans.types import service as plan_type_service
from webapp.plans.writing import service as plan_service
from webapp.tools.named import named_tools
from webapp.workflows import service as workflow_service
from webapp.workflows.running import service as run_service
from webapp.workflows.tables import WorkflowRun

NO_CHAT = "The chat is gone, in the trash, or not your own. Choose another one."
NO_PROJECT = "The project is gone, or you can't have chats in it. Choose another one."
# A later start is said: the server wasn't running.
LATE = timedelta(minutes=5)
# How many missed times are counted.
MOST_COUNTED = 1_000
# After a restart, an interrupted answer is continued within this time.
CONTINUED_WITHIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class BegunWork:
    """What a run has begun: a message in a chat, a plan, or the chat of a workflow."""

    chat_id: str = ""
    plan_id: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class WorkOutcome:
    """The status of a run, and what happened, in words; empty if there is nothing to say."""

    status: str
    note: str = ""


def rule_of(schedule: Schedule) -> ScheduleRule:
    return ScheduleRule(**schedule.rule)  # type: ignore[arg-type]  # stored as it was checked


def zone_for(schedule: Schedule) -> ZoneInfo:
    return zone_of(schedule.time_zone)


def begin(schedule: Schedule, run: ScheduleRun, owner: User) -> BegunWork:
    """Begins what is due; the same run again finds what it has begun."""
    key = f"schedule {run.id}"
    if schedule.workflow:
        return BegunWork(chat_id=run_service.start(owner, schedule.workflow, title=schedule.title, key=key).chat_id)
    if schedule.plan_type:
        inputs = plan_service.submit(owner, schedule.plan_type, schedule.plan_inputs, key=key)
        return BegunWork(plan_id=plan_service.make(inputs, model=schedule.model, key=key).id)
    text = f"{schedule.prompt}\n\n({run.late})" if run.late else schedule.prompt
    generation = _ask(schedule, text, owner, key)
    return BegunWork(chat_id=generation.chat_id, message_id=generation.message_id or "")


def _ask(schedule: Schedule, text: str, owner: User, key: str) -> Generation:
    if chat := chat_to_go_on(owner, schedule.chat_id):
        return sending.ask(chat, text, key=key, model=schedule.model, by=owner.id)
    tools = owner.tools if schedule.tools is None else schedule.tools
    return sending.start_chat(
        text,
        model=schedule.model or starting_choice(owner),
        key=key,
        owner_id=owner.id,
        tools=named_tools(owner, tools).keys,
        title_words=schedule.title,
        project=project_to_begin_in(owner, schedule.project_id),
    )


def chat_to_go_on(user: User, id: str) -> Chat | None:
    """Returns the chat in which prompts are the next message; None without an id. Raises `Invalid` if that can't be."""
    if not id:
        return None
    chat = next(iter(own_chats(user.id, [id])), None)
    if chat is None or chat.deleted_at:
        raise Invalid(NO_CHAT, field="chat_id")
    return refuse_if_led(chat)


def project_to_begin_in(user: User, id: str) -> Project | None:
    """Returns the project in which new chats begin; None without an id. Raises `Invalid` if that can't be."""
    if not id:
        return None
    project = projects.project(user, id, rights=(projects.WRITE,))
    if project is None or project.deleted_at:
        raise Invalid(NO_PROJECT, field="project_id")
    return project


def reason_to_stop(schedule: Schedule, owner: User) -> str:
    """Returns why nothing of this schedule may run any longer; empty if it may."""
    if owner.disabled_at:
        return "The account was disabled."
    needed = "workflows" if schedule.workflow else "plans" if schedule.plan_type else "chat"
    missing = next((name for name in ("schedules", needed) if not may(owner, name)), "")
    return f"Your account no longer has the permission “{BY_NAME[missing].title}”. Ask an admin." if missing else ""


def trouble(schedule: Schedule, owner: User) -> str:
    """Returns why a schedule could not run now, such as a chat that is gone; empty if nothing prevents it."""
    try:
        if schedule.workflow:
            workflow_service.published(schedule.workflow)
        elif schedule.plan_type:
            plan_type_service.get(schedule.plan_type)
        project = project_to_begin_in(owner, schedule.project_id)
        chat = chat_to_go_on(owner, schedule.chat_id)
        if schedule.model and not schedule.workflow and not (chat and chat.model == schedule.model):
            choice = new_choice(owner.id, schedule.model, otherwise=starting_choice(owner))
            refuse_unless_open(owner.id, choice.model, choice.preset_id, project)
    except AppError as refusal:
        return refusal.message
    return reason_to_stop(schedule, owner)


def late_words(schedule: Schedule, due_at: datetime, now: datetime, times: int) -> str:
    """Returns why a run for so many times begins late, in words; empty if it doesn't."""
    if times == 1 and now - due_at <= LATE:
        return ""
    words = f"This was due on {DueTime(due_at, due_at, zone_for(schedule)).words}, but the server wasn't running then."
    if times == 1:
        return words
    count = f"more than {MOST_COUNTED:,}" if times > MOST_COUNTED else f"the {times:,}"
    return f"{words} It runs once for {count} times that were missed."


def outcome_of(run: ScheduleRun, now: datetime) -> WorkOutcome:
    """Returns how what a run has begun stands now."""
    if run.plan_id:
        return _of_plan(run.plan_id, now)
    if run.message_id:
        query = select(Generation).where(Generation.message_id == run.message_id).order_by(Generation.id.desc()).limit(1)
        return _of_generation(db.session.scalar(query.execution_options(populate_existing=True)), now)
    query_of_run = select(WorkflowRun).where(WorkflowRun.chat_id == run.chat_id)
    workflow_run = db.session.scalar(query_of_run.execution_options(populate_existing=True))
    status = workflow_run.status if workflow_run else "completed"
    if status in ("waiting", "paused"):
        # It can wait for ever, and its chat is in the list of what waits.
        return WorkOutcome(DONE, "It waits for your answer.")
    if status == "failed":
        return WorkOutcome(FAILED, "The workflow failed. See its chat.")
    return WorkOutcome(RUNNING) if status == "running" else WorkOutcome(DONE)


def _of_plan(plan_id: str, now: datetime) -> WorkOutcome:
    plan = db.session.get(Plan, plan_id, populate_existing=True)
    if plan and plan.error and not plan.is_running:
        return WorkOutcome(FAILED, plan.error)
    return _of_generation(db.session.get(Generation, plan.generation_id) if plan and plan.generation_id else None, now)


def _of_generation(generation: Generation | None, now: datetime) -> WorkOutcome:
    if generation is None:
        return WorkOutcome(DONE, "Its result was deleted.")
    if generation.status == engine_tables.WAITING:
        return WorkOutcome(WAITING, "A tool needs your decision.")
    if generation.status in ACTIVE:
        return WorkOutcome(RUNNING)
    if generation.status == "interrupted":
        is_settled = generation.ended_at is None or abs(now - generation.ended_at) > CONTINUED_WITHIN
        return WorkOutcome(FAILED, "The answer was interrupted.") if is_settled else WorkOutcome(RUNNING)
    if generation.status == "failed":
        return WorkOutcome(FAILED, generation.error or "No model answered.")
    return WorkOutcome(DONE, "It was stopped." if generation.status == "stopped" else "")
