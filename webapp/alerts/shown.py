"""Texts for alerts on pages."""

from dataclasses import dataclass
from datetime import datetime

from flask import url_for

from webapp.accounts.tables import User
from webapp.alerts import queries, service
from webapp.alerts.evaluation import Answers, would_have_fired
from webapp.alerts.kinds import KINDS
from webapp.alerts.tables import AlertRule
from webapp.words import plural

STATES = {"ok": "OK", "warning": "warning", "firing": "firing", "no_data": "no data", "muted": "muted"}


@dataclass(frozen=True, slots=True)
class ShownRule:
    name: str
    title: str
    state: str
    is_bad: bool
    about: str
    value: str
    past: str
    url: str
    muted_until: datetime | None


def lines() -> list[ShownRule]:
    answers = Answers()
    return [_line(each, answers) for each in queries.rules()]


def line(rule: AlertRule) -> ShownRule:
    return _line(rule, Answers())


def banner(user: User | None) -> list[str]:
    """Returns the firing alerts, for the banner that admins see on every page."""
    return service.firing() if user and user.is_admin else []


def _line(rule: AlertRule, answers: Answers) -> ShownRule:
    kind, state = KINDS[rule.name], queries.shown_state(rule) if rule.is_enabled else "off"
    about = f"fires {kind.side} {kind.words(rule.limit)}"
    if kind.metric:
        about += f", in {plural(rule.window_minutes, 'minute')} with {rule.min_samples} answers or more"
    return ShownRule(
        rule.name,
        kind.title,
        STATES.get(state, state),
        state in ("firing", "warning"),
        about,
        "" if rule.value is None else f"{kind.words(rule.value)} now",
        _past(rule, answers),
        url_for("alerts.show", name=rule.name),
        rule.muted_until if queries.is_muted(rule) else None,
    )


def _past(rule: AlertRule, answers: Answers) -> str:
    times = would_have_fired(rule, answers)
    if times is None:
        return ""
    return f"would have fired {plural(times, 'time')} last week" if times else "wouldn't have fired last week"
