"""The form of a schedule: what it does, when, and where its answers go."""

from datetime import datetime, time
from functools import cache, partial
from typing import Any, Self
from zoneinfo import available_timezones

from wtforms import RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from webapp.base.errors import AppError, Invalid
from webapp.base.inputs import TEXT_CHARS
from webapp.base.languages import gettext as _
from webapp.chat.record import projects
from webapp.chat.record.tables import Chat
from webapp.models.connections.models import candidates
from webapp.operations.schedules.rules import WEEKDAYS
from webapp.operations.schedules.service import ScheduleInput, ScheduleRuleInput
from webapp.operations.schedules.tables import Schedule
from webapp.operations.schedules.work import zone_for
from webapp.people.accounts.tables import User
from webapp.plans import queries as plan_queries
from webapp.tools.offers import tools_of
from webapp.tools.policies import policies_for
from webapp.web.forms import PLAIN, Form, options
from webapp.web.pick_field import PickField, choose
from webapp.workflows import service as workflow_service

WORKS = {"prompt": "A prompt", "workflow": "A workflow", "plan": "A plan"}
OWN_RULE = "cron"
OFTEN = {
    "day": "Every day",
    "weekday": "Every weekday",
    "week": "Every week",
    "month": "Every month",
    "once": "Once",
    OWN_RULE: "Custom rule",
}
# Of each of these, the field for its day.
DAYS = {"week": "weekday", "month": "day", "once": "date"}
NEW_CHAT = {"": "A new chat each time"}
MOST_PLANS = 30
# In the select of plans: the one that the schedule has.
SAME = "same"


class ScheduleForm(Form):
    """A schedule as people enter it: each kind of rule has a field of its own for its day."""

    title = StringField("Title", id="schedule-title", render_kw={"autocomplete": "off", "maxlength": 120, "required": True})
    work = RadioField("What runs", choices=options(WORKS), default="prompt", validate_choice=False)
    prompt = TextAreaField(
        "Prompt",
        id="schedule-prompt",
        description="What you would write in the chat.",
        render_kw={"rows": 5, "maxlength": TEXT_CHARS},
    )
    workflow = SelectField("Workflow", id="schedule-workflow", validate_choice=False, default="")
    plan = SelectField(
        "Plan",
        id="schedule-plan",
        validate_choice=False,
        default="",
        description="Each run creates a new plan from what you entered for this one.",
    )
    every = SelectField("How often", id="schedule-every", choices=options(OFTEN), default="day", validate_choice=False)
    at = StringField("Time", id="schedule-at", default="08:00", render_kw={"type": "time"})
    weekday = SelectField(
        "Weekday",
        id="schedule-weekday",
        choices=[SelectChoice(name, name.capitalize()) for name in WEEKDAYS],
        default="monday",
        validate_choice=False,
    )
    day = StringField("Day of the month", id="schedule-day", default="1", render_kw={"type": "number", "min": 1, "max": 31})
    date = StringField("Date", id="schedule-date", default="", render_kw={"type": "date"})
    cron = StringField(
        "Custom rule",
        id="schedule-cron",
        default="",
        description="Minute, hour, day of the month, month and weekday, as for cron: 0 8 * * 1-5 is every weekday at 08:00.",
        render_kw={**PLAIN, "maxlength": 100, "placeholder": "0 8 * * 1-5", "class": "mono"},
    )
    time_zone = PickField("Time zone", id="schedule-zone", default="", validate_choice=False)
    ends_on = StringField("Last day", id="schedule-ends", default="", render_kw={"type": "date"}, description="Empty: no end.")
    chat_id = RadioField("Where to answer", id="schedule-chat", default="", validate_choice=False)
    project_id = SelectField("Project", id="schedule-project", default="", validate_choice=False)
    model = PickField("Model", id="schedule-model", default="", validate_choice=False)
    tools = SelectMultipleField(
        "Tools", id="schedule-tools", validate_choice=False, description="Tool calls that need your decision wait for it."
    )

    @classmethod
    def for_schedule(cls, schedule: Schedule) -> Self:
        rule, every = schedule.rule, schedule.rule.get("every") or OWN_RULE
        day = {DAYS[every]: rule.get("on", "")} if every in DAYS else {}
        ends_on = f"{schedule.ends_at.astimezone(zone_for(schedule)):%Y-%m-%d}" if schedule.ends_at else ""
        return cls.fresh(
            title=schedule.title,
            work="workflow" if schedule.workflow else "plan" if schedule.plan_type else "prompt",
            prompt=schedule.prompt,
            workflow=schedule.workflow,
            plan=SAME if schedule.plan_type else "",
            every=every,
            at=rule.get("at", "08:00"),
            cron=rule.get("cron", ""),
            time_zone=schedule.time_zone,
            ends_on=ends_on,
            chat_id=schedule.chat_id,
            project_id=schedule.project_id,
            model=schedule.model,
            tools=schedule.tools,
            **day,
        )

    def offering(self, user: User, *, chat: Chat | None = None, schedule: Schedule | None = None) -> Self:
        """Returns the form with what this person can choose; with the chat that it may continue, and what the schedule has."""
        self.time_zone.offering(_zones)
        self.model.offering(partial(candidates, person=user.id), [("", _("Your default model"))])
        workflows = [(entry.slug, entry.headline.title) for entry in workflow_service.entries() if entry.version]
        self.workflow.choices = [SelectChoice(*choice) for choice in [choose(), *workflows]]
        same = [(SAME, _("As it is"))] if schedule and schedule.plan_type else []
        plans = [
            (plan.id, f"{plan.title}, {plan.created_at:%Y-%m-%d}") for plan in plan_queries.plans_of(user.id, limit=MOST_PLANS)
        ]
        self.plan.choices = [SelectChoice(*choice) for choice in [choose(), *same, *plans]]
        theirs = [(project.id, project.name) for project in projects.projects(user, rights=(projects.WRITE,))]
        self.project_id.choices = [SelectChoice(*choice) for choice in [("", _("None")), *theirs]]
        next_turn = {chat.id: _("The next message in “%(title)s”", title=chat.title or _("New chat"))} if chat else {}
        self.chat_id.choices = options({value: _(words) for value, words in NEW_CHAT.items()} | next_turn)
        policies, tools = policies_for(user), tools_of(user)
        self.tools.choices = [SelectChoice(key, tool.words) for key, tool in tools.items() if policies.of(tool) != "deny"]
        if self.tools.data is None:
            self.tools.data = [] if self.is_submitted() else list(user.tools)
        self._same = {"type": schedule.plan_type, "inputs": schedule.plan_inputs} if schedule and same else None
        self._owner_id = user.id
        return self

    @property
    def rule(self) -> ScheduleRuleInput:
        """The rule as it was entered, which is not checked yet."""
        every = self.every.data or ""
        if every == OWN_RULE:
            if not (self.cron.data or "").strip():
                raise Invalid("Enter a rule.", field="cron")
            return ScheduleRuleInput.entered({"cron": self.cron.data})
        on = (self[DAYS[every]].data or "") if every in DAYS else ""
        return ScheduleRuleInput.entered({"every": every, "at": (self.at.data or "")[:5], "on": on})

    @property
    def entered(self) -> ScheduleInput:
        work = self.work.data if self.work.data in WORKS else "prompt"
        if not (self[work].data or "").strip():
            raise Invalid("Enter a prompt." if work == "prompt" else f"Choose {WORKS[work].lower()}.", field=work)
        values: dict[str, Any] = {"title": self.title.data or "", "rule": self.rule.model_dump(exclude_defaults=True)}
        values |= {"model": self.model.chosen, "time_zone": self.time_zone.chosen}
        values[work] = self._plan if work == "plan" else self[work].data
        if work == "prompt":
            values |= {name: self[name].data or "" for name in ("chat_id", "project_id")} | {"tools": self.tools.data or []}
        entered = ScheduleInput.entered(values)
        return entered.model_copy(update={"ends_at": self._end_of_last_day(entered)})

    @property
    def _plan(self) -> dict[str, Any] | None:
        if self.plan.data == SAME:
            return self._same
        plan = plan_queries.own_plan(self._owner_id, self.plan.data or "")
        if plan is None:
            raise Invalid("Choose one of your plans.", field="plan")
        inputs = plan_queries.inputs_of(plan)
        return {"type": inputs.type, "inputs": dict(inputs.values)}

    def _end_of_last_day(self, entered: ScheduleInput) -> datetime | None:
        text = (self.ends_on.data or "").strip()
        if not text:
            return None
        try:
            return datetime.combine(datetime.fromisoformat(text).date(), time(23, 59, 59), entered.zone)
        except ValueError as error:
            raise Invalid("Choose a date, such as 2026-12-31.", field="ends_on") from error

    def _take(self, refusal: AppError) -> None:
        every = self.every.data or ""
        names = {"rule": "every", "on": DAYS.get(every, "every"), "ends_at": "ends_on"}
        refusal.field = names.get(refusal.field, refusal.field)
        super()._take(refusal)


def _zones(text: str, limit: int) -> list[tuple[str, str]]:
    typed = text.casefold().replace(" ", "_")
    return [(name, name) for name in _all_zones() if typed in name.casefold()][:limit]


@cache
def _all_zones() -> tuple[str, ...]:
    # Reads hundreds of files.
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))
