"""Evaluates what rules are about: recent answers, and facts of the server."""

import shutil
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter

from webapp.base.cache import Cache
from webapp.base.current import PerApp, the_config
from webapp.base.db import is_sqlite, utc_now
from webapp.base.heavy.turns import by_turns
from webapp.engine.engine import the_engine
from webapp.engine.metric_events import BudgetUsed
from webapp.models.connections.cache import the_connections
from webapp.operations.alerts.kinds import DISK, KINDS, SLOWER, AlertBounds, AlertKind, Measurement, times_fired
from webapp.operations.alerts.tables import AlertRule
from webapp.operations.budgets import queries as budget_queries
from webapp.operations.health import nightly
from webapp.operations.health.backups import made_at
from webapp.operations.insights.days import known
from webapp.operations.insights.figures import METRICS, Day, Figures, beginning, percentile, times
from webapp.operations.insights.queries import AnswerFilter, answered, timed
from webapp.people.accounts.queries import set_up_at
from webapp.settings.service import setting

A_WEEK = timedelta(days=7)
HOUR_SECONDS = 3600.0
# The usual times to the first text, by the day before which they are taken.
USUAL = PerApp(lambda: Cache[datetime, Mapping[str, float]](1, seconds=HOUR_SECONDS))
# Fewer answers of a model in a week don't say what is usual for it.
FEWEST_USUAL = 20
# Up to this time a model doesn't count as slow, even if it is usually much faster.
FAST_MS = 2_000
MEGABYTE = 1_000_000
SUBJECTS = {
    "team": "The team",
    "group": "The group {}",
    "user": "{}",
    "character": "The character {}",
    "token": "The API token {}",
}


class Answers:
    """Figures of recent answers, read once for all rules with the same window."""

    def __init__(self) -> None:
        self._now = utc_now()
        self._recent, self.week = cache(self._read_recent), cache(self._week)

    def last(self, minutes: int) -> Figures:
        """Returns the figures of these minutes."""
        return self._recent(minutes)[0]

    def slowdown(self, minutes: int, min_samples: int) -> Measurement:
        """Returns how much slower than usual the slowest model is.

        It compares the 95th percentile of a model's times to the first text in these minutes with its median of the week before
        today. Models with fewer answers than `min_samples` don't count, nor do new ones.
        """
        usual, measurements = _usual_ms(self._now), list[Measurement]()
        for model, first_texts in self._recent(minutes)[1].items():
            slow = percentile(first_texts, 95)
            if slow is None or model not in usual or len(first_texts) < min_samples:
                continue
            ratio = slow / max(1.0, usual[model])
            measurements.append(Measurement(ratio if slow > FAST_MS else min(1.0, ratio), len(first_texts)))
        return max(measurements, key=lambda measurement: measurement.value or 0, default=Measurement(None, 0))

    def _read_recent(self, minutes: int) -> tuple[Figures, Mapping[str, "array[int]"]]:
        """Returns the figures of these minutes, and the times to the first text by model."""
        figures, first_texts = Figures(), defaultdict[str, "array[int]"](times)
        for answer in answered(AnswerFilter(self._now - timedelta(minutes=minutes), self._now)):
            figures.add(answer)
            if answer.first_text_ms is not None:
                first_texts[answer.model].append(answer.first_text_ms)
        return figures, first_texts

    def _week(self, minutes: int) -> Mapping[str, list[Measurement]]:
        """Returns what each kind of rule would have found in the last seven days, window by window, including empty ones."""
        answer_filter = AnswerFilter(self._now - A_WEEK, self._now)
        past = {name: list[Measurement]() for name, kind in KINDS.items() if kind.metric in METRICS}
        for figures in by_turns(_windows(answer_filter, timedelta(minutes=minutes))):
            for name, measurements in past.items():
                measurements.append(_of(KINDS[name], figures))
        return past


def measure(rule: AlertRule, answers: Answers) -> Measurement:
    """Returns what the rule finds now."""
    kind = KINDS[rule.name]
    if rule.name == SLOWER:
        return answers.slowdown(rule.window_minutes, rule.min_samples)
    return _of(kind, answers.last(rule.window_minutes)) if kind.metric else FACTS[rule.name](rule)


def would_have_fired(rule: AlertRule, answers: Answers) -> int | None:
    """Returns how often the rule would have fired in the last seven days; None for a kind without history."""
    if KINDS[rule.name].metric not in METRICS:
        return None
    return times_fired(by_turns(answers.week(rule.window_minutes)[rule.name]), bounds_of(rule))


def _usual_ms(now: datetime) -> Mapping[str, float]:
    """Returns the median time to the first text of each model in the seven days before today, as of the last hour."""
    today, first_texts = beginning(now, "day"), defaultdict[str, "array[int]"](times)
    if (cached := USUAL.get().get(today)) is not None:
        return cached
    for one in known(AnswerFilter(today - A_WEEK, today)):
        if isinstance(one, Day):
            first_texts[one.model] += one.figures.first_texts
        elif one.first_text_ms is not None:
            first_texts[one.model].append(one.first_text_ms)
    medians = {model: percentile(times, 50) or 0.0 for model, times in first_texts.items() if len(times) >= FEWEST_USUAL}
    return USUAL.get().put(today, medians)


def bounds_of(rule: AlertRule) -> AlertBounds:
    return AlertBounds(KINDS[rule.name].side, rule.limit, rule.warn_at, rule.min_samples)


def _windows(answer_filter: AnswerFilter, window: timedelta) -> Iterator[Figures]:
    figures, ends = Figures(), answer_filter.since + window
    for at, answer in timed(answer_filter):
        while at >= ends:
            yield figures
            figures, ends = Figures(), ends + window
        figures.add(answer)
    yield figures


def _of(kind: AlertKind, figures: Figures) -> Measurement:
    samples = figures.first_text_count if kind.name == "first_text" else figures.answers
    return Measurement(METRICS[kind.metric](figures), samples)


def _budget(_rule: AlertRule) -> Measurement:
    """Returns the fullest budget, and reports the fullest in each unit to the metrics."""
    if not setting("budgets.enabled"):
        return Measurement(None)
    fullest: dict[str, budget_queries.Level] = {}
    for level in sorted(budget_queries.levels(budget_queries.all_budgets()), key=attrgetter("share")):
        fullest[level.budget.unit] = level
    for unit, level in fullest.items():
        the_engine().emit(BudgetUsed(unit, level.share))
    most = max(fullest.values(), key=attrgetter("share"), default=None)
    return Measurement(most.share, words=_usage_words(most)) if most else Measurement(None)


def _usage_words(level: budget_queries.Level) -> str:
    budget = level.budget
    subject = SUBJECTS[budget.who].format(budget_queries.names([budget]).get(budget.who_id, "(deleted)"))
    whose = "their" if budget.who == "user" else "its"
    return f"{subject} has used {'up' if level.is_used_up else f'{100 * level.share:.0f} % of'} {whose} budget."


def _disk(_rule: AlertRule) -> Measurement:
    megabytes = shutil.disk_usage(the_config().data_dir).free / MEGABYTE
    return Measurement(megabytes, words=f"Only {KINDS[DISK].words(megabytes)} of disk space is left.")


def _backup(rule: AlertRule) -> Measurement:
    """Returns the age of the last backup in days.

    Without any, it is the time since the set-up, once that is long enough for a warning. On PostgreSQL there is no value then, as
    other programs make the backups.
    """
    backup_at = made_at(the_config().data_dir)
    since = backup_at or (set_up_at() if is_sqlite() else None)
    days = (utc_now() - since) / timedelta(days=1) if since else None
    return Measurement(days if backup_at or (days or 0) > rule.warn_at else None)


def _proof(_rule: AlertRule) -> Measurement:
    """Returns how many things are wrong with nightly backups; without any backup yet, there is no value."""
    problems = nightly.problems()
    return Measurement(float(len(problems)), words=" ".join(problems)) if problems or nightly.runs() else Measurement(None)


def _key(_rule: AlertRule) -> Measurement:
    names = _refused_for("auth")
    words = f"{names[0]} rejected its key." if len(names) == 1 else f"These providers rejected their keys: {', '.join(names)}."
    return Measurement(float(len(names)), words=words)


def _credit(_rule: AlertRule) -> Measurement:
    names = _refused_for("credit")
    whose = "has" if len(names) == 1 else "have"
    return Measurement(float(len(names)), words=f"{', '.join(names)} {whose} no credit left. Add credit at your provider.")


def _refused_for(code: str) -> list[str]:
    """Returns the names of the connections in use whose servers refuse the key for this reason."""
    return [live.name for live in the_connections().team() if live.is_enabled and live.refused_for == code]


FACTS: Mapping[str, Callable[[AlertRule], Measurement]] = {
    "budget": _budget,
    "disk": _disk,
    "backup": _backup,
    "proof": _proof,
    "key": _key,
    "credit": _credit,
}
