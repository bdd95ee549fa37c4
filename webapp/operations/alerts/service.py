"""Checks every rule once a minute, and what admins can do with rules."""

from datetime import timedelta
from typing import Annotated, cast

from pydantic import Field
from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.current import PerApp
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Invalid, NotFound
from webapp.base.inputs import Input, Refusal
from webapp.engine.chores import Chore
from webapp.models.providers.base import ProviderError
from webapp.operations.alerts import delivery, evaluation, queries
from webapp.operations.alerts.kinds import BELOW, KINDS, Measurement, State, is_open, step
from webapp.operations.alerts.tables import MOST_WORDS, AlertEvent, AlertRule

EVERY_SECONDS = 60.0
MOST_MINUTES = 7 * 24 * 60
NOT_NEGATIVE = "Enter a number that is not negative."
Amount = Annotated[float, Field(ge=0, le=10**12, allow_inf_nan=False), Refusal(NOT_NEGATIVE)]
Window = Annotated[int, Field(ge=1, le=MOST_MINUTES), Refusal(f"The window is 1 to {MOST_MINUTES:,} minutes.")]
Samples = Annotated[int, Field(ge=0, le=1_000_000), Refusal("Enter a number from 0 to 1,000,000.")]
IN_MEMORY = PerApp[list[queries.FiringAlert]](list)


class AlertChange(Input):
    """Updates only the fields that are sent."""

    limit: Amount | None = None
    warn_at: Amount | None = None
    window_minutes: Window | None = None
    min_samples: Samples | None = None
    is_enabled: bool | None = None


def check_all() -> bool:
    """Checks every rule; of several workers, the one that stores a change delivers it. Always returns True, for another run."""
    answers = evaluation.Answers()
    for rule in queries.rules():
        if rule.is_enabled:
            _settle(rule.name, evaluation.measure(rule, answers))
    # The rules loaded above don't have their new state yet.
    db.session.expire_all()
    _remember()
    db.session.rollback()
    return True


wake = Chore("alerts", check_all, every_seconds=EVERY_SECONDS, most_seconds=EVERY_SECONDS).wake


def firing() -> list[queries.FiringAlert]:
    """Returns the firing alerts of this process's last check, from memory, so that pages need no query."""
    return IN_MEMORY.get()


def change(rule: AlertRule, entered: AlertChange, *, author: audit.AuditAuthor) -> None:
    """Changes limits, window, minimum of samples, or whether the rule is enabled; resets its state.

    An alert that has fired stays open until a check finds it over, or until the rule is turned off: who was told of it is told.
    """
    name, ended = rule.name, None
    with write(keeps_loaded=True) as session:
        alert_rule = _existing(session, name)
        for field, value in entered.model_dump(exclude_none=True).items():
            setattr(alert_rule, field, value)
        is_ordered = (
            alert_rule.warn_at >= alert_rule.limit if KINDS[name].side == BELOW else alert_rule.warn_at <= alert_rule.limit
        )
        if not is_ordered:
            raise Invalid("Choose a warning value that is reached before the alert fires.", field="warn_at")
        alert_rule.state, alert_rule.value = "no_data", None
        if alert_rule.is_open and not alert_rule.is_enabled:
            alert_rule.is_open = False
            ended = AlertEvent(rule=name, state="ok", words=f"{KINDS[name].title}: turned off. The alert is over.", delivery="")
            session.add(ended)
        is_muted = queries.is_muted(alert_rule)
        _note(session, "changed an alert", name, "", author)
    _remember()
    if ended and not is_muted:
        delivery.deliver_later(ended)


def mute(rule: AlertRule, minutes: int, *, author: audit.AuditAuthor) -> None:
    """Stops deliveries for this many minutes; 0 unmutes."""
    name = rule.name
    with write() as session:
        _existing(session, name).muted_until = utc_now() + timedelta(minutes=minutes) if minutes else None
        _note(session, "muted an alert" if minutes else "unmuted an alert", name, f"{minutes} minutes", author)
    _remember()


def test(rule: AlertRule) -> None:
    """Sends one test message by every configured channel; raises `Invalid` with the errors."""
    news = delivery.News(rule.name, "test", rule.value, f"Test: {KINDS[rule.name].title}. Nothing is wrong.")
    ways = delivery.channels()
    if not ways:
        raise Invalid("Set a webhook or email addresses first.", field="test")
    if troubles := [words for way in ways if (words := _trouble(way, news))]:
        raise Invalid(" ".join(troubles), field="test")


def _remember() -> None:
    IN_MEMORY.set(queries.firing_events())


def _trouble(way: delivery.Channel, news: delivery.News) -> str:
    try:
        way.send(news)
    except ProviderError as error:
        return f"The test by {way.name} didn't arrive. {error}"
    return ""


def _settle(name: str, measurement: Measurement) -> None:
    """Stores the state after a check; an alert that fires or resolves becomes one event."""
    with write(keeps_loaded=True) as session:
        rule = _existing(session, name)
        state = step(cast(State, rule.state), measurement, evaluation.bounds_of(rule))
        will_be_open = is_open(rule.is_open, state, measurement, evaluation.bounds_of(rule))
        seen = {"value": measurement.value, "samples": measurement.samples, "checked_at": utc_now()}
        is_it = AlertRule.name == name, AlertRule.state == rule.state, AlertRule.is_open == rule.is_open
        changed = {"changed_at": utc_now()} if state != rule.state else {}
        values = {**seen, **changed, "state": state, "is_open": will_be_open}
        written = session.connection().execute(update(AlertRule).where(*is_it).values(**values))
        if not written.rowcount or will_be_open == rule.is_open:
            return
        event = _event(rule, measurement, has_fired=will_be_open)
        session.add(event)
        is_muted = queries.is_muted(rule)
    if not is_muted:
        delivery.deliver_later(event)


def _event(rule: AlertRule, measurement: Measurement, *, has_fired: bool) -> AlertEvent:
    kind = KINDS[rule.name]
    value = f"{kind.title}: {kind.words(measurement.value)}" if measurement.value is not None else kind.title
    if has_fired:
        state, words = "firing", measurement.words or f"{value}, {kind.side} {kind.words(rule.limit)}."
    else:
        state, words = "ok", f"{value}. The alert is over."
    return AlertEvent(rule=rule.name, state=state, value=measurement.value, words=words[:MOST_WORDS], delivery="")


def _existing(session: Session, name: str) -> AlertRule:
    alert_rule = session.get(AlertRule, name, populate_existing=True)
    if alert_rule is None:
        raise NotFound("There is no such alert.")
    return alert_rule


def _note(session: Session, action: str, name: str, detail: str, author: audit.AuditAuthor) -> None:
    audit.add(session, action, author=author, object_kind="alert", object_id=name, detail=detail)
