"""Queries for alerts."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from webapp.base.db import db, utc_now
from webapp.operations.alerts.kinds import KINDS
from webapp.operations.alerts.tables import AlertEvent, AlertRule


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert that is firing: the id of the event that told so, its rule and its words."""

    id: str
    rule: str
    words: str


def rules() -> list[AlertRule]:
    """Returns the rules of all known kinds, in the order of the kinds."""
    alert_rules = {rule.name: rule for rule in db.session.scalars(select(AlertRule))}
    return [alert_rules[name] for name in KINDS if name in alert_rules]


def rule(name: str) -> AlertRule | None:
    return db.session.get(AlertRule, name) if name in KINDS else None


def events(*, before: str = "", limit: int = 50) -> Sequence[AlertEvent]:
    """Returns the events, newest first."""
    query = select(AlertEvent).order_by(AlertEvent.id.desc()).limit(limit)
    return db.session.scalars(query.where(AlertEvent.id < before) if before else query).all()


def is_muted(rule: AlertRule) -> bool:
    return rule.muted_until is not None and rule.muted_until > utc_now()


def shown_state(rule: AlertRule) -> str:
    """Returns the state for pages: `muted` while the rule is muted."""
    return "muted" if is_muted(rule) else rule.state


def firing_events() -> list[FiringAlert]:
    """Returns the event of each alert that is firing and not muted."""
    names = [rule.name for rule in rules() if rule.is_enabled and rule.is_open and not is_muted(rule)]
    fired = select(AlertEvent.id, AlertEvent.rule, AlertEvent.words).where(AlertEvent.state == "firing")
    return [
        FiringAlert(*row)
        for name in names
        for row in db.session.execute(fired.where(AlertEvent.rule == name).order_by(AlertEvent.id.desc()).limit(1))
    ]
