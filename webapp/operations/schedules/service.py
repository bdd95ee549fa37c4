"""What a person can do with schedules: make, change, pause, continue, run now and delete them."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints
from sqlalchemy import delete as deleted, func, select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid
from webapp.base.inputs import AnyId, Changes, Input, LongText, Moment, Name, changes
from webapp.base.words import plural
from webapp.chat.calls import choosing
from webapp.chat.messages import sending
from webapp.chat.record.model_choice import new_choice, refuse_unless_open
from webapp.models.connections.models import the_models
from webapp.operations.schedules import queries, running, work
from webapp.operations.schedules.rules import EVERY, MOST_CRON_CHARS, BadRule, Every, ScheduleRule, least_gap, next_due, zone_of
from webapp.operations.schedules.tables import ACTIVE, OPEN, PAUSED, Schedule, ScheduleRun
from webapp.people.accounts import creation_limit
from webapp.people.accounts.permissions import refuse_without
from webapp.people.accounts.tables import User
from webapp.people.things.thing import Thing
from webapp.plans.types import service as plan_type_service
from webapp.settings.service import setting
from webapp.workflows import service as workflow_service

Key = Annotated[str, StringConstraints(max_length=200)]
Slug = Annotated[str, StringConstraints(max_length=40)]
Short = Annotated[str, StringConstraints(max_length=20)]
ONE = "Enter one of these: a prompt, a workflow, or a plan."
RUNS = "It is running now. Wait until that run has ended."


class ScheduleRuleInput(Input):
    """How often a schedule is due: `every` with its time and day, or a `cron` rule."""

    every: Every | None = Field(None, description=f"One of: {', '.join(EVERY)}.")
    at: Short = Field("", description="The time of day, such as 08:00, in the schedule's time zone.", examples=["08:00"])
    on: Short = Field("", description="Of a week, a weekday such as monday; of a month, a day from 1 to 31; of once, the date.")
    cron: Annotated[str, StringConstraints(max_length=MOST_CRON_CHARS)] = Field(
        "", description="Five fields, in place of the others: minute, hour, day of the month, month, weekday."
    )

    @property
    def rule(self) -> ScheduleRule:
        try:
            return ScheduleRule.checked(every=self.every or "", at=self.at, on=self.on, cron=self.cron)
        except BadRule as error:
            raise Invalid(str(error), field=error.field) from error


class ScheduledPlan(Input):
    """A plan to be written each time."""

    type: Slug = Field(examples=["monthly"])
    inputs: dict[str, Any] = Field({}, description="As for a new plan of this type.")


class ScheduleInput(Input):
    """What is entered for a schedule: one of a prompt, a workflow and a plan, and when it is due."""

    title: Name = Field(examples=["Morning news"])
    prompt: LongText = Field("", examples=["What is new about rivers?"])
    workflow: Slug = Field("", description="The slug of a published workflow.")
    plan: ScheduledPlan | None = None
    rule: ScheduleRuleInput = Field(examples=[{"every": "weekday", "at": "08:00"}])
    time_zone: Annotated[str, StringConstraints(max_length=64)] = Field(
        "", description="Such as Europe/Berlin; empty for the team's.", examples=["Europe/Berlin"]
    )
    chat_id: AnyId = Field("", description="The chat in which the prompt is the next message; empty for a new chat each time.")
    project_id: AnyId = Field("", description="The project in which new chats begin.")
    model: Annotated[str, StringConstraints(max_length=200)] = Field("", description="Empty for your usual model.")
    tools: list[Key] | None = Field(None, max_length=choosing.MOST_TOOLS, description="Of new chats; null for your usual ones.")
    ends_at: Moment | None = Field(None, description="The end: no run is due after it.")

    @property
    def zone(self) -> ZoneInfo:
        return zone_named(self.time_zone)


ScheduleChange = changes("ScheduleChange", ScheduleInput)


def create(entered: ScheduleInput, *, by: User) -> Schedule:
    """Makes a schedule, which is due from now on."""
    values = _checked(entered, by)
    most, owner_id = int(setting("limits.schedules")), by.id
    creation_limit.count(owner_id)
    with write() as session:
        # Of two at once, the second counts the first.
        session.get_one(User, owner_id, with_for_update=True)
        count = session.scalar(select(func.count()).where(Schedule.owner_id == owner_id)) or 0
        if most and count >= most:
            raise Conflict(f"You have {plural(count, 'schedule')}, and more are not allowed here. Delete one first.")
        schedule = Schedule(owner_id=owner_id, **values)
        session.add(schedule)
    running.wake()
    return schedule


def change(schedule: Schedule, entered: ScheduleInput, *, by: User) -> None:
    """Changes a schedule; one that is paused, stopped or over stays so until it is continued."""
    values, id = _checked(entered, by), schedule.id
    with write() as session:
        row = _locked(session, id)
        if row.state != ACTIVE:
            del values["next_at"]
        for name, value in values.items():
            setattr(row, name, value)
    running.wake()


def changed_input(schedule: Schedule, entered: Changes) -> ScheduleInput:
    """Returns the input that a schedule has with these changes; what it runs replaces what it ran."""
    given = entered.given
    works = {
        "prompt": schedule.prompt,
        "workflow": schedule.workflow,
        "plan": {"type": schedule.plan_type, "inputs": schedule.plan_inputs} if schedule.plan_type else None,
    }
    names = ("title", "rule", "time_zone", "chat_id", "project_id", "model", "tools", "ends_at")
    values = {name: getattr(schedule, name) for name in names} | ({} if works.keys() & given.keys() else works)
    return ScheduleInput.entered(values | given)


def pause(schedule: Schedule) -> None:
    """Pauses a schedule; what runs already continues."""
    id = schedule.id
    with write() as session:
        row = _locked(session, id)
        if row.state == ACTIVE:
            row.state, row.reason, row.next_at = PAUSED, "", None


def go_on(schedule: Schedule) -> None:
    """Makes a schedule due again, from now on: nothing is made up for."""
    id = schedule.id
    with write() as session:
        row = _locked(session, id)
        row.next_at = _next_at(work.rule_of(row), work.zone_for(row), row.ends_at)
        row.state, row.reason, row.failures = ACTIVE, "", 0
    running.wake()


def run_now(schedule: Schedule, *, by: User) -> ScheduleRun:
    """Runs a schedule once more, now, whatever its state; returns the run, which says if that was refused."""
    id = schedule.id
    refuse_without(by, "schedules")
    with write() as session:
        row = _locked(session, id)
        if session.scalar(select(ScheduleRun.id).where(ScheduleRun.schedule_id == id, ScheduleRun.status.in_(OPEN)).limit(1)):
            raise Conflict(RUNS)
        run = ScheduleRun(schedule_id=row.id, due_at=utc_now(), is_by_hand=True)
        session.add(run)
        session.flush()
        run_id = run.id
    running.start(run_id)
    return db.session.get_one(ScheduleRun, run_id, populate_existing=True)


def delete(schedule: Schedule) -> None:
    """Deletes a schedule with the list of its runs; their chats and plans stay."""
    id = schedule.id
    with write() as session:
        session.execute(deleted(Schedule).where(Schedule.id == id))


def zone_named(name: str) -> ZoneInfo:
    """Returns a time zone, by default the team's."""
    try:
        return zone_of(name or str(setting("team.time_zone")))
    except BadRule as error:
        raise Invalid(str(error), field=error.field) from error


def refuse_too_often(rule: ScheduleRule, zone: ZoneInfo) -> None:
    """Raises `Invalid` for a rule whose times are closer than the settings allow."""
    least = timedelta(minutes=int(setting("limits.schedule_minutes")))
    if (gap := least_gap(rule, zone, utc_now())) is not None and gap < least:
        minutes = plural(int(least.total_seconds()) // 60, "minute")
        raise Invalid(f"On this server, at least {minutes} must pass between two runs.", field="cron" if rule.cron else "every")


def _next_at(rule: ScheduleRule, zone: ZoneInfo, ends_at: datetime | None) -> datetime:
    next_at = next_due(rule, zone, utc_now())
    if next_at is None:
        raise Invalid("That time is over. Choose one that is to come.", field="on")
    if ends_at and next_at > ends_at:
        raise Invalid("It would end before it is due for the first time. Choose a later end.", field="ends_at")
    return next_at


def _checked(entered: ScheduleInput, by: User) -> dict[str, Any]:
    """Returns the columns for what was entered, once each part of it would work now."""
    refuse_without(by, "schedules")
    plan, rule = entered.plan, entered.rule.rule
    if sum(map(bool, (entered.prompt, entered.workflow, plan))) != 1:
        raise Invalid(ONE, field="prompt")
    refuse_too_often(rule, entered.zone)
    return {
        "title": entered.title,
        "prompt": entered.prompt,
        "workflow": _checked_workflow(entered.workflow, by) if entered.workflow else "",
        "plan_type": plan.type if plan else "",
        "plan_inputs": _checked_plan(plan, by) if plan else {},
        "rule": {name: getattr(rule, name) for name in ("every", "at", "on", "cron") if getattr(rule, name)},
        "time_zone": entered.zone.key,
        "ends_at": entered.ends_at,
        "next_at": _next_at(rule, entered.zone, entered.ends_at),
        **_checked_answers(entered, by),
    }


def _checked_answers(entered: ScheduleInput, by: User) -> dict[str, Any]:
    """Returns in which chat, project, and by which model with which tools answers are written."""
    project = work.project_to_begin_in(by, entered.project_id) if entered.prompt else None
    chat = work.chat_to_go_on(by, entered.chat_id) if entered.prompt else None
    if entered.prompt:
        refuse_without(by, "chat")
        sending.refuse_if_too_long(entered.prompt, field="prompt")
    if entered.model and not entered.workflow:
        choice = new_choice(by.id, entered.model, otherwise=the_models().default())
        refuse_unless_open(by.id, choice.model, choice.preset_id, project)
    return {
        "chat_id": chat.id if chat else "",
        "project_id": project.id if project and not chat else "",
        "model": entered.model,
        "tools": choosing.checked(by, entered.tools) if entered.tools is not None else None,
    }


def _checked_workflow(slug: str, by: User) -> str:
    refuse_without(by, "workflows")
    return workflow_service.published(slug).slug


def _checked_plan(plan: ScheduledPlan, by: User) -> dict[str, Any]:
    refuse_without(by, "plans")
    return plan_type_service.get(plan.type).filled(plan.inputs)


def _locked(session: Session, id: str) -> Schedule:
    row = session.get(Schedule, id, with_for_update=True, populate_existing=True)
    if row is None:
        raise Conflict("This schedule was deleted.")
    return row


def records(owner_id: str) -> list[dict[str, Any]]:
    """Returns a person's schedules for their export, as programs send them."""
    inputs = [changed_input(schedule, Changes()) for schedule in queries.schedules_of(owner_id)]
    return [entered.model_dump(mode="json", exclude_defaults=True) for entered in inputs]


def hand_over(session: Session, person_id: str, heir_id: str) -> int:
    """Makes the heir the owner of a person's schedules, paused: from then on, they run as the heir."""
    values = {"owner_id": heir_id, "state": PAUSED, "next_at": None, "reason": "It was handed over to you.", "chat_id": ""}
    statement = update(Schedule).where(Schedule.owner_id == person_id).values(**values).returning(Schedule.id)
    return len(session.scalars(statement.execution_options(synchronize_session=False)).all())


# Only its owner sees one: it runs in their name, and is over when it is deleted.
SCHEDULES = Thing(kind="schedule", table=Schedule, word="schedule", heirs_name="schedules", hand_over=hand_over, is_private=True)
