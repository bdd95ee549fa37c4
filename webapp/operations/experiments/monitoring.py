"""Checks running experiments periodically: judges their answers, counts them, and pauses an arm that fails too often."""

from collections.abc import Sequence

from webapp.base.db import db, utc_now, write
from webapp.engine.chores import Chore
from webapp.operations.experiments import judging, queries
from webapp.operations.experiments.card import percent
from webapp.operations.experiments.figures import ArmFigures, fails_too_often
from webapp.prompts import active_prompts
from webapp.prompts.tables import Experiment, ExperimentArm

EVERY_SECONDS = 30.0


def check(experiment: Experiment) -> list[ArmFigures]:
    """Returns the present figures of an experiment; if it runs, also stores its counts and pauses failing arms."""
    is_running = experiment.ended_at is None
    if not experiment.is_example:
        judging.judge(experiment)
    figures = queries.figures_of(experiment)
    if is_running and (_counts(queries.arms_of(experiment)) != _counts(figures) or bool(_failing(figures))):
        _keep(experiment.id, figures)
        active_prompts.forget()
        figures = queries.figures_of(experiment)
    return figures


def check_all() -> bool:
    """Checks all running experiments; returns whether there are any."""
    running = queries.running()
    for experiment in running:
        check(experiment)
    db.session.rollback()
    return bool(running)


wake = Chore("experiments", check_all, every_seconds=EVERY_SECONDS, most_seconds=EVERY_SECONDS).wake


def _counts(arms: Sequence[ExperimentArm] | Sequence[ArmFigures]) -> dict[int, tuple[int, int, int]]:
    return {arm.version: (arm.exposures, arm.judged, arm.good) for arm in arms}


def _failing(figures: list[ArmFigures]) -> list[ArmFigures]:
    """Returns the arms to pause; never the control, which is the fallback."""
    control, *others = figures
    return [arm for arm in others if not arm.paused_words and fails_too_often(arm, control)]


def _keep(id: str, figures: list[ArmFigures]) -> None:
    """Stores the counts that decide which versions are given out, and pauses failing arms."""
    control, failing = figures[0], {arm.version for arm in _failing(figures)}
    with write() as session:
        for figure in figures:
            arm = session.get(ExperimentArm, (id, figure.version), populate_existing=True)
            if arm is None:
                continue
            arm.exposures, arm.judged, arm.good = figure.exposures, figure.judged, figure.good
            if figure.version in failing and arm.paused_at is None:
                arm.paused_at, arm.paused_words = utc_now(), _why(figure, control)


def _why(arm: ArmFigures, control: ArmFigures) -> str:
    return (
        f"{arm.letter} was paused: {arm.broken} of its {arm.ended} answers ended with an error ({percent(arm.error_rate)}), "
        f"against {percent(control.error_rate or 0)} with {control.letter}."
    )
