"""A list of many rows reads only those that it shows; each of the others costs the event loop a few SQLite steps."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import insert
from sqlalchemy.orm import Session

from tests.support.people import user_with_password
from tests.support.steps import steps_on_the_loop
from webapp.base.db import write
from webapp.base.ids import new_id
from webapp.chat.record.tables import Chat
from webapp.knowledge.tables import Collection, Document
from webapp.knowledge.vectors import vector_sets
from webapp.plans import queries as plan_queries
from webapp.plans.tables import Plan, PlanInputs
from webapp.workflows import queries as workflow_queries
from webapp.workflows.tables import WorkflowRun

MANY = 1_000
# SQLite VM instructions per row: to find it and to sort by its id.
STEPS_EACH = 25


@pytest.fixture
def me(app: Flask) -> Iterator[str]:
    with app.app_context():
        yield user_with_password("me@example.org", "member").id


def collections(session: Session, me: str) -> None:
    """Adds many collections, one of which has as many documents."""
    ids = [new_id() for _ in range(MANY)]
    session.execute(insert(Collection), [{"id": id, "owner_id": me, "name": "Manuals"} for id in ids])
    document = {"collection_id": ids[0], "title": "A manual", "state": "ready", "bytes": 1, "characters": 1}
    session.execute(insert(Document), [{**document, "hash": str(number)} for number in range(MANY)])


def made_plans(session: Session, me: str) -> None:
    inputs = PlanInputs(owner_id=me, type="monthly", values={})
    session.add(inputs)
    session.flush()
    plan = {"owner_id": me, "inputs_id": inputs.id, "type": "monthly", "about": {}}
    session.execute(insert(Plan), [{**plan, "id": new_id()} for _ in range(MANY)])


def begun_runs(session: Session, me: str) -> None:
    ids = [new_id() for _ in range(MANY)]
    session.execute(insert(Chat), [{"id": id, "owner_id": me, "model": "some/model"} for id in ids])
    run = {"owner_id": me, "slug": "triage", "version": 1, "source": ""}
    session.execute(insert(WorkflowRun), [{**run, "id": id, "chat_id": id} for id in ids])


LISTS: list[tuple[Callable[[Session, str], None], Callable[[str], object]]] = [
    (collections, lambda _: vector_sets.is_behind()),
    (made_plans, plan_queries.plans_of),
    (begun_runs, workflow_queries.runs_of),
]


@pytest.mark.parametrize(("fill", "read"), LISTS)
def test_a_list_reads_what_it_shows(
    app: Flask, me: str, fill: Callable[[Session, str], None], read: Callable[[str], object]
) -> None:
    with write() as session:
        fill(session, me)

    with steps_on_the_loop(app) as steps:
        read(me)
    assert steps.count < MANY * STEPS_EACH
