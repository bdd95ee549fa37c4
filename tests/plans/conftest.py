"""Plans in the test's process: a person who makes them, and helpers to see the results."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from tests.plans.halting import Halting, halting
from tests.plans.program import Program
from tests.support.people import user_with_password
from tests.support.waiting import until
from webapp.base.db import db
from webapp.engine.engine import ENGINE, Engine
from webapp.engine.tables import Generation
from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream
from webapp.people.accounts.tables import User
from webapp.plans import queries
from webapp.plans.tables import Plan
from webapp.plans.writing import service
from webapp.settings.service import set_setting, setting

GOALS = {"goals": ["Finish the shelf", "Answer old letters"], "start_date": "2026-03-02"}
UNLIMITED = ("limits.streams_per_minute", "limits.concurrent_streams", "limits.made_per_minute")


class LorebookEditor:
    """Makes plans through the services, without pages."""

    def __init__(self, app: Flask) -> None:
        self.app, self.engine = app, ENGINE.of(app)
        assert isinstance(self.engine, Engine)
        with app.app_context():
            self.owner_id = user_with_password("planner@example.org", "member").id
        for name in UNLIMITED:
            self.set(name, "0")
        self.set("demo.fallback", "always")

    def set(self, name: str, value: str) -> None:
        """Changes a setting and waits until it is in effect."""
        with self.app.app_context():
            set_setting(name, value)
            self.until(lambda: str(setting(name)) == value)

    def pace(self, seconds: float) -> None:
        """Sets the seconds that the demo takes for each word."""
        PROVIDERS.set(Providers(DemoProvider(pace=seconds), Upstream()), self.app)

    def halting(self, *words: str) -> Halting:
        """Makes the demo halt before each of these words."""
        return halting(self.app, *words)

    def begin(self, type: str = "monthly", *, model: str = "demo/quick", values: dict[str, Any] | None = None, **how: Any) -> str:
        with self.app.app_context():
            owner = db.session.get_one(User, self.owner_id)
            inputs = service.submit(owner, type, values or GOALS)
            return service.make(inputs, model=model, **how).id

    def made(self, type: str = "monthly", **how: Any) -> Plan:
        return self.ended(self.begin(type, **how))

    def ended(self, id: str) -> Plan:
        self.until(lambda: not self.plan(id).is_running)
        return self.plan(id)

    def plan(self, id: str) -> Plan:
        with self.app.app_context():
            plan = db.session.get_one(Plan, id)
            db.session.expunge(plan)
            return plan

    def generation(self, id: str) -> Generation:
        with self.app.app_context():
            generation = queries.generation_of(db.session.get_one(Plan, id))
            assert generation
            db.session.expunge(generation)
            return generation

    @contextmanager
    def at(self, id: str) -> Iterator[Plan]:
        """Yields the plan within an application context."""
        with self.app.app_context():
            yield db.session.get_one(Plan, id)

    def elements(self, id: str) -> list[str]:
        """Returns the finished elements of a plan that is being written."""
        with self.app.app_context():
            broadcast = self.engine.logs.broadcast(self.generation(id))
            broadcast.catch_up()
            return list(broadcast.projection.draft.elements)

    def until(self, is_so: Callable[[], object], seconds: float = 60) -> None:
        until(is_so, "it is so", seconds=seconds)


@pytest.fixture
def desk(app: Flask) -> LorebookEditor:
    return LorebookEditor(app)


@pytest.fixture
def program(app: Flask) -> Program:
    return Program(app, "program@example.org")
