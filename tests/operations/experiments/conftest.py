"""Fixtures: two versions of the prompt for chats, and answers with known outcomes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.upstream.fixtures import app
from webapp.base.db import db, utc_now, write
from webapp.operations.experiments import queries, service
from webapp.operations.experiments.service import ExperimentInput
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.prompts import queries as prompt_queries, service as prompt_service
from webapp.prompts.tables import Experiment, Exposure
from webapp.prompts.validation import SectionInput, VersionInput
from webapp.settings.service import set_setting

__all__ = ["app"]


@pytest.fixture
def admin(app: Flask, owner: Browser) -> User:
    with app.app_context():
        # The request for a title comes at no fixed time.
        set_setting("models.titles", "off")
        found: User = db.session.get_one(User, owner.person_id)
        db.session.expunge(found)
        return found


@pytest.fixture
def publish(app: Flask, admin: User) -> Callable[[str], int]:
    """Publishes a version of `quick`."""

    def publish(text: str) -> int:
        with app.app_context():
            entered = VersionInput(sections=[SectionInput(name="How", text=text)])
            return prompt_service.publish(prompt_queries.prompt(admin, "quick"), entered, author=PersonAuthor(admin))

    return publish


@pytest.fixture
def started(app: Flask, admin: User, publish: Callable[[str], int]) -> Callable[..., str]:
    """Starts an experiment on two versions of `quick` and returns its id."""

    def started(weights: dict[int, float] | None = None, **more: Any) -> str:
        publish("Answer in rhymes.")
        publish("Answer in prose.")
        with app.app_context():
            entered = ExperimentInput(weights=weights or {2: 50, 3: 50}, **more)
            return service.start(prompt_queries.prompt(admin, "quick"), entered, author=PersonAuthor(admin))

    return started


def played(id: str, version: int, *, good: int, bad: int = 0, broken: int = 0) -> None:
    """Adds settled answers of an arm, each for a different person; failed ones also count as bad."""
    values = [(True, False)] * good + [(False, False)] * bad + [(False, True)] * broken
    with write() as session:
        for number, (is_good, is_broken) in enumerate(values):
            name = f"{version}:{number}"
            known = {"is_good": is_good, "is_broken": is_broken, "first_text_ms": 100 * version + number, "cost": 0.001 * version}
            about = {"lane": name, "unit": name, "generation_id": name, "settled_at": utc_now() - timedelta(days=1)}
            session.add(Exposure(experiment_id=id, version=version, **known, **about))


def found(id: str) -> Experiment:
    one = queries.experiment(id)
    assert one is not None
    return one
