"""Queries for experiments and for the results of their arms."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, and_, case, func, select

from webapp.base.db import db
from webapp.base.heavy import bounded
from webapp.operations.experiments.figures import ArmFigures
from webapp.prompts.arm_choice import LETTERS
from webapp.prompts.tables import Experiment, ExperimentArm, Exposure, Prompt

MOST_LISTED = 200


def experiments() -> list[tuple[Experiment, str]]:
    """Returns experiments with the keys of their prompts, running ones first, then the newest first."""
    order = (Experiment.ended_at.is_not(None), Experiment.id.desc())
    query = select(Experiment, Prompt.key).join(Prompt, Prompt.id == Experiment.prompt_id).order_by(*order)
    return [(row, key) for row, key in db.session.execute(query.limit(MOST_LISTED))]


def experiment(id: str) -> Experiment | None:
    return db.session.get(Experiment, id)


def running() -> list[Experiment]:
    return list(db.session.scalars(select(Experiment).where(Experiment.ended_at.is_(None)).order_by(Experiment.id)))


def running_of(prompt_id: str) -> Experiment | None:
    return db.session.scalar(select(Experiment).where(Experiment.prompt_id == prompt_id, Experiment.ended_at.is_(None)))


def key_of(experiment: Experiment) -> str:
    return db.session.get_one(Prompt, experiment.prompt_id).key


def arms_of(experiment: Experiment) -> Sequence[ExperimentArm]:
    """Returns the arms in order; the first is the control, with which the others are compared."""
    query = select(ExperimentArm).where(ExperimentArm.experiment_id == experiment.id).order_by(ExperimentArm.place)
    return db.session.scalars(query).all()


def figures_of(experiment: Experiment) -> list[ArmFigures]:
    """Returns the figures of each arm, as far as it is judged; raises `TooLate` if counting takes too long."""
    one = Exposure
    is_new = one.created_at >= experiment.weighed_at
    counts = (
        func.count(),
        func.count(func.distinct(case((is_new, one.unit)))),
        func.count(one.is_broken),
        func.count(case((one.is_broken.is_(True), 1))),
        func.count(one.is_good),
        func.count(case((one.is_good.is_(True), 1))),
        func.avg(one.cost),
    )
    query = select(one.version, *counts).where(one.experiment_id == experiment.id).group_by(one.version)
    counted, ranked = bounded.read([query, _ttft_p95(experiment.id)])
    counts_by_version, slow = {version: rest for version, *rest in counted}, dict(ranked)
    return [_figures(arm, counts_by_version.get(arm.version), slow.get(arm.version)) for arm in arms_of(experiment)]


def _figures(arm: ExperimentArm, sums: Sequence[float | None] | None, ttft_p95_ms: int | None) -> ArmFigures:
    *counts, cost = sums or (0, 0, 0, 0, 0, 0, None)
    exposures, units, ended, broken, judged, good = (int(count or 0) for count in counts)
    return ArmFigures(
        arm.version,
        LETTERS[arm.place],
        arm.weight,
        exposures,
        units,
        ended,
        broken,
        judged,
        good,
        ttft_p95_ms=ttft_p95_ms,
        cost=None if cost is None else Decimal(f"{cost:.8f}"),
        paused_words=arm.paused_words,
    )


def _ttft_p95(experiment_id: str) -> Select[*tuple[Any, ...]]:
    """Selects the 95th percentile of the time to the first text, by version."""
    one, condition = Exposure, and_(Exposure.experiment_id == experiment_id, Exposure.first_text_ms.is_not(None))
    rank = func.row_number().over(partition_by=one.version, order_by=one.first_text_ms)
    count = func.count().over(partition_by=one.version)
    ranked = select(one.version, one.first_text_ms, rank.label("rank"), count.label("count")).where(condition).subquery()
    is_there = ranked.c.rank >= (ranked.c.count * 95 + 99) // 100
    return select(ranked.c.version, func.min(ranked.c.first_text_ms)).where(is_there).group_by(ranked.c.version)
