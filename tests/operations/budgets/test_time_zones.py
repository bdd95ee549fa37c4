"""After a change of the team's time zone, a budget's usage is counted again from what its answers were charged."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.client import Client, client_of
from tests.operations.budgets.conftest import answered, level
from tests.support.marks import also_on_postgres
from webapp.base.db import db, write
from webapp.operations.budgets import periods
from webapp.operations.budgets.recount import begin
from webapp.operations.budgets.tables import Budget, BudgetPeriod
from webapp.people.accounts import tokens
from webapp.people.accounts.roles import SCOPES
from webapp.people.accounts.tables import ApiToken, User

# Their days and months begin on different dates.
ZONES = ("Etc/GMT+11", "Etc/GMT-13")


def moved(program: Client, zone: str) -> None:
    program.said("PUT", "/settings/team.time_zone", 200, {"value": zone})


@also_on_postgres
def test_estimates_still_count_where_no_server_reports_tokens(program, made, fake):
    fake.says("Well.", sends_usage=False)
    moved(program, ZONES[0])
    budget = made(100_000, "tokens")
    answered(program, "How many words are there in this question of mine?")
    used = level(program, budget)
    assert used[0] > 10
    for zone in (ZONES[1], ZONES[0]):
        moved(program, zone)
        assert level(program, budget) == used


def test_what_an_api_token_used_still_counts(app, program, member, made, fake):
    fake.says("Well.")
    moved(program, ZONES[0])
    with app.app_context():
        secret = tokens.make_token(db.session.get_one(User, member.person_id), "mine", tuple(SCOPES)[:6])
        token_id = db.session.scalar(db.select(ApiToken.id).where(ApiToken.name == "mine"))
    budget, theirs = made(50, who="token", who_id=token_id), client_of(app, member.email)
    answered(theirs)
    theirs.headers = {"Authorization": f"Bearer {secret}"}
    answered(theirs)
    assert level(program, budget) == (1, 0)
    for zone in (ZONES[1], ZONES[0]):
        moved(program, zone)
        assert level(program, budget) == (1, 0)


@pytest.mark.slow
def test_answers_of_deleted_chats_still_count(program, made, fake):
    fake.says("Well.")
    moved(program, ZONES[0])
    budget = made(50)
    answered(program)
    chat = program.get("/chats")["chats"][0]
    program.said("DELETE", f"/chats/{chat['id']}", 204)
    program.said("POST", f"/chats/{chat['id']}/erase", 204)
    assert level(program, budget) == (1, 0)
    moved(program, ZONES[1])
    assert level(program, budget) == (1, 0)


@pytest.mark.parametrize("moment", [datetime(2030, 11, 30, 13, tzinfo=UTC), datetime(2030, 12, 1, 9, tzinfo=UTC)])
def test_at_the_end_of_a_month_no_period_of_another_zone_stays(app, program, made, moment):
    """There it is the last day in one zone and the first in the other, so that their periods begin a month apart."""
    id = made(5)["id"]
    with app.app_context():
        for zone in (ZONES[0], ZONES[1], ZONES[0]):
            moved(program, zone)
            starts_at = periods.beginning(moment, "month", zone)
            earlier = periods.beginning(starts_at - timedelta(hours=1), "month", zone)
            with write() as session:
                budget = session.get_one(Budget, id)
                begin(session, budget, earlier)
                begin(session, budget, starts_at)
            rows = db.session.scalars(db.select(BudgetPeriod.starts_at).where(BudgetPeriod.budget_id == id))
            assert sorted(rows)[-2:] == [earlier, starts_at]
