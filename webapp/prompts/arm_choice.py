"""Chooses the version for an answer during an experiment: stable for a person, and within a chat."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import inf, log
from random import Random
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import db
from webapp.prompts.evidence import Arm, pick
from webapp.prompts.tables import BEST_PERFORMANCE, Exposure

LETTERS = "ABCDEFGHIJ"
# How many bits of a hash make a number between 0 and 1.
BITS = 53
# The version of the newest answer in a lane.
FIRST = (
    select(Exposure.version)
    .where(Exposure.experiment_id == bindparam("experiment"), Exposure.lane == bindparam("lane"))
    .order_by(Exposure.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class ExperimentUnit:
    """The person and lane an arm is chosen for; without a `person`, the lane is the unit. `arms` has earlier choices by key."""

    person: str
    lane: str
    arms: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialArm:
    """A version in an experiment, with its counts at the last update; a paused one is not given to anyone."""

    version: int
    letter: str
    weight: float
    is_paused: bool
    exposures: int
    good: int
    judged: int


@dataclass(slots=True)
class Trial:
    """A running experiment. `given` counts how often this process has used each arm since it loaded the experiment."""

    id: str
    key: str
    method: str
    min_samples: int
    arms: tuple[TrialArm, ...]
    given: Counter[int] = field(default_factory=Counter)

    @property
    def open(self) -> dict[int, TrialArm]:
        return {arm.version: arm for arm in self.arms if not arm.is_paused}


@dataclass(frozen=True, slots=True)
class ChosenArm:
    """The arm that an answer is generated with: the version of the prompt `key`, and its letter in the experiment."""

    key: str
    experiment_id: str
    version: int
    letter: str

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "ChosenArm":
        return cls(record["key"], record["experiment"], record["version"], record["letter"])

    def as_record(self) -> dict[str, str | int]:
        return {"key": self.key, "experiment": self.experiment_id, "version": self.version, "letter": self.letter}


def arm_for(trial: Trial, unit: ExperimentUnit) -> ChosenArm | None:
    """Returns the arm already used in this chat, else the person's or the bandit's choice; None if all arms are paused.

    Runs at most one statement.
    """
    if not (arms := trial.open):
        return None
    version = unit.arms.get(trial.key) or db.session.scalar(FIRST, {"experiment": trial.id, "lane": unit.lane})
    if version is None or version not in arms:
        if trial.method == BEST_PERFORMANCE:
            version = _best(trial, unit)
        else:
            weights = {version: arm.weight for version, arm in arms.items()}
            version = arm_of(trial.key, trial.id, unit.person or unit.lane, weights)
    trial.given[version] += 1
    return ChosenArm(trial.key, trial.id, version, arms[version].letter)


def again(arms: Iterable[ChosenArm]) -> ExperimentUnit:
    """Returns the unit for another request of the same answer, which reuses the arms stored with it."""
    return ExperimentUnit("", "", {arm.key: arm.version for arm in arms})


def store_exposures(
    session: Session, arms: Sequence[ChosenArm], generation_id: str, unit: ExperimentUnit
) -> list[tuple[str, int]]:
    """Stores an exposure for each arm that an answer was generated with; returns key and version of each."""
    whose = {"lane": unit.lane, "unit": unit.person or unit.lane, "generation_id": generation_id}
    exposures = [Exposure(experiment_id=arm.experiment_id, version=arm.version, **whose) for arm in arms]
    if exposures:
        rows.put(session, *exposures)
    return [(arm.key, arm.version) for arm in arms]


def _best(trial: Trial, unit: ExperimentUnit) -> int:
    arms = trial.open
    exposures_by_version = {version: arm.exposures + trial.given[version] for version, arm in arms.items()}
    candidates = [Arm(arm.version, arm.good, arm.judged) for arm in arms.values()]
    return pick(candidates, Random(f"{trial.id}|{unit.lane}"), min_samples=trial.min_samples, given=exposures_by_version).version


def arm_of(salt: str, experiment: str, unit: str, weights: Mapping[int, float]) -> int:
    """Returns the version for a unit; changing a weight moves only the units that this share gains or loses.

    Weighted rendezvous hashing: each arm has a score for the unit, and the highest wins. No score depends on another arm's
    weight.
    """
    return max(sorted(weights), key=lambda arm: _lot(f"{salt}|{experiment}|{unit}|{arm}", weights[arm]))


def _lot(name: str, weight: float) -> float:
    if weight <= 0:
        return -inf
    drawn = (int.from_bytes(sha256(name.encode()).digest()[:7], "big") % 2**BITS + 0.5) / 2**BITS
    return -weight / log(drawn)
