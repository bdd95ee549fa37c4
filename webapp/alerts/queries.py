"""Queries for alerts."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import select

from webapp.alerts.kinds import KINDS
from webapp.alerts.rules import State, is_beyond
from webapp.alerts.tables import AlertEvent, AlertRule
from webapp.db import db, utc_now


def rules() -> list[AlertRule]:
    """Returns the rules of all known kinds, in the order of the kinds."""
    found = {each.name: each for each in db.session.scalars(select(AlertRule))}
    return [found[name] for name in KINDS if name in found]


def rule(name: str) -> AlertRule | None:
    return db.session.get(AlertRule, name) if name in KINDS else None


def events(*, before: str = "", limit: int = 50) -> Sequence[AlertEvent]:
    """Returns the events, newest first."""
    wanted = select(AlertEvent).order_by(AlertEvent.id.desc()).limit(limit)
    return db.session.scalars(wanted.where(AlertEvent.id < before) if before else wanted).all()


def is_muted(rule: AlertRule) -> bool:
    return rule.muted_until is not None and rule.muted_until > utc_now()


def state_of(rule: AlertRule) -> State:
    return cast(State, rule.state)


def shown_state(rule: AlertRule) -> str:
    """Returns the state for pages: `muted` while the rule is muted."""
    return "muted" if is_muted(rule) else rule.state


def firing_words() -> dict[str, str]:
    """Returns, by name, a few words on each rule that is firing and not muted."""
    return {each.name: _firing(each) for each in rules() if each.is_enabled and each.is_open and not is_muted(each)}


def _firing(rule: AlertRule) -> str:
    """Returns the value and the limit of a rule, or that it was beyond it: it also stays open near the limit and without data."""
    kind, value = KINDS[rule.name], rule.value if rule.state != "no_data" else None
    was = "" if value is not None and is_beyond(value, rule.limit, kind.side) else "was "
    limit = "" if rule.limit == kind.special[0] else f" ({was}{kind.side} {kind.words(rule.limit)})"
    return f"{kind.title}: {'too little data now' if value is None else kind.words(value)}{limit}"
