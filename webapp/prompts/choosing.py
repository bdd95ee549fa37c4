"""Which version somebody is given while versions of a prompt are compared: a person's own, and always the same in one chat."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from webapp import rows
from webapp.db import db
from webapp.prompts.assignment import arm_of
from webapp.prompts.bandit import pick
from webapp.prompts.evidence import Arm
from webapp.prompts.tables import BEST_PERFORMANCE, Exposure

LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True, slots=True)
class Unit:
    """Who is asked for, and where: without a `person`, the place counts as one. `arms` are those it has had, by key."""

    person: str
    lane: str
    arms: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialArm:
    """A version that is compared, as it was at the last look; a paused one is given to nobody."""

    version: int
    letter: str
    weight: float
    is_paused: bool
    exposures: int
    good: int
    judged: int


@dataclass(slots=True)
class Trial:
    """An experiment that runs. `given` is how often this process has given each arm since it was read."""

    id: str
    key: str
    method: str
    min_samples: int
    arms: tuple[TrialArm, ...]
    given: Counter[int] = field(default_factory=Counter)

    @property
    def open(self) -> dict[int, TrialArm]:
        return {each.version: each for each in self.arms if not each.is_paused}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The arm that an answer is asked with."""

    experiment_id: str
    version: int
    letter: str


def arm_for(trial: Trial, unit: Unit) -> Chosen | None:
    """The arm that this chat has already had, else the person's, or the one that is to be tried next; None if all are paused.

    Takes one statement.
    """
    if not (arms := trial.open):
        return None
    version = unit.arms.get(trial.key) or db.session.scalar(FIRST, {"experiment": trial.id, "lane": unit.lane})
    if version is None or version not in arms:
        version = _best(trial, unit) if trial.method == BEST_PERFORMANCE else _drawn(trial, unit)
    trial.given[version] += 1
    return Chosen(trial.id, version, arms[version].letter)


def again(prompt: Mapping[str, Any]) -> Unit:
    """For another request of the same answer: what was kept with it counts."""
    return Unit("", "", {each["key"]: each["version"] for each in prompt.get("arms", ())})


def keep(session: Session, prompt: Mapping[str, Any], generation_id: str, unit: Unit) -> list[tuple[str, int]]:
    """Notes that an answer was asked with the arms that were kept with it; gives key and version of each."""
    arms: Sequence[Mapping[str, Any]] = prompt.get("arms", ())
    whose = {"lane": unit.lane, "unit": unit.person or unit.lane, "generation_id": generation_id}
    kept = [Exposure(experiment_id=each["experiment"], version=each["version"], **whose) for each in arms]
    if kept:
        rows.put(session, *kept)
    return [(each["key"], each["version"]) for each in arms]


def _drawn(trial: Trial, unit: Unit) -> int:
    weights = {version: each.weight for version, each in trial.open.items()}
    return arm_of(trial.key, trial.id, unit.person or unit.lane, weights)


def _best(trial: Trial, unit: Unit) -> int:
    arms = trial.open
    given = {version: each.exposures + trial.given[version] for version, each in arms.items()}
    known = [Arm(each.version, each.good, each.judged) for each in arms.values()]
    return pick(known, Random(f"{trial.id}|{unit.lane}"), min_samples=trial.min_samples, given=given).version


def _first_statement() -> Select[int]:
    one = Exposure
    is_here = one.experiment_id == bindparam("experiment"), one.lane == bindparam("lane")
    return select(one.version).where(*is_here).order_by(one.id.desc()).limit(1)


FIRST = _first_statement()
