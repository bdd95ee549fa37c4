"""/api/v1/alerts: alert rules with their state, and past alerts; for admins."""

from datetime import datetime
from typing import Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Paged
from webapp.operations.alerts import queries, service
from webapp.operations.alerts.evaluation import Answers, would_have_fired
from webapp.operations.alerts.kinds import KINDS
from webapp.operations.alerts.tables import AlertRule
from webapp.people.accounts.guards import audit_author, found

bp = Blueprint("api_alerts", __name__, url_prefix="/api/v1/alerts")


class AlertAnswer(Answer):
    """An alert rule. Rates are between 0 and 1, times in ms, slowness in times the usual, disk space in MB, ages in days."""

    id: str
    title: str
    side: Literal["below", "above"] = Field(description="On which side of its limit it fires.")
    limit: float
    warn_at: float
    window_minutes: int
    min_samples: int
    is_enabled: bool
    state: Literal["ok", "warning", "firing", "no_data", "muted"]
    value: float | None
    samples: int
    checked_at: datetime | None
    changed_at: datetime | None
    muted_until: datetime | None
    fired_last_week: int | None = Field(description="How often it would have fired in 7 days; null for what has no past.")


class AlertList(Answer):
    alerts: list[AlertAnswer]


class Mute(Body):
    minutes: int = Field(60, ge=0, le=service.MOST_MINUTES, description="0 ends it.")


class AlertEventAnswer(Answer):
    id: str
    alert: str
    state: str
    value: float | None
    words: str
    delivery: str = Field(description="The result of calling the webhook; empty if there is none.")
    email: str = Field(description="Whether the email was sent; empty if no one gets email.")
    at: datetime


class AlertEvents(Answer):
    events: list[AlertEventAnswer]
    next_cursor: str | None


@bp.get("")
@operation("List alerts and their state", scope="admin", answer=AlertList)
def index() -> AlertList:
    answers = Answers()
    return AlertList(alerts=[_answer_of(rule, answers) for rule in queries.rules()])


@bp.get("/events")
@operation("List what has fired and what is over, newest first", scope="admin", query=Paged, answer=AlertEvents)
def events(query: Paged) -> AlertEvents:
    rows = queries.events(before=query.cursor, limit=query.limit)
    events = [AlertEventAnswer.of(row, alert=row.rule, at=row.created_at) for row in rows]
    return AlertEvents(events=events, next_cursor=rows[-1].id if len(rows) == query.limit else None)


@bp.get("/<name>")
@operation("Show an alert", scope="admin", answer=AlertAnswer)
def show(name: str) -> AlertAnswer:
    return _answer_of(_rule(name), Answers())


@bp.patch("/<name>")
@operation("Change an alert, or turn it on or off", scope="admin", body=service.AlertChange, answer=AlertAnswer)
def change(name: str, body: service.AlertChange) -> AlertAnswer:
    service.change(_rule(name), body, author=audit_author())
    return _answer_of(_rule(name), Answers())


@bp.post("/<name>/mute")
@operation("Mute an alert", scope="admin", body=Mute, answer=AlertAnswer)
def mute(name: str, body: Mute) -> AlertAnswer:
    service.mute(_rule(name), body.minutes, author=audit_author())
    return _answer_of(_rule(name), Answers())


@bp.post("/<name>/test")
@operation("Send an example to the webhook and by email, as far as they are set", scope="admin", status=204, errors=(422,))
def test(name: str) -> None:
    service.test(_rule(name))


def _rule(name: str) -> AlertRule:
    return found(queries.rule(name))


def _answer_of(rule: AlertRule, answers: Answers) -> AlertAnswer:
    kind = KINDS[rule.name]
    fired = would_have_fired(rule, answers)
    values = {"title": kind.title, "side": kind.side, "state": queries.shown_state(rule), "fired_last_week": fired}
    return AlertAnswer.of(rule, id=rule.name, **values)
