"""The monthly quota of plans: no race exceeds it, failures don't count, and a continued plan counts once."""

from datetime import UTC, datetime

import gevent
import pytest

from tests.plans.conftest import GOALS, LorebookEditor
from tests.plans.halting import BEGINNING, WEEK_1
from tests.support.marks import on_both_databases
from webapp.base.db import db, write
from webapp.base.errors import TooMany
from webapp.people.accounts.tables import User
from webapp.plans.tables import PlanInputs, PlanQuota
from webapp.plans.writing import service
from webapp.plans.writing.quota import QuotaUsedUp

LIMIT = 3


@pytest.fixture
def limited(desk: LorebookEditor) -> LorebookEditor:
    desk.set("limits.plans_per_month", str(LIMIT))
    return desk


def used(desk: LorebookEditor) -> int:
    with desk.app.app_context():
        return db.session.scalars(db.select(PlanQuota.used)).one()


@pytest.mark.slow
@on_both_databases
def test_of_twenty_at_once_exactly_three_are_made(limited: LorebookEditor) -> None:
    def attempt() -> str | QuotaUsedUp:
        try:
            return limited.begin()
        except QuotaUsedUp as refusal:
            return refusal

    before = datetime.now(UTC)
    outcomes = [greenlet.get() for greenlet in [gevent.spawn(attempt) for _ in range(20)]]
    after = datetime.now(UTC)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, QuotaUsedUp)]
    plans = [limited.ended(outcome) for outcome in outcomes if isinstance(outcome, str)]

    assert [plan.status for plan in plans] == ["completed"] * LIMIT
    assert len(refusals) == 20 - LIMIT
    assert used(limited) == LIMIT
    for refusal in refusals:
        resets_at = datetime.fromisoformat(str(refusal.details()["resetAt"]))
        assert (resets_at.day, resets_at.hour) == (1, 0)
        assert (resets_at - after).total_seconds() - 2 < refusal.retry_after < (resets_at - before).total_seconds() + 2


@pytest.mark.slow
@on_both_databases
def test_of_twenty_at_once_only_so_many_are_written_as_one_may_have(desk: LorebookEditor) -> None:
    desk.set("limits.concurrent_streams", str(LIMIT))
    desk.halting(BEGINNING)
    with desk.app.app_context():
        wishes = service.submit(db.session.get_one(User, desk.owner_id), "monthly", GOALS).id

    def attempt() -> str | TooMany:
        try:
            with desk.app.app_context():
                return service.make(db.session.get_one(PlanInputs, wishes), model="demo/quick").id
        except TooMany as refusal:
            return refusal

    with desk.app.app_context(), write():
        # The check for running plans admits all of them, since none runs yet, and they wait for the write lock.
        begun = [gevent.spawn(attempt) for _ in range(20)]
        for _ in range(200):
            gevent.sleep(0)
    outcomes = [greenlet.get() for greenlet in begun]
    plans = [outcome for outcome in outcomes if isinstance(outcome, str)]

    assert len(plans) == LIMIT
    for id in plans:
        with desk.at(id) as plan:
            service.stop(plan)
        desk.ended(id)


@pytest.mark.slow
def test_twenty_at_once_are_all_made_and_counted(desk: LorebookEditor) -> None:
    desk.set("limits.plans_per_month", "20")
    demo = desk.halting(BEGINNING)
    ids = [desk.begin(values={"goals": [f"Goal {number}"]}) for number in range(20)]
    assert len(desk.engine.live) == 20
    demo.go_on()
    plans = [desk.ended(id) for id in ids]
    assert [plan.status for plan in plans] == ["completed"] * 20
    assert len({str(plan.content) for plan in plans}) == 20
    assert used(desk) == 20
    with pytest.raises(QuotaUsedUp):
        desk.begin()


def test_a_plan_of_which_nothing_came_gives_its_unit_back(limited: LorebookEditor) -> None:
    limited.halting(BEGINNING)
    id = limited.begin()
    assert used(limited) == 1
    with limited.at(id) as plan:
        service.stop(plan)
    assert limited.ended(id).status == "failed"
    assert (used(limited), limited.plan(id).unit_month) == (0, "")


@pytest.mark.slow
def test_a_stopped_plan_is_settled_once_and_costs_nothing_more(limited: LorebookEditor) -> None:
    limited.halting(WEEK_1)
    id = limited.begin()
    limited.until(lambda: "monthly_summary" in limited.elements(id))
    with limited.at(id) as plan:
        service.stop(plan)
    assert limited.ended(id).status == "partial"
    assert used(limited) == 1
    limited.pace(0)
    with limited.at(id) as plan:
        service.finish_it(plan)
    assert limited.ended(id).status == "completed"
    assert used(limited) == 1
