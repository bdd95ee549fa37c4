"""What pages show of schedules: their rule in words, when they are due, and how their runs ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from webapp.base.db import utc_now
from webapp.base.errors import AppError
from webapp.base.languages import gettext as _
from webapp.operations.schedules import queries, service, work
from webapp.operations.schedules.forms import ScheduleForm
from webapp.operations.schedules.rules import DueTime, ScheduleRule, due_times, sentence
from webapp.operations.schedules.tables import Schedule, ScheduleRun
from webapp.people.accounts.tables import User
from webapp.plans.types import service as plan_type_service
from webapp.workflows import service as workflow_service

NEXT = 5
STATES = {"active": "", "paused": "Paused", "stopped": "Stopped", "over": "Finished"}
RUN_STATES = {
    "starting": "Starting",
    "running": "Running",
    "waiting": "Waiting for you",
    "done": "Done",
    "failed": "Failed",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule says, read back: the sentence and the next times, or why it can't be."""

    sentence: str = ""
    times: Sequence[DueTime] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class ShownRun:
    status: str
    words: str
    due: datetime
    note: str
    url: str


@dataclass(frozen=True, slots=True)
class ShownSchedule:
    """A schedule in a list; `trouble` says why it couldn't run now, and `reason` why it doesn't."""

    schedule: Schedule
    sentence: str
    state: str
    next_words: str
    last: ShownRun | None
    trouble: str = ""


def listed(owner: User) -> list[ShownSchedule]:
    last = queries.last_runs(owner.id)
    return [_shown(schedule, last.get(schedule.id)) for schedule in queries.schedules_of(owner.id)]


def one(schedule: Schedule, owner: User) -> ShownSchedule:
    shown = _shown(schedule, None)
    trouble = work.trouble(schedule, owner)
    return ShownSchedule(shown.schedule, shown.sentence, shown.state, shown.next_words, None, trouble)


def runs(schedule: Schedule) -> list[ShownRun]:
    return [_run(run) for run in queries.runs_of(schedule.id)]


def next_times(schedule: Schedule) -> list[DueTime]:
    """Returns the next times of a schedule that is active, up to its end."""
    return _next(work.rule_of(schedule), work.zone_for(schedule), schedule.ends_at) if schedule.next_at else []


def preview(form: ScheduleForm) -> Preview:
    """Returns the rule of a form in words and its next times; with a wrong rule, what is wrong."""
    try:
        rule, zone = form.rule.rule, service.zone_named(form.time_zone.chosen)
        service.refuse_too_often(rule, zone)
    except AppError as refusal:
        return Preview(error=refusal.message)
    return Preview(_in_zone(rule, zone), _next(rule, zone, None))


def what_runs(schedule: Schedule) -> str:
    """Returns what a schedule runs besides a prompt, in words."""
    if schedule.workflow:
        entry = next((entry for entry in workflow_service.entries() if entry.slug == schedule.workflow), None)
        return _("The workflow “%(title)s”", title=entry.headline.title if entry else schedule.workflow)
    titles = {type.slug: type.title for type in plan_type_service.all_types()}
    return _("A plan: %(title)s", title=titles.get(schedule.plan_type, schedule.plan_type))


def _next(rule: ScheduleRule, zone: ZoneInfo, ends_at: datetime | None) -> list[DueTime]:
    return [due for due in islice(due_times(rule, zone, utc_now()), NEXT) if not ends_at or due.at <= ends_at]


def sentence_of(schedule: Schedule) -> str:
    return _in_zone(work.rule_of(schedule), work.zone_for(schedule))


def _in_zone(rule: ScheduleRule, zone: ZoneInfo) -> str:
    return _("%(rule)s, %(zone)s time.", rule=sentence(rule), zone=zone.key.replace("_", " "))


def _shown(schedule: Schedule, run: ScheduleRun | None) -> ShownSchedule:
    at, zone = schedule.next_at, work.zone_for(schedule)
    next_words = DueTime(at, at, zone).words if at else ""
    return ShownSchedule(schedule, sentence_of(schedule), _(STATES[schedule.state]), next_words, _run(run) if run else None)


def _run(run: ScheduleRun) -> ShownRun:
    note = " ".join(filter(None, (_("Run manually.") if run.is_by_hand else "", run.late, run.note)))
    return ShownRun(run.status, _(RUN_STATES[run.status]), run.due_at, note, run.path)
