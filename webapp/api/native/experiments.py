"""/api/v1/experiments: versions of a prompt compared by people's feedback on the answers; for admins."""

from datetime import datetime
from typing import Annotated, Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Money
from webapp.base.errors import Invalid
from webapp.operations.experiments import monitoring, queries, service
from webapp.operations.experiments.card import card
from webapp.operations.experiments.figures import ArmFigures, evidence
from webapp.operations.experiments.service import FEWEST, MOST, ExperimentInput, Method, Outcome, Samples
from webapp.people.accounts.guards import audit_author, found
from webapp.prompts import queries as prompt_queries
from webapp.prompts.evidence import MIN_TRIES
from webapp.prompts.tables import A_B_TEST, Experiment

bp = Blueprint("api_experiments", __name__, url_prefix="/api/v1/experiments")


class ArmBody(Body):
    version: int = Field(ge=1, le=99_999)
    weight: float = Field(description="Its share in percent. All together are 100.")


class NewExperiment(Body):
    key: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._-]+$")]
    arms: Annotated[
        list[ArmBody], Field(min_length=FEWEST, max_length=MOST, description="The others are compared with the first.")
    ]
    outcome: Outcome = "good"
    strategy: Method = "A_B_TEST"
    min_samples: Samples = MIN_TRIES


class StopBody(Body):
    winner: int | None = Field(None, description="The version that is used from then on; by default, that of the first arm.")


class ArmAnswer(Answer):
    version: int
    letter: str
    weight: float
    exposures: int
    judged: int = Field(description="The exposures that count as a success or not.")
    good: int
    rate: float | None
    error_rate: float | None
    ttft_p95_ms: int | None
    cost: Money = Field(description="Of one answer, on average, in US dollars.")
    is_paused: bool = Field(description="It failed more than three times as often as the first arm, and is no longer used.")


class ExperimentAnswer(Answer):
    id: str
    key: str
    strategy: Method
    outcome: Outcome
    min_samples: int
    status: Literal["running", "stopped"]
    arms: list[ArmAnswer]
    bayes_factor: float = Field(description="How much better the figures fit to versions that differ; 10 is strong evidence.")
    winner: int | None = Field(description="The version that is better by strong evidence; once stopped, the one that was taken.")
    words: str = Field(description="What to do, and why, in plain words.")
    is_imbalanced: bool = Field(description="Whether versions were not given out in the shares that were wanted.")
    created_at: datetime
    ended_at: datetime | None


class ExperimentList(Answer):
    experiments: list[ExperimentAnswer]


@bp.get("")
@operation("List experiments, those that run first", scope="admin", answer=ExperimentList)
def index() -> ExperimentList:
    experiments = [_answer_of(experiment, key, queries.figures_of(experiment)) for experiment, key in queries.experiments()]
    return ExperimentList(experiments=experiments)


@bp.post("")
@operation(
    "Start an experiment, one on each prompt",
    scope="admin",
    body=NewExperiment,
    answer=ExperimentAnswer,
    status=201,
    errors=(404, 409, 422),
    named={"weights": "arms"},
)
def create(body: NewExperiment) -> ExperimentAnswer:
    weights = {arm.version: arm.weight for arm in body.arms}
    if len(weights) < len(body.arms):
        raise Invalid("Each version can be compared once.", field="arms")
    values = {"outcome": body.outcome, "method": body.strategy, "min_samples": body.min_samples}
    entered = ExperimentInput.entered({**values, "weights": weights})
    id = service.start(found(prompt_queries.prompt(caller(), body.key)), entered, author=audit_author())
    return _one(id)


@bp.get("/<id>")
@operation("Show an experiment with its figures", scope="admin", answer=ExperimentAnswer)
def show(id: str) -> ExperimentAnswer:
    return _one(id)


@bp.post("/<id>/stop")
@operation("Stop an experiment, and use the winner", scope="admin", body=StopBody, answer=ExperimentAnswer, errors=(409, 422))
def stop(id: str, body: StopBody) -> ExperimentAnswer:
    service.stop(_experiment(id), body.winner, author=audit_author())
    return _one(id)


@bp.delete("/<id>")
@operation("Delete an experiment that has been stopped", scope="admin", status=204, errors=(409,))
def delete(id: str) -> None:
    service.remove(_experiment(id), author=audit_author())


def _experiment(id: str) -> Experiment:
    return found(queries.experiment(id))


def _one(id: str) -> ExperimentAnswer:
    one = _experiment(id)
    figures = monitoring.check(one)
    return _answer_of(one, queries.key_of(one), figures)


def _answer_of(one: Experiment, key: str, figures: list[ArmFigures]) -> ExperimentAnswer:
    has_shares = one.method == A_B_TEST and not one.is_example
    comparison = evidence(figures, has_shares=has_shares)
    best = comparison.winner.version if comparison.winner else None
    return ExperimentAnswer.of(
        one,
        key=key,
        strategy=one.method,
        status="running" if one.ended_at is None else "stopped",
        arms=[ArmAnswer.of(figure, is_paused=bool(figure.paused_words)) for figure in figures],
        bayes_factor=round(min(comparison.factor, 1e12), 4),
        winner=one.winner if one.ended_at else best,
        words=card(figures, one.outcome, has_shares=has_shares).text,
        is_imbalanced=comparison.is_imbalanced,
    )
