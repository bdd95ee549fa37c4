"""Texts for alerts on pages."""

from dataclasses import dataclass
from datetime import datetime

from flask import url_for

from webapp.base.languages import gettext as _, ngettext
from webapp.operations.alerts import delivery, queries, service
from webapp.operations.alerts.evaluation import Answers, would_have_fired
from webapp.operations.alerts.kinds import DISK, KINDS, NO_CREDIT, REJECTED_KEYS, AlertKind
from webapp.operations.alerts.tables import AlertRule
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.web.filters import plural

STATES = {"ok": "OK", "warning": "warning", "firing": "firing", "no_data": "no data", "muted": "muted"}

# All others only count in the badge.
URGENT = (DISK, REJECTED_KEYS, NO_CREDIT)


@dataclass(frozen=True, slots=True)
class ShownRule:
    name: str
    title: str
    state: str
    is_bad: bool
    sentence: str
    value: str
    samples: str
    past: str
    url: str
    muted_until: datetime | None


def lines() -> list[ShownRule]:
    answers = Answers()
    return [_line(rule, answers) for rule in queries.rules()]


def line(rule: AlertRule) -> ShownRule:
    return _line(rule, Answers())


def alert_count(user: User | None) -> int:
    """Returns how many alerts are firing, for the badge that admins see."""
    return len(service.firing()) if user and user.is_admin else 0


def urgent_alerts(user: User | None, dismissed: str, *, without_keys: bool = False) -> list[queries.FiringAlert]:
    """Returns the alerts that are shown above pages until an admin dismisses them.

    `without_keys` is for pages that show rejected keys themselves.
    """
    firing = service.firing() if user and user.is_admin else []
    return [
        alert
        for alert in firing
        if alert.rule in URGENT and alert.id not in dismissed and not (without_keys and alert.rule in (REJECTED_KEYS, NO_CREDIT))
    ]


def _line(rule: AlertRule, answers: Answers) -> ShownRule:
    kind, state = KINDS[rule.name], queries.shown_state(rule) if rule.is_enabled else "off"
    value = "" if rule.value is None else _("%(value)s now", value=kind.words(rule.value))
    if rule.is_open and rule.state == "no_data":
        value = _(kind.earlier)
    return ShownRule(
        rule.name,
        _(kind.title),
        _("too few answers") if state == "no_data" and rule.value is not None else _(STATES.get(state, state)),
        state in ("firing", "warning"),
        _sentence(rule, kind),
        value,
        _("needs at least %(answers)s", answers=plural(rule.min_samples, "answer")) if kind.metric and rule.min_samples else "",
        _past(rule, answers),
        url_for("alerts.show", name=rule.name),
        rule.muted_until if queries.is_muted(rule) else None,
    )


def _sentence(rule: AlertRule, kind: AlertKind) -> str:
    special, words = kind.special
    condition = _(words) if rule.limit == special else _(kind.condition, limit=kind.words(rule.limit))
    if not kind.metric:
        return _("When %(condition)s, %(effect)s.", condition=condition, effect=_effect())
    minutes = plural(rule.window_minutes, "minute")
    return _("When %(condition)s over %(minutes)s, %(effect)s.", condition=condition, minutes=minutes, effect=_effect())


def _effect() -> str:
    """Returns what happens when a rule fires, besides the badge for admins."""
    addresses = setting("alerts.emails")
    address = addresses[0] if len(addresses) == 1 else ngettext("%(num)s address", "%(num)s addresses", len(addresses))
    ways = {channel.name for channel in delivery.channels()}
    if ways == {"email", "webhook"}:
        return _("notify admins, email %(address)s and call the webhook", address=address)
    if "email" in ways:
        return _("notify admins and email %(address)s", address=address)
    return _("notify admins and call the webhook") if ways else _("notify admins")


def _past(rule: AlertRule, answers: Answers) -> str:
    times = would_have_fired(rule, answers)
    if times is None:
        return ""
    if not times:
        return _("would not have triggered last week")
    return _("would have triggered %(times)s last week", times=plural(times, "time"))
