"""View models of the experiment pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webapp.base.db import db
from webapp.base.languages import gettext as _, lowered
from webapp.engine.costs import in_dollars
from webapp.operations.experiments import monitoring, queries
from webapp.operations.experiments.card import OUTCOMES, WAIT, RecommendationCard, card, percent, seconds
from webapp.operations.experiments.figures import ArmFigures
from webapp.people.accounts.tables import User
from webapp.prompts.queries import KnownPrompt, in_use, versions as versions_of
from webapp.prompts.tables import A_B_TEST, Experiment
from webapp.web.filters import number

DONE = {
    "started": "The experiment is running.",
    "weighed": "Saved. Chats keep their version.",
    "stopped": "The experiment is over.",
    "deleted": "Experiment deleted.",
}
UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class ShownArm:
    """One row of the table; `fill` is its share of successes in percent, for a bar."""

    version: int
    letter: str
    share: str
    weight: str
    answers: str
    rate: str
    fill: int
    error: str
    first_text: str
    cost: str
    is_control: bool
    is_paused: bool


@dataclass(frozen=True, slots=True)
class ShownExperiment:
    """An experiment in a list; `state` is empty for one that is over."""

    id: str
    key: str
    state: str
    title: str
    since: datetime
    until: datetime | None


def lines() -> list[ShownExperiment]:
    return [_line(row, key) for row, key in queries.experiments()]


def page(experiment: Experiment) -> dict[str, Any]:
    figures = monitoring.check(experiment)
    outcome, has_shares = experiment.outcome, experiment.method == A_B_TEST
    card, by = (
        card_of(experiment, figures),
        [db.session.get(User, id) for id in (experiment.created_by, experiment.ended_by) if id],
    )
    return {
        "one": experiment,
        "key": queries.key_of(experiment),
        "card": card,
        "arms": [_arm(figure, control=figures[0]) for figure in figures],
        "success": lowered(_(OUTCOMES[outcome].label)),
        "good": _(OUTCOMES[outcome].good),
        "has_shares": has_shares,
        "is_running": experiment.ended_at is None,
        "title": card.title if experiment.ended_at is None else _finding(card),
        "words": card.words if experiment.ended_at is None or card.decision != WAIT else (),
        "over": _over(experiment, figures),
        "by": by[0].name if experiment.created_by and by and by[0] else "",
    }


def card_of(experiment: Experiment, figures: Sequence[ArmFigures]) -> RecommendationCard:
    """Returns the recommendation; the shares of an example are ignored, as it was given to no one."""
    has_shares = experiment.method == A_B_TEST and not experiment.is_example
    return card(figures, experiment.outcome, has_shares=has_shares)


def beginning(prompt: KnownPrompt) -> dict[str, Any]:
    """Returns the values of the form for a new experiment."""
    versions = versions_of(prompt)
    return {"prompt": prompt, "versions": versions[:10], "used": in_use(prompt, versions).number}


def _line(row: Experiment, key: str) -> ShownExperiment:
    figures = queries.figures_of(row)
    state = _("running") if row.ended_at is None else _("example") if row.is_example else ""
    winner = row.winner
    title = _("Stopped without a winner") if winner is None else _("Version %(version)s was chosen", version=winner)
    title = card_of(row, figures).title if row.ended_at is None else title
    return ShownExperiment(row.id, key, state, title, row.created_at, row.ended_at)


def _finding(card: RecommendationCard) -> str:
    """Turns the recommendation of a running experiment into the finding of a stopped one."""
    if card.decision == WAIT:
        return _("It was too early to tell")
    return _("What it found: %(finding)s", finding=lowered(card.title))


def _over(row: Experiment, figures: Sequence[ArmFigures]) -> str:
    if row.ended_at is None:
        return ""
    if row.winner is None:
        return _("It was stopped without a winner, so version %(version)s stayed in use.", version=figures[0].version)
    return _("It was stopped, and version %(version)s was chosen.", version=row.winner)


def _arm(arm: ArmFigures, *, control: ArmFigures) -> ShownArm:
    answers = number(arm.exposures)
    if arm.judged != arm.exposures:
        answers = _("%(answers)s, %(judged)s count", answers=answers, judged=number(arm.judged))
    return ShownArm(
        arm.version,
        arm.letter,
        f"{arm.weight:g} %",
        f"{arm.weight:g}",
        answers,
        percent(arm.rate),
        round(100 * (arm.rate or 0)),
        percent(arm.error_rate),
        seconds(arm.ttft_p95_ms),
        UNKNOWN if arm.cost is None else in_dollars(arm.cost),
        is_control=arm is control,
        is_paused=bool(arm.paused_words),
    )
