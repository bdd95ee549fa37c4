"""What admins can do with experiments: start one, change its shares, stop it with or without a winner."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base.audit import AuditAuthor
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.base.inputs import Input, Refusal, checked_by
from webapp.operations.experiments import monitoring, queries
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.prompts import active_prompts, queries as prompt_queries, service as prompt_service
from webapp.prompts.evidence import MIN_TRIES
from webapp.prompts.tables import A_B_TEST, BEST_PERFORMANCE, FIXED, Experiment, ExperimentArm, Prompt

METHODS = (A_B_TEST, BEST_PERFORMANCE)
FEWEST, MOST = 2, 5
MOST_SAMPLES = 10_000
RUNNING = "An experiment is already running on this prompt. Stop it first."
ENDED = "This experiment has already been stopped."
Outcome = Annotated[Literal["good", "thumbs", "completed", "unrepaired"], Refusal("Choose what counts as success.")]
Method = Annotated[Literal["A_B_TEST", "BEST_PERFORMANCE"], Refusal("Choose a way to give out the versions.")]
Samples = Annotated[
    int,
    Field(ge=1, le=MOST_SAMPLES),
    Refusal("Enter a whole number.", fault="int_parsing"),
    Refusal(f"Enter a number from 1 to {MOST_SAMPLES:,}."),
]


def _shares(weights: dict[int, float]) -> dict[int, float]:
    if not all(1 <= share <= 99 for share in weights.values()):
        raise Invalid("Each share must be from 1 to 99 %.")
    if weights and abs((total := sum(weights.values())) - 100) > 0.01:
        raise Invalid(f"The shares add up to {total:g} %. Make that 100 %.")
    return weights


def _compared(weights: dict[int, float]) -> dict[int, float]:
    if not FEWEST <= len(weights) <= MOST:
        raise Invalid(f"Compare {FEWEST} to {MOST} versions.")
    return _shares(weights)


class ShareInput(Input):
    """How the versions of an experiment are given out, with their shares in percent; without shares, those before stay."""

    weights: Annotated[dict[int, float], checked_by(_shares)] = Field(default={})
    method: Method = "A_B_TEST"
    min_samples: Samples | None = None


class ExperimentInput(Input):
    """What is entered for an experiment: versions with their shares in percent, the control first."""

    weights: Annotated[dict[int, float], checked_by(_compared)]
    outcome: Outcome = "good"
    method: Method = "A_B_TEST"
    min_samples: Samples = MIN_TRIES


def start(prompt: prompt_queries.KnownPrompt, entered: ExperimentInput, *, author: PersonAuthor) -> str:
    """Starts to compare versions of a prompt; returns the id of the experiment. Only one can run per prompt."""
    _refuse_unless_comparable(prompt, author.actor)
    user_id = author.actor.id
    try:
        with write() as session:
            row = prompt_service.row_of(session, prompt)
            if row.strategy in METHODS:
                raise Conflict(RUNNING)
            _refuse_unknown(session, row, entered.weights)
            id = _store(session, row, entered, user_id)
            detail = ", ".join(f"version {version}: {weight:g} %" for version, weight in entered.weights.items())
            prompt_service.note(session, "started an experiment", row.key, detail, author)
    except IntegrityError as error:
        raise Conflict(RUNNING) from error
    active_prompts.forget()
    monitoring.wake()
    return id


def weigh(experiment: Experiment, entered: ShareInput, *, author: AuditAuthor) -> None:
    """Changes the shares, or how versions are given out; chats keep their version, and as few people as possible get another."""
    id = experiment.id
    with write() as session:
        current, row = _running(session, id)
        arms = {arm.version: arm for arm in queries.arms_of(current)}
        if entered.weights and set(entered.weights) != set(arms):
            raise Invalid("An experiment keeps its versions. Stop it to compare others.", field="weights")
        for version, weight in entered.weights.items():
            arms[version].weight = weight
        current.method = row.strategy = entered.method
        current.min_samples = entered.min_samples or current.min_samples
        current.weighed_at = utc_now()
        prompt_service.note(session, "changed an experiment", row.key, entered.method, author)
    active_prompts.forget()


def give_out(prompt: prompt_queries.KnownPrompt, entered: ShareInput, *, author: PersonAuthor) -> None:
    """Changes how the versions of the running experiment are given out; for the best one, starts an experiment with all."""
    if experiment := queries.running_of(prompt.id):
        weigh(experiment, entered, author=author)
        return
    if entered.method == A_B_TEST:
        raise Invalid(prompt_service.NEEDS_EXPERIMENT, field="strategy")
    newest = [version.number for version in prompt_queries.versions(prompt)][:MOST]
    shares = entered.weights or {version: 100 / len(newest) for version in reversed(newest)}
    start(prompt, ExperimentInput.entered({**dict(entered), "weights": shares}), author=author)


def stop(experiment: Experiment, winner: int | None, *, author: PersonAuthor) -> None:
    """Stops an experiment; from then on the winner is in use, or without one, the control."""
    id, user_id = experiment.id, author.actor.id
    with write() as session:
        current, row = _running(session, id)
        versions = [arm.version for arm in queries.arms_of(current)]
        if winner is not None and winner not in versions:
            raise Invalid("This version is not part of the experiment.", field="winner")
        current.ended_at, current.ended_by, current.winner = utc_now(), user_id, winner
        row.strategy, row.version, row.changed_at = FIXED, versions[0] if winner is None else winner, utc_now()
        detail = f"version {winner} is used" if winner is not None else "without a winner"
        prompt_service.note(session, "stopped an experiment", row.key, detail, author)
    active_prompts.forget()


def remove(experiment: Experiment, *, author: AuditAuthor) -> None:
    """Deletes a stopped experiment with its figures."""
    id = experiment.id
    with write() as session:
        current, row = _existing(session, id)
        if current.ended_at is None:
            raise Conflict("This experiment is running. Stop it first.")
        session.execute(delete(Experiment).where(Experiment.id == id))
        prompt_service.note(session, "deleted an experiment", row.key, "", author)


def _refuse_unless_comparable(prompt: prompt_queries.KnownPrompt, by: User) -> None:
    if not may(by, "administer"):
        raise Forbidden("Only the owner and admins can start experiments.")
    if not prompt.built_in or not prompt.built_in.is_answered:
        raise Invalid("People's answers don't come from this prompt alone, so its versions can't be compared.", field="key")


def _refuse_unknown(session: Session, row: Prompt, weights: Mapping[int, float]) -> None:
    numbers = set(session.scalars(prompt_service.numbers_of(row.id)))
    if unknown := [version for version in weights if version not in numbers]:
        raise NotFound(f"There is no version {unknown[0]} of this prompt.")


def _store(session: Session, row: Prompt, entered: ExperimentInput, user_id: str) -> str:
    values: dict[str, Any] = {name: getattr(entered, name) for name in ("method", "outcome", "min_samples")}
    experiment = Experiment(prompt_id=row.id, created_by=user_id, **values)
    session.add(experiment)
    session.flush()
    arms = enumerate(entered.weights.items())
    session.add_all(
        ExperimentArm(experiment_id=experiment.id, version=version, place=place, weight=weight)
        for place, (version, weight) in arms
    )
    row.strategy, row.version, row.changed_at = entered.method, next(iter(entered.weights)), utc_now()
    return experiment.id


def _existing(session: Session, id: str) -> tuple[Experiment, Prompt]:
    experiment = session.get(Experiment, id, populate_existing=True, with_for_update=True)
    if experiment is None:
        raise NotFound("There is no such experiment.")
    return experiment, session.get_one(Prompt, experiment.prompt_id, populate_existing=True, with_for_update=True)


def _running(session: Session, id: str) -> tuple[Experiment, Prompt]:
    experiment, row = _existing(session, id)
    if experiment.ended_at is not None:
        raise Conflict(ENDED)
    return experiment, row
