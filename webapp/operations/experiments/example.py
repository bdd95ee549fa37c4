"""Stopped experiments with example figures for `flask seed`; no requests were made for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.prompts import queries, service
from webapp.prompts.tables import A_B_TEST, FIXED, Experiment, ExperimentArm, Exposure, Prompt
from webapp.prompts.validation import SectionInput, VersionInput

AGE, LENGTH = timedelta(days=21), timedelta(days=14)


@dataclass(frozen=True)
class ExampleArm:
    """The counts of an arm, its median time to the first text and its average cost."""

    answers: int
    good: int
    broken: int
    first_text_ms: int
    cost: float


@dataclass(frozen=True)
class Example:
    """An experiment that compares the first version of a prompt with this text."""

    key: str
    text: str
    note: str
    outcome: str
    arms: Mapping[int, ExampleArm]


EXAMPLES = (
    Example(
        "quick",
        "Answer in as few sentences as the question needs, the most important one first. Say what you are not sure of.",
        "Shorter, and honest about what is uncertain",
        "good",
        {1: ExampleArm(104, 63, 2, 620, 0.0021), 2: ExampleArm(98, 82, 1, 590, 0.0016)},
    ),
    Example(
        "assistant.trading",
        "You keep a trading journal with a person. Ask for what is missing in an entry: the plan, the size, the exit, the mood. "
        "Quote the entry that you rely on, and never advise anyone to buy or sell.",
        "Asks for what is missing in an entry",
        "thumbs",
        {1: ExampleArm(41, 26, 0, 780, 0.0034), 2: ExampleArm(44, 31, 1, 790, 0.0037)},
    ),
)


def make_all() -> int:
    """Creates the examples whose prompt is unchanged, and returns how many there are."""
    return sum(_make(example) for example in EXAMPLES)


def _make(example: Example) -> bool:
    owner = db.session.scalar(select(User).where(User.role == "owner"))
    if owner is None or db.session.scalar(select(Prompt.id).where(Prompt.key == example.key, Prompt.owner_id.is_(None))):
        return False
    prompt = queries.prompt(owner, example.key)
    if prompt is None:
        return False
    entered = VersionInput(sections=[SectionInput(name="Instructions", text=example.text)], note=example.note)
    author = PersonAuthor(owner, "example data")
    service.publish(prompt, entered, author=author)
    # The example's version must not be used in people's chats.
    current_prompt = queries.prompt(owner, example.key) or prompt
    service.choose(current_prompt, FIXED, queries.FIRST, author=author)
    with write() as session:
        _store(session, current_prompt.id, example)
    return True


def _store(session: Session, prompt_id: str, example: Example) -> None:
    began_at = utc_now() - AGE
    about = {"method": A_B_TEST, "outcome": example.outcome, "min_samples": 20, "is_example": True}
    one = Experiment(prompt_id=prompt_id, created_at=began_at, weighed_at=began_at, ended_at=began_at + LENGTH, **about)
    session.add(one)
    session.flush()
    luck = Random(example.key)
    for place, (version, arm) in enumerate(example.arms.items()):
        session.add(ExperimentArm(experiment_id=one.id, version=version, place=place, weight=50.0))
        session.add_all(_exposure(one, version, number, arm, luck) for number in range(arm.answers))


def _exposure(one: Experiment, version: int, number: int, arm: ExampleArm, luck: Random) -> Exposure:
    name = f"example:{version}:{number}"
    return Exposure(
        experiment_id=one.id,
        version=version,
        created_at=one.created_at + LENGTH * luck.random(),
        lane=name,
        unit=name,
        generation_id=name,
        is_good=number < arm.good,
        is_broken=number >= arm.answers - arm.broken,
        first_text_ms=round(arm.first_text_ms * luck.lognormvariate(0, 0.35)),
        cost=arm.cost * luck.uniform(0.7, 1.3),
        settled_at=one.ended_at,
    )
