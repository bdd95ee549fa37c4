"""/api/v1/schedules: prompts, workflows and plans that run at a time, and their runs."""

from datetime import datetime
from typing import Any, Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer
from webapp.base.inputs import Changes
from webapp.operations.schedules import queries, service, shown, work
from webapp.operations.schedules.tables import Schedule, ScheduleRun
from webapp.people.accounts.guards import found

bp = Blueprint("api_schedules", __name__, url_prefix="/api/v1/schedules")
# The fields that services name in a refusal, by those that clients send.
NAMED = dict.fromkeys(("every", "at", "on", "cron"), "rule")
REFUSED = (403, 404, 409, 422, 429)


class ScheduleRuleAnswer(Answer):
    every: Literal["day", "weekday", "week", "month", "once"] | None
    at: str = Field(description="The time of day; empty with a `cron` rule.")
    on: str
    cron: str


class PlanAnswer(Answer):
    type: str
    inputs: dict[str, Any]


class ScheduleRunAnswer(Answer):
    """A run; a run by hand was due when it was asked for."""

    id: str
    due_at: datetime
    is_by_hand: bool
    status: Literal["starting", "running", "waiting", "done", "failed"]
    note: str = Field(description="What happened, in words: why it was late or failed. Empty if there is nothing to say.")
    chat_id: str | None
    plan_id: str | None
    ended_at: datetime | None


class ScheduleRunList(Answer):
    runs: list[ScheduleRunAnswer]


class ScheduleAnswer(Answer):
    id: str
    title: str
    prompt: str
    workflow: str
    plan: PlanAnswer | None
    rule: ScheduleRuleAnswer
    time_zone: str
    sentence: str = Field(description="The rule in words.", examples=["Every day at 08:00, Europe/Berlin time."])
    chat_id: str | None
    project_id: str | None
    model: str
    tools: list[str] | None
    ends_at: datetime | None
    state: Literal["active", "paused", "stopped", "over"]
    reason: str = Field(description="Why it is stopped or over, in words.")
    trouble: str = Field(description="Why it couldn't run now, in words, such as a chat that is gone; usually empty.")
    next_at: datetime | None
    next_times: list[datetime] = Field(description="The next five times, as far as they are before its end.")
    created_at: datetime


class ScheduleList(Answer):
    schedules: list[ScheduleAnswer]


class NewSchedule(service.ScheduleInput):
    pass


@bp.get("")
@operation("List your schedules, those that are due next first", scope="read", answer=ScheduleList)
def index() -> ScheduleList:
    return ScheduleList(schedules=[_answer(schedule) for schedule in queries.schedules_of(caller().id)])


@bp.post("")
@operation("Create a schedule", scope="chat", body=NewSchedule, answer=ScheduleAnswer, status=201, errors=REFUSED, named=NAMED)
def create(body: NewSchedule) -> ScheduleAnswer:
    return _answer(service.create(body, by=caller()))


@bp.get("/<id>")
@operation("Show a schedule", scope="read", answer=ScheduleAnswer)
def show(id: str) -> ScheduleAnswer:
    return _answer(own_schedule(id))


@bp.patch("/<id>")
@operation("Change a schedule", scope="chat", body=service.ScheduleChange, answer=ScheduleAnswer, errors=REFUSED, named=NAMED)
def change(id: str, body: Changes) -> ScheduleAnswer:
    schedule = own_schedule(id)
    service.change(schedule, service.changed_input(schedule, body), by=caller())
    return _answer(own_schedule(id))


@bp.delete("/<id>")
@operation("Delete a schedule; what it has made stays", scope="chat", status=204)
def delete(id: str) -> None:
    service.delete(own_schedule(id))


@bp.post("/<id>/pause")
@operation("Pause a schedule", scope="chat", answer=ScheduleAnswer, errors=(409,))
def pause(id: str) -> ScheduleAnswer:
    service.pause(own_schedule(id))
    return _answer(own_schedule(id))


@bp.post("/<id>/continue")
@operation(
    "Continue a schedule that is paused, stopped or over", scope="chat", answer=ScheduleAnswer, errors=(409, 422), named=NAMED
)
def go_on(id: str) -> ScheduleAnswer:
    service.go_on(own_schedule(id))
    return _answer(own_schedule(id))


@bp.get("/<id>/runs")
@operation("List the last runs of a schedule, the newest first", scope="read", answer=ScheduleRunList)
def runs(id: str) -> ScheduleRunList:
    return ScheduleRunList(runs=[_run(run) for run in queries.runs_of(own_schedule(id).id)])


@bp.post("/<id>/runs")
@operation("Run a schedule now", scope="chat", answer=ScheduleRunAnswer, status=201, errors=(403, 409))
def run(id: str) -> ScheduleRunAnswer:
    return _run(service.run_now(own_schedule(id), by=caller()))


def own_schedule(id: str) -> Schedule:
    return found(queries.own_schedule(caller().id, id))


def _answer(schedule: Schedule) -> ScheduleAnswer:
    plan = PlanAnswer(type=schedule.plan_type, inputs=schedule.plan_inputs) if schedule.plan_type else None
    rule = work.rule_of(schedule)
    return ScheduleAnswer.of(
        schedule,
        plan=plan,
        rule=ScheduleRuleAnswer(every=rule.every or None, at=rule.at, on=rule.on, cron=rule.cron),
        sentence=shown.sentence_of(schedule),
        chat_id=schedule.chat_id or None,
        project_id=schedule.project_id or None,
        trouble=work.trouble(schedule, caller()),
        next_times=[due.at for due in shown.next_times(schedule)],
    )


def _run(run: ScheduleRun) -> ScheduleRunAnswer:
    note = " ".join(filter(None, (run.late, run.note)))
    return ScheduleRunAnswer.of(run, note=note, chat_id=run.chat_id or None, plan_id=run.plan_id or None)
