"""Texts for alerts on pages."""

from dataclasses import dataclass
from datetime import datetime

from flask import url_for

from webapp.accounts.tables import User
from webapp.alerts import delivery, queries, service
from webapp.alerts.evaluation import Answers, would_have_fired
from webapp.alerts.kinds import KINDS, NO_CREDIT, REJECTED_KEYS
from webapp.alerts.tables import AlertRule
from webapp.settings.service import setting
from webapp.words import plural

STATES = {"ok": "OK", "warning": "warning", "firing": "firing", "no_data": "no data", "muted": "muted"}


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
    return [_line(each, answers) for each in queries.rules()]


def line(rule: AlertRule) -> ShownRule:
    return _line(rule, Answers())


def banner(user: User | None, *, without_keys: bool = False) -> list[str]:
    """Returns the firing alerts, for the banner of admins; `without_keys` is for pages that show rejected keys themselves."""
    firing = service.firing() if user and user.is_admin else {}
    return [words for name, words in firing.items() if not (without_keys and name in (REJECTED_KEYS, NO_CREDIT))]


def _line(rule: AlertRule, answers: Answers) -> ShownRule:
    kind, state = KINDS[rule.name], queries.shown_state(rule) if rule.is_enabled else "off"
    return ShownRule(
        rule.name,
        kind.title,
        STATES.get(state, state),
        state in ("firing", "warning"),
        _sentence(rule),
        "" if rule.value is None else f"{kind.words(rule.value)} now",
        _samples(rule),
        _past(rule, answers),
        url_for("alerts.show", name=rule.name),
        rule.muted_until if queries.is_muted(rule) else None,
    )


def _sentence(rule: AlertRule) -> str:
    kind = KINDS[rule.name]
    window = f" over {plural(rule.window_minutes, 'minute')}" if kind.metric else ""
    return f"When {kind.fires_when(rule.limit)}{window}, {_effect()}."


def _effect() -> str:
    """Returns what happens when a rule fires, besides the banner for admins."""
    addresses = setting("alerts.emails")
    recipients = addresses[0] if len(addresses) == 1 else f"{len(addresses)} addresses"
    deeds = {"email": f"email {recipients}", "webhook": "call the webhook"}
    *others, last = ["notify admins", *(deeds[each.name] for each in reversed(delivery.channels()))]
    return f"{', '.join(others)} and {last}" if others else last


def _samples(rule: AlertRule) -> str:
    return f"needs at least {plural(rule.min_samples, 'answer')}" if KINDS[rule.name].metric and rule.min_samples else ""


def _past(rule: AlertRule, answers: Answers) -> str:
    times = would_have_fired(rule, answers)
    if times is None:
        return ""
    return f"would have fired {plural(times, 'time')} last week" if times else "wouldn't have fired last week"
